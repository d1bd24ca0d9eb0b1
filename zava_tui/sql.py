"""The statements that the app itself sends through `execute_sales_query`."""

from __future__ import annotations

REVENUE = """\
WITH clock AS (
    SELECT store_id, time_zone, now() AT TIME ZONE time_zone AS local_now
    FROM retail.stores
),
days AS (
    SELECT c.local_now::date - d.day AS days_ago, sum(d.revenue) AS revenue
    FROM retail.daily_sales d
    JOIN clock c USING (store_id)
    WHERE d.day > current_date - 62
    GROUP BY 1
),
same_time AS (
    SELECT ago.days AS days_ago, sum(day.revenue) AS revenue, sum(day.orders) AS orders
    FROM (VALUES (0), (7), (30)) AS ago (days)
    CROSS JOIN clock c
    CROSS JOIN LATERAL (
        SELECT sum(o.total_amount) AS revenue, count(*) AS orders
        FROM retail.orders o
        WHERE o.store_id = c.store_id
          AND o.order_date >= (date_trunc('day', c.local_now) - ago.days * interval '1 day')
              AT TIME ZONE c.time_zone
          AND o.order_date < (c.local_now - ago.days * interval '1 day') AT TIME ZONE c.time_zone
          AND o.status = 'completed'
    ) AS day
    GROUP BY 1
)
SELECT days_ago,
       coalesce(d.revenue, 0) AS revenue,
       coalesce(s.revenue, 0) AS revenue_by_this_time,
       coalesce(s.orders, 0) AS orders_by_this_time
FROM days d
FULL JOIN same_time s USING (days_ago)
WHERE days_ago BETWEEN 0 AND 59
ORDER BY days_ago"""
"""Revenue of the caller's stores by store-local day, today being 0 days ago.

The day before which a period's predecessor is cut needs the time of day, which the rollup has not:
`…_by_this_time` counts the orders of that day up to the present time of day, for 0, 7 and 30 days
ago only.
"""

BEST_SELLERS = """\
-- Best-selling products of the last 30 days
SELECT p.name AS product,
       sum(i.quantity) AS units,
       sum(i.total_amount) AS revenue
FROM retail.orders o
JOIN retail.order_items i USING (store_id, order_id)
JOIN retail.products p USING (product_id)
WHERE o.status = 'completed'
  AND o.order_date >= now() - interval '30 days'
GROUP BY p.name
ORDER BY revenue DESC
LIMIT 100"""
"""What the editor holds at the first start: real sales at once."""

CATEGORIES = "SELECT name FROM retail.categories ORDER BY name"
"""What products can be narrowed to."""


def product_figures(sku: str) -> str:
    """A statement for what a product costs, its stock by store and its sales by month.

    Rows of what, name, months ago, amount, other: `cost` (dollars, for managers), `stock` (of each
    of the caller's stores, and where it is ordered again), `month` (units and dollars, 0 to 11
    months ago; months without a sale have no row).
    """
    return f"""\
WITH product AS (
    SELECT product_id FROM retail.products WHERE sku = {literal(sku)}
),
months AS (
    SELECT ago, (date_trunc('month', current_date) - ago * interval '1 month')::date AS month
    FROM generate_series(0, 11) AS ago
)
SELECT 'cost' AS what, NULL AS name, NULL::int AS ago, c.cost AS amount, NULL::numeric AS other
FROM product JOIN retail.product_costs c USING (product_id)
UNION ALL
SELECT 'stock', s.name, NULL, i.stock_level, i.reorder_point
FROM product
CROSS JOIN retail.stores s
JOIN retail.inventory i USING (store_id, product_id)
UNION ALL
SELECT 'month', NULL, ago, sum(m.units_sold - m.units_returned), sum(m.revenue)
FROM product
CROSS JOIN months
CROSS JOIN retail.stores s
JOIN retail.monthly_products m USING (store_id, month, product_id)
GROUP BY ago
ORDER BY what, name, ago DESC"""  # noqa: S608 (quoted; and the server lets nothing but reads by)


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


ROW_COUNT = "SELECT count(*) AS rows FROM retail.{table}"
"""How many rows of a table one may see."""
