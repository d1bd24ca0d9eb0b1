"""Stores, products, customers and stock into the database, whole files at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from zava_server.data.binary_copy import Kind
from zava_server.data.importing.keys import identifiers
from zava_server.data.importing.staging import (
    EncodedRows,
    amount_texts,
    stage,
    stage_records,
    stage_texts,
    uuid_texts,
)
from zava_server.data.importing.tables import EMPTY, NO_CODE, texts_of
from zava_server.data.importing.upserts import Written, upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import asyncpg
    from numpy.typing import NDArray

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.tables import Table

    Rows = NDArray[np.int64]

_SLICE = 100_000

# Names and addresses may change hands within one import: who gives one away does so first.
_FREE_STORE_NAMES = """
UPDATE retail.stores AS other SET name = other.store_id::text
FROM staged_stores AS s
WHERE other.name = s.name AND other.store_id <> s.store_id
"""
_FREE_EMAILS = """
UPDATE retail.customers AS other SET email = NULL
FROM staged_customers AS s
WHERE other.store_id = s.store_id AND other.email = s.email AND other.customer_id <> s.customer_id
"""

# Other days and months, or other products of a category, or another margin.
_TOUCH_MOVED_STORES = """
INSERT INTO touched_stores
SELECT s.store_id
FROM staged_stores AS s JOIN retail.stores AS kept USING (store_id)
WHERE kept.time_zone <> s.time_zone
"""
_MOVED_PRODUCTS = """
CREATE TEMPORARY TABLE moved_products ON COMMIT DROP AS
SELECT s.product_id
FROM staged_products AS s
JOIN retail.products AS kept USING (product_id)
JOIN retail.categories AS c USING (category_id)
LEFT JOIN retail.product_costs AS known USING (product_id)
WHERE c.name <> s.category OR {costs_come} AND known.cost IS DISTINCT FROM s.cost
"""
_TOUCH_THEIR_STORES = """
INSERT INTO touched_stores
SELECT DISTINCT i.store_id FROM moved_products JOIN retail.order_items AS i USING (product_id)
"""

_CATEGORIES = """
INSERT INTO retail.categories (category_id, name)
SELECT category_id, name FROM staged_categories
ON CONFLICT (name) DO NOTHING
"""
_TYPES = """
INSERT INTO retail.product_types (type_id, category_id, name)
SELECT s.type_id, c.category_id, s.name
FROM staged_types AS s JOIN retail.categories AS c ON c.name = s.category
ON CONFLICT (category_id, name) DO NOTHING
"""
# Products refer to them, which is not checked row by row.
_HOLD_TYPES = """
SELECT FROM staged_types AS s
JOIN retail.categories AS c ON c.name = s.category
JOIN retail.product_types AS t ON t.category_id = c.category_id AND t.name = s.name
FOR KEY SHARE OF c, t
"""
_PRODUCT_ROWS = """
SELECT s.product_id, s.sku, s.name, s.description, c.category_id, t.type_id, s.base_price
FROM staged_products AS s
JOIN retail.categories AS c ON c.name = s.category
JOIN retail.product_types AS t ON t.category_id = c.category_id AND t.name = s.product_type
"""
_FORGET_COSTS = """
DELETE FROM retail.product_costs AS kept USING staged_products AS s
WHERE kept.product_id = s.product_id AND s.cost IS NULL
"""

# The triggers that would do it are muted.
_TOUCHED_PRODUCTS = "CREATE TEMPORARY TABLE touched_products (product_id uuid) ON COMMIT DROP"
_COLLECT_WORDS = """
SELECT zava.collect_words(ARRAY(SELECT product_id FROM touched_products))
"""

_STOCK = {
    "store_id": Kind.UUID,
    "product_id": Kind.UUID,
    "stock_level": Kind.INTEGER,
    "reorder_point": Kind.INTEGER,
}


async def write_stores(
    owner: asyncpg.Connection, stores: Table, links: Links, rows: Rows, default_zone: str
) -> Written:
    """New stores, and what has changed of others."""
    zones = stores.codes["time_zone"]
    await stage_records(
        owner,
        "staged_stores",
        {
            "store_id": "uuid",
            "name": "text",
            "location": "text",
            "is_online": "boolean",
            "time_zone": "text",
        },
        zip(
            uuids(links.stores.ids[links.store_of["stores"][rows]]),
            texts_of(stores, "name", rows),
            texts_of(stores, "location", rows),
            (stores.numbers["is_online"][rows] == 1).tolist(),
            [default_zone if n == NO_CODE else zones.texts[n] for n in zones.numbers[rows]],
            strict=True,
        ),
    )
    await owner.execute(_FREE_STORE_NAMES)
    keeps_zones = "time_zone" not in stores.present
    if not keeps_zones:
        await owner.execute(_TOUCH_MOVED_STORES)
    return await upsert(
        owner,
        "retail.stores",
        key=["store_id"],
        columns=["store_id", "name", "location", "is_online", "time_zone"],
        kept=["time_zone"] if keeps_zones else (),
        rows="SELECT * FROM staged_stores",
    )


async def write_products(
    owner: asyncpg.Connection, products: Table, links: Links, rows: Rows
) -> Written:
    """Products with their categories, types and costs."""
    categories, types = (
        code_texts(products, "category", rows),
        code_texts(products, "product_type", rows),
    )
    await _stage_catalogue(owner, sorted(set(zip(categories, types, strict=True))))
    await stage_texts(
        owner,
        "staged_products",
        {
            "product_id": (
                "uuid",
                uuid_texts(links.products.ids[links.product_of["products"][rows]]),
            ),
            "sku": ("text", code_texts(products, "sku", rows)),
            "name": ("text", texts_of(products, "name", rows)),
            "description": ("text", texts_of(products, "description", rows)),
            "category": ("text", categories),
            "product_type": ("text", types),
            "base_price": ("numeric", amount_texts(products.numbers["base_price"][rows])),
            "cost": ("numeric", amount_texts(products.numbers["cost"][rows])),
        },
    )
    costs_come = "cost" in products.present
    await owner.execute(_MOVED_PRODUCTS.format(costs_come=str(costs_come).lower()))
    if await owner.fetchval("SELECT EXISTS (SELECT FROM moved_products)"):
        await owner.execute(_TOUCH_THEIR_STORES)
    await owner.execute(_CATEGORIES)
    await owner.execute(_TYPES)
    await owner.execute(_HOLD_TYPES)
    await owner.execute(_TOUCHED_PRODUCTS)
    written = await upsert(
        owner,
        "retail.products",
        key=["product_id"],
        columns=[
            "product_id",
            "sku",
            "name",
            "description",
            "category_id",
            "type_id",
            "base_price",
        ],
        kept=() if "description" in products.present else ("description",),
        rows=_PRODUCT_ROWS,
        noted_in="touched_products",
    )
    if written != Written():
        await owner.execute(_COLLECT_WORDS)
    if costs_come:
        await owner.execute(_FORGET_COSTS)
        await upsert(
            owner,
            "retail.product_costs",
            key=["product_id"],
            columns=["product_id", "cost"],
            rows="SELECT product_id, cost FROM staged_products WHERE cost IS NOT NULL",
        )
    return written


async def _stage_catalogue(owner: asyncpg.Connection, types: Sequence[tuple[str, str]]) -> None:
    categories = sorted({category for category, _ in types})
    await stage_records(
        owner,
        "staged_categories",
        {"category_id": "uuid", "name": "text"},
        zip(
            uuids(identifiers("category", [(name,) for name in categories])),
            categories,
            strict=True,
        ),
    )
    await stage_records(
        owner,
        "staged_types",
        {"type_id": "uuid", "category": "text", "name": "text"},
        (
            (type_id, *both)
            for type_id, both in zip(uuids(identifiers("type", types)), types, strict=True)
        ),
    )


async def write_customers(
    owner: asyncpg.Connection, customers: Table, links: Links, rows: Rows
) -> Written:
    """New customers, and what has changed of others."""
    numbers = links.customer_of["customers"][rows]
    emails = [email or None for email in texts_of(customers, "email", rows)]
    await stage_texts(
        owner,
        "staged_customers",
        {
            "store_id": ("uuid", uuid_texts(links.stores.ids[links.store_of["customers"][rows]])),
            "customer_id": ("uuid", uuid_texts(links.customers.ids[numbers])),
            "first_name": ("text", texts_of(customers, "first_name", rows)),
            "last_name": ("text", texts_of(customers, "last_name", rows)),
            "email": ("text", emails),
        },
    )
    if links.customers.known[numbers].any() and "email" in customers.present:
        await owner.execute(_FREE_EMAILS)
    return await upsert(
        owner,
        "retail.customers",
        key=["store_id", "customer_id"],
        columns=["store_id", "customer_id", "first_name", "last_name", "email"],
        kept={"first_name", "last_name", "email"} - customers.present,
        # In the order of the indexes, all of which start with the store.
        rows="SELECT * FROM staged_customers ORDER BY store_id, customer_id",
    )


async def write_inventory(
    owner: asyncpg.Connection,
    inventory: Table,
    links: Links,
    rows: Rows,
    progress: Callable[[int], None],
) -> Written:
    """Stock levels, in the order of the index; `progress` learns how many rows are done."""
    store_ids = links.stores.ids[links.store_of["inventory"][rows]]
    product_ids = links.products.ids[links.product_of["inventory"][rows]]
    order = order_of_ids(store_ids, product_ids)
    reorder_points = inventory.numbers["reorder_point"][rows]
    columns: Mapping[str, NDArray[Any]] = {
        "store_id": store_ids,
        "product_id": product_ids,
        "stock_level": inventory.numbers["stock_level"][rows],
        "reorder_point": np.where(reorder_points == EMPTY, 0, reorder_points),
    }
    written = Written()
    for start in range(0, len(rows), _SLICE):
        part = order[start : start + _SLICE]
        some = {name: values[part] for name, values in columns.items()}
        await stage(owner, "staged_stock", EncodedRows.of(_STOCK, some))
        written += await upsert(
            owner,
            "retail.inventory",
            key=["store_id", "product_id"],
            columns=list(_STOCK),
            kept={"reorder_point"} - inventory.present,
            rows="SELECT * FROM staged_stock",
        )
        progress(start + len(part))
    return written


def order_of_ids(*columns: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The positions of the rows, sorted as the database sorts these UUIDs."""
    words = [column.copy().view(">u8").reshape(-1, 2) for column in reversed(columns)]
    return np.lexsort([word[:, part] for word in words for part in (1, 0)])


def uuids(ids: NDArray[np.uint8]) -> list[UUID]:
    """(n, 16) bytes as UUIDs."""
    return [UUID(bytes=identifier.tobytes()) for identifier in ids]


def code_texts(table: Table, column: str, rows: Rows) -> list[str]:
    """A column of codes as they stand in the file."""
    codes = table.codes[column]
    return [codes.texts[number] for number in codes.numbers[rows].tolist()]
