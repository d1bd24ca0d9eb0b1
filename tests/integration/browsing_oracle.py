"""What a page should hold, worked out in Python from all rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from zava_server.business.browsing import Filter

Row = dict[str, Any]

_CATALOGUE = """
JOIN retail.categories AS c USING (category_id)
JOIN retail.product_types AS t USING (type_id)
"""
CONTENTS = {
    "orders": """
        SELECT o.*, s.name AS store,
            nullif(trim(c.first_name || ' ' || c.last_name), '') AS customer
        FROM retail.orders AS o JOIN retail.stores AS s USING (store_id)
        LEFT JOIN retail.customers AS c USING (store_id, customer_id)
    """,
    "order_items": """
        SELECT i.*, s.name AS store, p.sku, p.name AS product, o.order_date, o.status
        FROM retail.order_items AS i JOIN retail.stores AS s USING (store_id)
        JOIN retail.orders AS o USING (store_id, order_id)
        JOIN retail.products AS p USING (product_id)
    """,
    "customers": """
        SELECT c.*, s.name AS store
        FROM retail.customers AS c JOIN retail.stores AS s USING (store_id)
    """,
    "inventory": f"""
        SELECT i.*, s.name AS store, p.sku, p.name AS product, c.name AS category,
            t.name AS product_type, stock_level <= reorder_point AS to_reorder
        FROM retail.inventory AS i JOIN retail.stores AS s USING (store_id)
        JOIN retail.products AS p USING (product_id) {_CATALOGUE}
    """,
    "products": f"""
        SELECT p.*, c.name AS category, t.name AS product_type
        FROM retail.products AS p {_CATALOGUE}
    """,
}
KEYS = {
    "orders": ("order_id", "store_id"),
    "order_items": ("order_id", "line_no", "store_id"),
    "customers": ("customer_id", "store_id"),
    "inventory": ("product_id", "store_id"),
    "products": ("product_id",),
}
SORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "orders": {"order_date": ("order_date",), "total_amount": ("total_amount",)},
    "order_items": {"order_date": ("order_date",)},
    "customers": {
        "last_name": ("last_name", "first_name"),
        "email": ("email",),
        "created_at": ("created_at",),
    },
    "inventory": {"product": ("product",), "sku": ("sku",), "stock_level": ("stock_level",)},
    "products": {"name": ("name",), "sku": ("sku",), "base_price": ("base_price",)},
}

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, wanted: found == wanted,
    ">=": lambda found, wanted: found >= wanted,
    "<=": lambda found, wanted: found <= wanted,
    ">": lambda found, wanted: found > wanted,
    "<": lambda found, wanted: found < wanted,
    "in": lambda found, wanted: found in wanted,
    "contains": lambda found, wanted: wanted.lower() in found.lower(),
    "starts_with": lambda found, wanted: found.startswith(wanted),
}


@dataclass(frozen=True)
class Oracle:
    """All rows of the tables, whoever they belong to."""

    tables: dict[str, Sequence[Row]]

    @classmethod
    async def of(cls, owner: asyncpg.Connection) -> Oracle:
        return cls(
            {
                table: [dict(row) for row in await owner.fetch(sql)]
                for table, sql in CONTENTS.items()
            }
        )

    def rows(
        self,
        table: str,
        stores: Sequence[UUID],
        filters: Sequence[Filter],
        sort: str,
        *,
        descending: bool,
    ) -> list[Row]:
        names = (*SORTS[table][sort], *KEYS[table])
        return sorted(
            (
                row
                for row in self.tables[table]
                if row.get("store_id") in (*stores, None) and all(holds(row, f) for f in filters)
            ),
            key=lambda row: [_rank(row[name]) for name in names],
            reverse=descending,
        )


def holds(row: Row, wish: Filter) -> bool:
    found = row[wish.column]
    if found is None:
        return False
    kind = type(found)

    def typed(value: Any) -> Any:
        return _FROM_TEXT.get(kind, kind)(value)

    wanted = (
        [typed(value) for value in wish.value]
        if isinstance(wish.value, list)
        else typed(wish.value)
    )
    return _HOLDS[wish.operator](found, wanted)


_FROM_TEXT: dict[type, Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    Decimal: lambda value: Decimal(str(value)),
}


def as_sent(value: Any) -> Any:
    """A value as a caller would write it in JSON."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
    return value


def _rank(value: Any) -> tuple[bool, Any]:
    """NULL after everything, texts by their bytes, UUIDs by theirs."""
    match value:
        case None:
            return (True, 0)
        case str():
            return (False, value.encode())
        case UUID():
            return (False, value.bytes)
    return (False, value)
