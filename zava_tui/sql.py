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
