"""Every rollup equals a recomputation from the raw rows, after any change."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest

from zava_server.startup import Database

COMPLETED = """
WITH lines AS (
    SELECT o.store_id, o.order_id, o.customer_id, p.category_id, i.product_id,
        (o.order_date AT TIME ZONE s.time_zone)::date AS day,
        date_trunc('month', o.order_date AT TIME ZONE s.time_zone)::date AS month,
        extract(hour FROM o.order_date AT TIME ZONE s.time_zone) AS hour,
        o.order_date, i.quantity, i.unit_price, i.discount_percent, i.total_amount, c.cost,
        greatest(i.quantity, 0) AS sold, greatest(-i.quantity, 0) AS returned
    FROM retail.orders AS o
    JOIN retail.order_items AS i USING (store_id, order_id)
    JOIN retail.stores AS s USING (store_id)
    JOIN retail.products AS p USING (product_id)
    LEFT JOIN retail.product_costs AS c USING (product_id)
    WHERE o.status = 'completed'
),
buys AS (
    SELECT DISTINCT store_id, customer_id, order_date, order_id, day
    FROM lines WHERE quantity > 0 AND customer_id IS NOT NULL
),
numbered AS (
    SELECT *, row_number() OVER (
        PARTITION BY store_id, customer_id ORDER BY order_date, order_id) AS n
    FROM buys
),
history AS (
    SELECT v.*, before.day AS previous_day
    FROM numbered AS v LEFT JOIN numbered AS before
        ON before.store_id = v.store_id AND before.customer_id = v.customer_id
        AND before.n = v.n - 1
)
"""

DATES = {
    "day": ("day", "previous_day"),
    "month": ("date_trunc('month', day)::date", "date_trunc('month', previous_day)::date"),
}
REPEATS = """
    SELECT store_id, '{grain}' AS grain, {visited} AS visited, {previously} AS previously,
        count(*) AS visits
    FROM history WHERE previous_day IS NOT NULL GROUP BY 1, 2, 3, 4"""

RECOMPUTED = {
    "daily_sales": """
        SELECT store_id, day, category_id, sum(total_amount) AS revenue, sum(sold) AS units_sold,
            sum(returned) AS units_returned, count(*) AS line_count
        FROM lines GROUP BY 1, 2, 3""",
    "monthly_sales": """
        SELECT store_id, month, category_id, sum(total_amount) AS revenue,
            sum(sold) AS units_sold, sum(returned) AS units_returned, count(*) AS line_count
        FROM lines GROUP BY 1, 2, 3""",
    "monthly_products": """
        SELECT store_id, month, product_id, sum(total_amount) AS revenue,
            sum(sold) AS units_sold, sum(returned) AS units_returned, count(*) AS line_count
        FROM lines GROUP BY 1, 2, 3""",
    "daily_totals": """
        SELECT store_id, day, sum(total_amount) AS revenue,
            count(DISTINCT order_id) FILTER (WHERE quantity > 0) AS orders,
            sum(sold) AS units_sold, sum(returned) AS units_returned,
            sum(sold * unit_price) AS list_value,
            sum(sold * unit_price * discount_percent / 100) AS discount_value,
            count(*) AS line_count
        FROM lines GROUP BY 1, 2""",
    "hourly_sales": """
        SELECT store_id, day, hour, sum(total_amount) AS revenue,
            count(DISTINCT order_id) FILTER (WHERE quantity > 0) AS orders,
            sum(sold) AS units_sold, sum(returned) AS units_returned,
            sum(sold * unit_price) AS list_value,
            sum(sold * unit_price * discount_percent / 100) AS discount_value,
            count(*) AS line_count
        FROM lines GROUP BY 1, 2, 3""",
    "hourly_margins": """
        SELECT store_id, day, hour, sum(total_amount) AS covered_revenue,
            sum(quantity * cost) AS cost, count(*) AS line_count
        FROM lines WHERE cost IS NOT NULL GROUP BY 1, 2, 3""",
    "daily_margins": """
        SELECT store_id, day, sum(total_amount) AS covered_revenue, sum(quantity * cost) AS cost,
            count(*) AS line_count
        FROM lines WHERE cost IS NOT NULL GROUP BY 1, 2""",
    "monthly_margins": """
        SELECT store_id, month, sum(total_amount) AS covered_revenue, sum(quantity * cost) AS cost,
            count(*) AS line_count
        FROM lines WHERE cost IS NOT NULL GROUP BY 1, 2""",
    "monthly_rhythm": " UNION ALL ".join(
        f"""
        SELECT store_id, month, '{part}' AS part, {number} AS number,
            sum(total_amount) AS revenue,
            count(DISTINCT order_id) FILTER (WHERE quantity > 0) AS orders,
            sum(sold) AS units_sold, sum(returned) AS units_returned,
            sum(sold * unit_price) AS list_value,
            sum(sold * unit_price * discount_percent / 100) AS discount_value,
            count(*) AS line_count
        FROM lines GROUP BY 1, 2, 3, 4"""
        for part, number in [("weekday", "extract(isodow FROM day)"), ("hour", "hour")]
    ),
    "visits": """
        SELECT store_id, customer_id, order_date, order_id, day, previous_day FROM history""",
    "daily_visits": """
        SELECT store_id, day, count(*) AS visits,
            count(*) - count(previous_day) AS first_visits
        FROM history GROUP BY 1, 2""",
    "repeat_visits": " UNION ALL ".join(
        REPEATS.format(grain=f"{a}-{b}", visited=DATES[a][0], previously=DATES[b][1])
        for a, b in [("month", "month"), ("day", "month"), ("month", "day")]
    ),
}

PLACE = """
    WITH placed AS (
        INSERT INTO retail.orders (store_id, customer_id, order_date)
        SELECT c.store_id, c.customer_id, now() - random() * interval '900 days'
        FROM (SELECT * FROM retail.customers ORDER BY random() LIMIT 40) AS c
        UNION ALL
        SELECT store_id, NULL, now() - random() * interval '900 days' FROM retail.stores
        RETURNING store_id, order_id
    )
    INSERT INTO retail.order_items
        (store_id, order_id, line_no, product_id, quantity, unit_price, discount_percent,
            total_amount)
    SELECT store_id, order_id, n, product_id, n - 2, 10, 12.5, 8.75 * (n - 2)
    FROM placed
    CROSS JOIN (VALUES (1, 1), (3, 1), (4, 2)) AS lines (n, pick)
    JOIN (
        SELECT row_number() OVER () AS pick, product_id
        FROM (SELECT product_id FROM retail.products ORDER BY random() LIMIT 2) AS p
    ) AS picked USING (pick)"""

CHANGES = {
    "orders are placed": PLACE,
    "lines change": """
        UPDATE retail.order_items SET quantity = quantity + 3, total_amount = total_amount + 7
        WHERE quantity > 0 AND random() < 0.02""",
    "sales become returns": """
        UPDATE retail.order_items SET quantity = -quantity, total_amount = -total_amount
        WHERE random() < 0.02""",
    "one line goes": """
        DELETE FROM retail.order_items WHERE (store_id, order_id, line_no) IN (
            SELECT store_id, order_id, line_no FROM retail.order_items ORDER BY random() LIMIT 1
        )""",
    "lines go": "DELETE FROM retail.order_items WHERE random() < 0.02",
    "lines go with their orders": """
        WITH chosen AS (SELECT store_id, order_id FROM retail.orders WHERE random() < 0.02),
        emptied AS (DELETE FROM retail.order_items USING chosen
            WHERE order_items.store_id = chosen.store_id
                AND order_items.order_id = chosen.order_id)
        DELETE FROM retail.orders USING chosen
        WHERE orders.store_id = chosen.store_id AND orders.order_id = chosen.order_id""",
    "orders lose lines and move, in one statement": """
        WITH chosen AS (SELECT store_id, order_id FROM retail.orders WHERE random() < 0.02),
        emptied AS (DELETE FROM retail.order_items USING chosen
            WHERE order_items.store_id = chosen.store_id
                AND order_items.order_id = chosen.order_id AND line_no = 1)
        UPDATE retail.orders SET order_date = order_date - interval '40 days' FROM chosen
        WHERE orders.store_id = chosen.store_id AND orders.order_id = chosen.order_id""",
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
    "orders turn out to be nobody's": """
        UPDATE retail.orders SET customer_id = NULL WHERE random() < 0.02""",
    "orders turn out to be another customer's": """
        UPDATE retail.orders AS o SET customer_id = (
            SELECT customer_id FROM retail.customers AS c WHERE c.store_id = o.store_id LIMIT 1)
        WHERE random() < 0.02""",
    "a product moves to another category": """
        UPDATE retail.products SET (category_id, type_id) = (
            SELECT category_id, type_id FROM retail.product_types ORDER BY random() LIMIT 1
        ) WHERE random() < 0.02""",
    "costs rise": "UPDATE retail.product_costs SET cost = cost + 1.23 WHERE random() < 0.1",
    "costs become unknown": "DELETE FROM retail.product_costs WHERE random() < 0.1",
    "costs become known": """
        INSERT INTO retail.product_costs (product_id, cost) SELECT product_id, 3.21
        FROM retail.products ON CONFLICT DO NOTHING""",
    "stores correct their time zone": """
        UPDATE retail.stores SET time_zone = 'America/Havana'
        WHERE name IN ('Spokane', 'Online')""",
    "a bulk load counts at its end": f"""
        SET LOCAL zava.bulk_load = 'on';
        {PLACE};
        UPDATE retail.product_costs SET cost = cost * 2;
        SELECT retail.rebuild_rollups();
        SET LOCAL zava.bulk_load = 'off'""",
    "a bulk load counts a store of its own": """
        SET LOCAL zava.bulk_load = 'on';
        DELETE FROM retail.order_items
        WHERE store_id = (SELECT store_id FROM retail.stores WHERE name = 'Tacoma');
        SELECT retail.rebuild_rollups(ARRAY(
            SELECT store_id FROM retail.stores WHERE name = 'Tacoma'));
        SET LOCAL zava.bulk_load = 'off'""",
}
LAST_CHANGES = {
    "all lines go": "TRUNCATE retail.order_items",
    "all costs go": "TRUNCATE retail.product_costs",
}


async def assert_exact(owner: asyncpg.Connection) -> None:
    # Stale statistics would mislead the planner into joining every row with every other.
    await owner.execute("ANALYZE retail.orders; ANALYZE retail.order_items")
    for table, definition in RECOMPUTED.items():
        names = await owner.fetchval(
            "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = $1::text::regclass AND attnum > 0 AND attname <> 'created_at'",
            f"retail.{table}",
        )
        counted = f"SELECT {names} FROM ({definition}) AS r"
        kept = f"SELECT {names} FROM retail.{table}"
        difference = await owner.fetch(
            f"{COMPLETED} ({counted} EXCEPT ALL {kept}) UNION ALL ({kept} EXCEPT ALL {counted})"
        )
        assert difference == [], table


async def test_they_are_exact_after_the_demo_load(owner: asyncpg.Connection) -> None:
    for table in RECOMPUTED:
        assert await owner.fetchval(f"SELECT count(*) FROM retail.{table}") > 100, table
    await assert_exact(owner)


@pytest.mark.parametrize("change", [*CHANGES, *LAST_CHANGES])
async def test_they_are_exact_when(change: str, owner: asyncpg.Connection) -> None:
    await owner.execute((CHANGES | LAST_CHANGES)[change])
    await assert_exact(owner)


@pytest.mark.parametrize("seed", range(3))
async def test_they_are_exact_after_changes_in_any_order(
    seed: int, owner: asyncpg.Connection
) -> None:
    await owner.execute("SELECT setseed($1)", seed / 10)
    for change in random.Random(seed).choices(list(CHANGES), k=8):
        await owner.execute(CHANGES[change])
    await assert_exact(owner)


async def test_sums_by_product_begin_where_they_pay(owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM zava.sums_by_product; TRUNCATE retail.monthly_products")
    await owner.execute(PLACE)
    tacoma = "ARRAY(SELECT store_id FROM retail.stores WHERE name = 'Tacoma')"
    await owner.execute(f"SELECT retail.rebuild_rollups({tacoma})")
    assert not await owner.fetchval("SELECT EXISTS (SELECT FROM retail.monthly_products)")
    await owner.execute(f"""
        SET LOCAL zava.bulk_load = 'on';
        UPDATE retail.order_items
        SET product_id = (SELECT product_id FROM retail.products ORDER BY product_id LIMIT 1);
        SET LOCAL zava.bulk_load = 'off';
        SELECT retail.rebuild_rollups();
        SELECT retail.rebuild_rollups({tacoma})""")
    await owner.execute(PLACE)
    await assert_exact(owner)


BUY = """
WITH placed AS (
    INSERT INTO retail.orders (store_id, customer_id, order_date)
    SELECT store_id, customer_id, timestamptz '2019-05-05 12:00+00' + $1::int * interval '1 hour'
    FROM retail.customers ORDER BY store_id, customer_id LIMIT 1
    RETURNING store_id, order_id
)
INSERT INTO retail.order_items
    (store_id, order_id, line_no, product_id, quantity, unit_price, total_amount)
SELECT store_id, order_id, 1, (SELECT min(product_id::text)::uuid FROM retail.products), 2, 10, 20
FROM placed
"""
UNBUY = """
WITH chosen AS (
    SELECT store_id, order_id FROM retail.orders WHERE order_date < '2019-05-06'
), emptied AS (
    DELETE FROM retail.order_items USING chosen
    WHERE order_items.store_id = chosen.store_id AND order_items.order_id = chosen.order_id
)
DELETE FROM retail.orders USING chosen
WHERE orders.store_id = chosen.store_id AND orders.order_id = chosen.order_id
"""


async def test_they_are_exact_after_two_writers_at_once(database: Database) -> None:
    """Of the same customer on the same day, the second beginning before the first is done."""
    assert database.owner is not None
    first, second = await database.owner.connect(), await database.owner.connect()
    try:
        transaction = first.transaction()
        await transaction.start()
        await first.execute(BUY, 1)
        waiting = asyncio.create_task(second.execute(BUY, 2))
        blocked = "SELECT cardinality(pg_blocking_pids($1)) > 0"
        async with asyncio.timeout(20):
            while not await first.fetchval(blocked, second.get_server_pid()):  # noqa: ASYNC110 - the database tells no event
                await asyncio.sleep(0.01)
        await transaction.commit()
        await waiting
        await assert_exact(first)
    finally:
        await first.execute(UNBUY)
        await first.close()
        await second.close()


async def test_a_writer_with_a_fixed_snapshot_is_refused(database: Database) -> None:
    assert database.owner is not None
    connection = await database.owner.connect()
    try:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="READ COMMITTED"):
            async with connection.transaction(isolation="repeatable_read"):
                await connection.execute(BUY, 1)
    finally:
        await connection.close()
