"""Life in the stores: orders come in now, stock falls and is delivered again."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from zava_server.data.demo.baskets import Shelf
from zava_server.data.demo.customers import make_people
from zava_server.data.demo.market import read_market
from zava_server.data.demo.randomness import pick, random_uuids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg

    from zava_server.data.demo.market import Market, Shop

_NEW_CUSTOMER = 0.185
_RETURN = 0.03
_RETURNED_WITHIN_DAYS = 60
# A day of the demo's stores goes by in a minute or two.
_DELIVERY_SECONDS = (60.0, 240.0)
_DELIVERED_REORDER_POINTS, _LEAST_DELIVERY = 3, 4

_STOCK = """
SELECT product_id, stock_level FROM retail.inventory
WHERE store_id = $1 AND product_id = ANY ($2)
ORDER BY product_id
FOR UPDATE
"""
_MOVE_STOCK = """
UPDATE retail.inventory AS i SET stock_level = greatest(i.stock_level + moved.units, 0)
FROM unnest($2::uuid[], $3::int[]) AS moved (product_id, units)
WHERE i.store_id = $1 AND i.product_id = moved.product_id
RETURNING i.product_id, i.stock_level, i.reorder_point
"""
# Whoever has bought more often is met more often.
_A_CUSTOMER = """
SELECT customer_id FROM retail.orders WHERE store_id = $1 AND order_id >= $2
ORDER BY order_id LIMIT 1
"""
_NEW = """
INSERT INTO retail.customers (store_id, customer_id, first_name, last_name, email)
VALUES ($1, $2, $3, $4, $5)
"""
_ORDER = """
INSERT INTO retail.orders (store_id, customer_id, order_date, status, total_amount)
VALUES ($1, $2, now(), 'completed', $3)
RETURNING order_id, order_date
"""
_LINES = """
INSERT INTO retail.order_items
    (store_id, order_id, line_no, product_id, quantity, unit_price, discount_percent, total_amount)
SELECT $1, $2, line.*
FROM unnest($3::int[], $4::uuid[], $5::int[], $6::numeric[], $7::numeric[], $8::numeric[]) AS line
"""
_BOUGHT_LATELY = """
SELECT o.customer_id, i.product_id, i.quantity, i.unit_price, i.discount_percent
FROM (
    SELECT store_id, order_id, customer_id FROM retail.orders
    WHERE store_id = $1 AND order_date >= now() - make_interval(days => $2)
        AND status = 'completed'
    ORDER BY order_date
    LIMIT 1
) AS o
JOIN retail.order_items AS i USING (store_id, order_id)
WHERE i.quantity > 0
ORDER BY i.line_no
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Line:
    """An order line; money in US dollars, discount in percent."""

    product_id: UUID
    quantity: int
    unit_price: Decimal
    discount: Decimal

    @property
    def total(self) -> Decimal:
        """What it comes to, rounded half away from zero as everywhere."""
        exact = abs(self.quantity) * self.unit_price * (100 - self.discount) / 100
        rounded = (exact + Decimal("0.005")) // Decimal("0.01") * Decimal("0.01")
        return rounded if self.quantity > 0 else -rounded


@dataclass(frozen=True, slots=True)
class Sale:
    """An order that was placed; of a return `units` and `total` are negative."""

    at: datetime
    store: str
    lines: int
    units: int
    total: Decimal


class Simulation:
    """Places orders through the owner's connection, each in a transaction of its own."""

    def __init__(self, owner: asyncpg.Connection, market: Market, rng: np.random.Generator) -> None:
        self._owner = owner
        self._market = market
        self._rng = rng
        self._on_the_way: dict[tuple[UUID, UUID], tuple[float, int]] = {}
        self.deliveries = 0

    @classmethod
    async def of(cls, owner: asyncpg.Connection, rng: np.random.Generator) -> Simulation:
        """A simulation of this database.

        Raises ValidationError when it has no stores or products.
        """
        return cls(owner, await read_market(owner), rng)

    async def run(self, orders_a_minute: float, announce: Callable[[Sale], None]) -> None:
        """Goes on until it is cancelled; announces each order after its commit."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            # Behind its time it does not catch up: a burst would look like nothing real.
            due = max(due + self._rng.exponential(60 / orders_a_minute), clock())
            await asyncio.sleep(due - clock())
            await self.deliver(clock())
            sale = await self.next_order(clock())
            if sale is not None:
                announce(sale)

    async def next_order(self, clock: float) -> Sale | None:
        """One order now, somewhere; None when nothing of the basket was in stock.

        `clock` is in seconds, for deliveries that this order brings about.
        """
        now = datetime.now(UTC)
        shop = self._market.shops[int(pick(self._rng, self._market.bustle(now), 1)[0])]
        async with self._owner.transaction():
            if self._rng.random() < _RETURN:
                customer, lines = await self._bring_back(shop)
            else:
                customer, lines = None, await self._in_stock(shop, self._basket(shop, now))
                if lines:
                    customer = await self._customer(shop)
            if not lines:
                return None
            total = sum((line.total for line in lines), Decimal())
            (order,) = await self._owner.fetch(_ORDER, shop.store_id, customer, total)
            await self._owner.execute(
                _LINES,
                shop.store_id,
                order["order_id"],
                list(range(1, len(lines) + 1)),
                [line.product_id for line in lines],
                [line.quantity for line in lines],
                [line.unit_price for line in lines],
                [line.discount for line in lines],
                [line.total for line in lines],
            )
            taken: Counter[UUID] = Counter()
            for line in lines:
                taken[line.product_id] -= line.quantity
            moved = await self._owner.fetch(
                _MOVE_STOCK, shop.store_id, list(taken), list(taken.values())
            )
        for row in moved:
            self._reorder((shop.store_id, row["product_id"]), row, clock)
        units = sum(line.quantity for line in lines)
        return Sale(order["order_date"], shop.name, len(lines), units, total)

    async def deliver(self, clock: float) -> None:
        """Puts on the shelves what was due by now."""
        arrived = [key for key, (due, _) in self._on_the_way.items() if due <= clock]
        for store_id, product_id in arrived:
            _, units = self._on_the_way[store_id, product_id]
            await self._owner.execute(_MOVE_STOCK, store_id, [product_id], [units])
            del self._on_the_way[store_id, product_id]
            self.deliveries += 1

    def _reorder(self, shelf: tuple[UUID, UUID], stock: asyncpg.Record, clock: float) -> None:
        if stock["stock_level"] > stock["reorder_point"] or shelf in self._on_the_way:
            return
        units = max(_DELIVERED_REORDER_POINTS * stock["reorder_point"], _LEAST_DELIVERY)
        self._on_the_way[shelf] = (clock + self._rng.uniform(*_DELIVERY_SECONDS), units)

    def _basket(self, shop: Shop, now: datetime) -> Sequence[Line]:
        """What somebody would take if all of it were there."""
        taste = self._market.taste(now.astimezone(shop.zone))
        never = np.ones(len(self._market.product_ids), np.int32)
        shelf = Shelf(self._market.assortment, taste, sold_out_from=never)
        chosen = shelf.fill(self._rng, np.zeros(1, np.int32))
        return [
            Line(self._market.product_ids[product], quantity, _dollars(price), Decimal(discount))
            for product, quantity, price, discount in zip(
                chosen.product.tolist(),
                chosen.quantity.tolist(),
                chosen.unit_price.tolist(),
                chosen.discount.tolist(),
                strict=True,
            )
        ]

    async def _in_stock(self, shop: Shop, basket: Sequence[Line]) -> Sequence[Line]:
        """What of it there is; a store that keeps no stock of a product has it always."""
        wanted = [line.product_id for line in basket]
        rows = await self._owner.fetch(_STOCK, shop.store_id, wanted)
        left = {row["product_id"]: row["stock_level"] for row in rows}
        found = []
        for line in basket:
            quantity = min(line.quantity, left.get(line.product_id, line.quantity))
            if quantity:
                found.append(replace(line, quantity=quantity))
        return found

    async def _customer(self, shop: Shop) -> UUID | None:
        """Somebody new, or who bought there before."""
        anybody = _uuid(self._rng)
        if self._rng.random() >= _NEW_CUSTOMER:
            known = await self._owner.fetchrow(_A_CUSTOMER, shop.store_id, anybody)
            if known is not None:
                customer: UUID | None = known["customer_id"]
                return customer
        person = make_people(self._rng, 1)
        first, last, email = (
            text[0].decode() for text in (person.first_name, person.last_name, person.email)
        )
        # Namesakes have bought there for years: a number keeps the address apart from theirs.
        name, _, domain = email.partition("@")
        address = f"{name}.{anybody.hex[:8]}@{domain}"
        await self._owner.execute(_NEW, shop.store_id, anybody, first, last, address)
        return anybody

    async def _bring_back(self, shop: Shop) -> tuple[UUID | None, Sequence[Line]]:
        """A customer and what they return of a recent order, at the price they paid."""
        days = int(self._rng.integers(1, _RETURNED_WITHIN_DAYS, endpoint=True))
        bought = await self._owner.fetchrow(_BOUGHT_LATELY, shop.store_id, days)
        if bought is None:
            return None, []
        units = int(self._rng.integers(1, bought["quantity"], endpoint=True))
        line = Line(bought["product_id"], -units, bought["unit_price"], bought["discount_percent"])
        return bought["customer_id"], [line]


def _dollars(cents: int) -> Decimal:
    return Decimal(cents) / 100


def _uuid(rng: np.random.Generator) -> UUID:
    return UUID(bytes=random_uuids(rng, 1)[0].tobytes())
