"""Orders with their lines into the database, some ten thousands at a time.

An order that is there already gets its new lines only if they differ, so that importing the same
files again writes nothing.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zava_server.data.ahead import made_ahead
from zava_server.data.binary_copy import Kind
from zava_server.data.importing.staging import EncodedRows, copy_rows, stage
from zava_server.data.importing.table_writing import order_of_ids
from zava_server.data.importing.tables import EMPTY
from zava_server.data.importing.upserts import Written, upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import asyncpg
    from numpy.typing import NDArray

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.tables import Flags, Table

    Columns = Mapping[str, NDArray[Any]]

# Orders and lines together. Fewer cost more statements, more cost memory.
_SLICE_ROWS = 110_000

_ORDER = {
    "store_id": Kind.UUID,
    "order_id": Kind.UUID,
    # Nil for none.
    "customer_id": Kind.UUID,
    "order_date": Kind.MICROSECONDS,
    "status": Kind.INTEGER,
    "total_amount": Kind.HUNDREDTHS,
    # Whether a row of orders describes it, and whether it is in the database.
    "described": Kind.BOOLEAN,
    "known": Kind.BOOLEAN,
}
_LINE = {
    "store_id": Kind.UUID,
    "order_id": Kind.UUID,
    "line_no": Kind.INTEGER,
    "product_id": Kind.UUID,
    "quantity": Kind.INTEGER,
    "unit_price": Kind.HUNDREDTHS,
    "discount_percent": Kind.HUNDREDTHS,
    "total_amount": Kind.HUNDREDTHS,
}

_MAY_COPY = "SELECT NOT row_security_active('retail.order_items')"
_PREPARE = """
CREATE TEMPORARY TABLE changed_orders (store_id uuid, order_id uuid) ON COMMIT DROP
"""
_FIND_CHANGED = """
TRUNCATE changed_orders;
INSERT INTO changed_orders
SELECT DISTINCT store_id, order_id
FROM (
    SELECT l.* FROM staged_lines AS l JOIN staged_orders AS o USING (store_id, order_id)
    WHERE o.known
) AS comes
FULL JOIN (
    SELECT i.* FROM retail.order_items AS i JOIN staged_orders AS o USING (store_id, order_id)
    WHERE o.known
) AS was USING (store_id, order_id, line_no)
WHERE (comes.product_id, comes.quantity, comes.unit_price, comes.discount_percent,
        comes.total_amount)
    IS DISTINCT FROM
    (was.product_id, was.quantity, was.unit_price, was.discount_percent, was.total_amount);
DELETE FROM retail.order_items AS i USING changed_orders AS c
WHERE i.store_id = c.store_id AND i.order_id = c.order_id;
INSERT INTO touched_stores SELECT DISTINCT store_id FROM changed_orders;
"""
_TOUCH_NEW = """
INSERT INTO touched_stores SELECT DISTINCT store_id FROM staged_orders WHERE NOT known
"""
# The statuses in the order of `STATUSES`.
_ORDER_ROWS = """
SELECT store_id, order_id, nullif(customer_id, '00000000-0000-0000-0000-000000000000'),
    order_date, (ARRAY['completed', 'pending', 'cancelled'])[status + 1], total_amount
FROM staged_orders
WHERE described
"""
# Of orders that are in the database and no file describes, the lines have come.
_SET_TOTALS = """
UPDATE retail.orders AS kept SET total_amount = s.total_amount
FROM staged_orders AS s
WHERE NOT s.described AND kept.store_id = s.store_id AND kept.order_id = s.order_id
    AND kept.total_amount <> s.total_amount
"""
_ADD_LINES = """
INSERT INTO retail.order_items (store_id, order_id, line_no, product_id, quantity, unit_price,
    discount_percent, total_amount)
SELECT store_id, order_id, line_no, product_id, quantity, unit_price, discount_percent, total_amount
FROM staged_lines
"""
_ADD_LINES_OF_NEW_AND_CHANGED = """
INSERT INTO retail.order_items (store_id, order_id, line_no, product_id, quantity, unit_price,
    discount_percent, total_amount)
SELECT l.*
FROM staged_lines AS l
JOIN staged_orders AS o USING (store_id, order_id)
LEFT JOIN changed_orders AS c USING (store_id, order_id)
WHERE NOT o.known OR c.order_id IS NOT NULL
ORDER BY store_id, order_id, l.line_no
"""


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some orders and all their lines, ready to be sent, and what is known of the orders."""

    orders: EncodedRows
    lines: EncodedRows
    described: NDArray[np.bool_]
    known: NDArray[np.bool_]


class OrderWriter:
    """Writes the orders that `kept` lets in. `orders` or `order_items` may lack."""

    def __init__(
        self,
        owner: asyncpg.Connection,
        tables: Mapping[str, Table],
        links: Links,
        kept: Mapping[str, Flags],
    ) -> None:
        self._owner = owner
        self._links = links
        self._orders = tables.get("orders")
        self._items = tables.get("order_items")
        self._may_copy = False
        self._line_rows = np.flatnonzero(kept.get("order_items", np.zeros(0, bool)))
        self._order_rows = np.flatnonzero(kept.get("orders", np.zeros(0, bool)))

    async def write(self, progress: Callable[[int], None]) -> Mapping[str, Written]:
        """What has been written of each file; `progress` learns how many rows of both are done.

        Lines that take the place of an order's former ones count as new.
        """
        await self._owner.execute(_PREPARE)
        self._may_copy = await self._owner.fetchval(_MAY_COPY)
        orders, lines, done = Written(), Written(), 0
        async with aclosing(made_ahead(self._slices())) as slices:
            async for part in slices:
                orders_written, lines_written = await self._write_slice(part)
                orders += orders_written
                lines += lines_written
                done += int(part.described.sum()) + part.lines.size
                progress(done)
        written = {}
        if self._orders is not None:
            written["orders"] = orders
        if self._items is not None:
            written["order_items"] = lines
        return written

    async def _write_slice(self, part: _Slice) -> tuple[Written, Written]:
        owner = self._owner
        await stage(owner, "staged_orders", part.orders)
        lines_come = self._items is not None
        known = bool(part.known.any())
        # Lines of new orders alone need not be compared with anything.
        copies_lines = self._may_copy and not known
        if lines_come:
            if not copies_lines:
                await stage(owner, "staged_lines", part.lines)
            if known:
                await owner.execute(_FIND_CHANGED)
            if not part.known.all():
                await owner.execute(_TOUCH_NEW)
        written = Written()
        if self._orders is not None:
            absent = {"customer_code", "status"} - self._orders.present
            kept = {name for name, column in _OPTIONAL.items() if column in absent}
            written = await upsert(
                owner,
                "retail.orders",
                key=["store_id", "order_id"],
                columns=[name for name in _ORDER if name not in {"described", "known"}],
                kept=kept if lines_come else kept | {"total_amount"},
                rows=_ORDER_ROWS,
                noted_in="touched_stores",
            )
        if not lines_come:
            return written, Written()
        if not part.described.all():
            await owner.execute(_SET_TOTALS)
        if copies_lines:
            await copy_rows(owner, "order_items", part.lines, schema="retail")
            return written, Written(new=part.lines.size)
        added = await owner.execute(_ADD_LINES_OF_NEW_AND_CHANGED if known else _ADD_LINES)
        return written, Written(new=int(added.rpartition(" ")[2]))

    def _slices(self) -> Iterator[_Slice]:
        """Orders in the order of the index, each with its lines after one another."""
        orders, totals = self._all_orders()
        lines, order_of_line = self._all_lines(orders)
        ends = np.searchsorted(order_of_line, np.arange(len(orders)), side="right")
        # So many rows are written when an order is.
        rows = ends + np.arange(1, len(orders) + 1)
        start = first_line = 0
        while start < len(orders):
            so_far = rows[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(rows, so_far + _SLICE_ROWS, side="right")))
            last_line = int(ends[end - 1])
            some = self._order_columns(orders[start:end], totals)
            yield _Slice(
                EncodedRows.of(_ORDER, some),
                self._encoded_lines(
                    lines[first_line:last_line], order_of_line[first_line:last_line], orders
                ),
                some["described"],
                some["known"],
            )
            start, first_line = end, last_line

    def _all_orders(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the orders to write, sorted, and the totals by number."""
        things = self._links.orders
        totals = np.zeros(len(things.keys), np.int64)
        numbers: list[NDArray[np.int32]] = []
        if self._items is not None:
            of_lines = self._links.order_of["order_items"][self._line_rows]
            np.add.at(totals, of_lines, self._items.numbers["total_amount"][self._line_rows])
            numbers.append(of_lines)
        if self._orders is not None:
            numbers.append(self._links.order_of["orders"][self._order_rows])
        orders = np.unique(np.concatenate(numbers)).astype(np.int64)
        by_id = order_of_ids(self._links.stores.ids[things.stores[orders]], things.ids[orders])
        return orders[by_id], totals

    def _all_lines(self, orders: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of the lines by order, else as in the file; the positions of their orders."""
        if self._items is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        position = np.zeros(len(self._links.orders.keys), np.int64)
        position[orders] = np.arange(len(orders))
        of_lines = position[self._links.order_of["order_items"][self._line_rows]]
        by_order = np.argsort(of_lines, kind="stable")
        return self._line_rows[by_order], of_lines[by_order]

    def _order_columns(self, numbers: NDArray[np.int64], totals: NDArray[np.int64]) -> Columns:
        links, things = self._links, self._links.orders
        described = np.zeros(len(numbers), bool)
        customers = np.zeros((len(numbers), 16), np.uint8)
        dates = np.zeros(len(numbers), np.int64)
        statuses = np.zeros(len(numbers), np.int64)
        if self._orders is not None:
            rows = things.rows[numbers]
            described = rows >= 0
            rows = rows[described]
            customer = links.customer_of["orders"][rows]
            # The last one is nil, for NO_CODE.
            ids = np.vstack([links.customers.ids, np.zeros((1, 16), np.uint8)])
            customers[described] = ids[customer]
            dates[described] = self._orders.numbers["order_date"][rows]
            status = self._orders.numbers["status"][rows]
            statuses[described] = np.where(status == EMPTY, 0, status)
        return {
            "store_id": links.stores.ids[things.stores[numbers]],
            "order_id": things.ids[numbers],
            "customer_id": customers,
            "order_date": dates,
            "status": statuses,
            "total_amount": totals[numbers],
            "described": described,
            "known": things.known[numbers],
        }

    def _encoded_lines(
        self,
        rows: NDArray[np.int64],
        order_of_line: NDArray[np.int64],
        orders: NDArray[np.int64],
    ) -> EncodedRows:
        if self._items is None:
            return EncodedRows(_LINE, 0, b"")
        links, things, cells = self._links, self._links.orders, self._items.numbers
        numbers = orders[order_of_line]
        first = np.searchsorted(order_of_line, order_of_line, side="left")
        columns: Columns = {
            "store_id": links.stores.ids[things.stores[numbers]],
            "order_id": things.ids[numbers],
            "line_no": np.arange(1, len(rows) + 1) - first,
            "product_id": links.products.ids[links.product_of["order_items"][rows]],
            "quantity": cells["quantity"][rows],
            "unit_price": cells["unit_price"][rows],
            "discount_percent": cells["discount_percent"][rows],
            "total_amount": cells["total_amount"][rows],
        }
        return EncodedRows.of(_LINE, columns)


_OPTIONAL = {"customer_id": "customer_code", "status": "status"}
