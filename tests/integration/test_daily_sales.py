"""The rollup equals a recomputation after any change."""

from __future__ import annotations

import random

import asyncpg
import pytest

RECOMPUTED = """
SELECT o.store_id, (o.order_date AT TIME ZONE s.time_zone)::date AS day, p.category_id,
    sum(i.total_amount) AS revenue,
    coalesce(sum(i.quantity) FILTER (WHERE i.quantity > 0), 0) AS units_sold,
    coalesce(-sum(i.quantity) FILTER (WHERE i.quantity < 0), 0) AS units_returned,
    count(*) AS line_count
FROM retail.orders AS o
JOIN retail.order_items AS i USING (store_id, order_id)
JOIN retail.stores AS s USING (store_id)
JOIN retail.products AS p USING (product_id)
WHERE o.status = 'completed'
GROUP BY 1, 2, 3
"""

CHANGES = {
    "an order is placed": """
        WITH placed AS (
            INSERT INTO retail.orders (store_id, order_date)
            SELECT store_id, now() - random() * interval '900 days' FROM retail.stores
            RETURNING store_id, order_id
        )
        INSERT INTO retail.order_items
            (store_id, order_id, line_no, product_id, quantity, unit_price, total_amount)
        SELECT store_id, order_id, n, product_id, n - 2, 10, 10 * (n - 2)
        FROM placed, (VALUES (1), (3), (4)) AS lines (n),
            (SELECT product_id FROM retail.products ORDER BY random() LIMIT 2) AS picked
        ON CONFLICT DO NOTHING""",
    "lines change": """
        UPDATE retail.order_items SET quantity = quantity + 3, total_amount = total_amount + 7
        WHERE quantity > 0 AND random() < 0.02""",
    "lines go": "DELETE FROM retail.order_items WHERE random() < 0.02",
    "a product of a line is corrected": """
        UPDATE retail.order_items SET product_id = (SELECT product_id FROM retail.products LIMIT 1)
        WHERE random() < 0.02""",
    "orders are cancelled": """
        UPDATE retail.orders SET status = 'cancelled' WHERE random() < 0.02""",
    "orders are completed": """
        UPDATE retail.orders SET status = 'completed' WHERE status <> 'completed'""",
    "orders move in time": """
        UPDATE retail.orders SET order_date = order_date - interval '5 hours'
        WHERE random() < 0.02""",
    "a product moves to another category": """
        UPDATE retail.products SET (category_id, type_id) = (
            SELECT category_id, type_id FROM retail.product_types ORDER BY random() LIMIT 1
        ) WHERE random() < 0.02""",
    "a store corrects its time zone": """
        UPDATE retail.stores SET time_zone = 'America/New_York' WHERE name = 'Spokane'""",
    "all lines go": "TRUNCATE retail.order_items",
}


async def assert_exact(owner: asyncpg.Connection) -> None:
    kept = "SELECT store_id, day, category_id, revenue, units_sold, units_returned, line_count"
    difference = await owner.fetch(
        f"({RECOMPUTED} EXCEPT {kept} FROM retail.daily_sales) UNION ALL "
        f"({kept} FROM retail.daily_sales EXCEPT {RECOMPUTED})"
    )
    assert difference == []


async def test_it_is_exact_after_the_demo_load(owner: asyncpg.Connection) -> None:
    assert await owner.fetchval("SELECT count(*) FROM retail.daily_sales") > 1000
    await assert_exact(owner)


@pytest.mark.parametrize("change", CHANGES)
async def test_it_is_exact_when(change: str, owner: asyncpg.Connection) -> None:
    await owner.execute(CHANGES[change])
    await assert_exact(owner)


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_exact_after_changes_in_any_order(seed: int, owner: asyncpg.Connection) -> None:
    await owner.execute("SELECT setseed($1)", seed / 10)
    for change in random.Random(seed).choices(list(CHANGES)[:-1], k=8):
        await owner.execute(CHANGES[change])
    await assert_exact(owner)
