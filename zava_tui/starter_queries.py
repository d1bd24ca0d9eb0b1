"""Queries that a store's manager starts with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Starter:
    """A name that says what it answers, and the SELECT."""

    name: str
    sql: str


STARTERS = (
    Starter(
        "Best sellers this month",
        """\
SELECT p.name AS product, sum(i.quantity) AS units, sum(i.total_amount) AS revenue
FROM retail.orders o
JOIN retail.order_items i USING (store_id, order_id)
JOIN retail.products p USING (product_id)
WHERE o.status = 'completed'
  AND o.order_date >= date_trunc('month', now())
GROUP BY p.name
ORDER BY revenue DESC
LIMIT 100""",
    ),
    Starter(
        "Customers who have not come back",
        """\
SELECT c.first_name, c.last_name, c.email,
       max(o.order_date)::date AS last_order, count(*) AS orders,
       sum(o.total_amount) AS spent
FROM retail.customers c
JOIN retail.orders o USING (store_id, customer_id)
WHERE o.status = 'completed'
GROUP BY c.store_id, c.customer_id, c.first_name, c.last_name, c.email
HAVING max(o.order_date) < now() - interval '180 days' AND count(*) >= 3
ORDER BY spent DESC
LIMIT 200""",
    ),
    Starter(
        "Revenue by day, last 30 days",
        """\
SELECT d.day, sum(d.revenue) AS revenue, sum(d.orders) AS orders
FROM retail.daily_totals d
WHERE d.day > current_date - 30
GROUP BY d.day
ORDER BY d.day""",
    ),
    Starter(
        "Revenue by month and category",
        """\
SELECT m.month, c.name AS category, sum(m.revenue) AS revenue, sum(m.units_sold) AS units
FROM retail.monthly_sales m
JOIN retail.categories c USING (category_id)
WHERE m.month >= date_trunc('month', now()) - interval '12 months'
GROUP BY m.month, c.name
ORDER BY m.month, revenue DESC""",
    ),
    Starter(
        "Stock below the reorder point",
        """\
SELECT p.sku, p.name AS product, i.stock_level, i.reorder_point
FROM retail.inventory i
JOIN retail.products p USING (product_id)
WHERE i.stock_level <= i.reorder_point
ORDER BY i.stock_level, p.name""",
    ),
    Starter(
        "Best customers of the last year",
        """\
SELECT c.first_name, c.last_name, count(*) AS orders, sum(o.total_amount) AS spent
FROM retail.orders o
JOIN retail.customers c USING (store_id, customer_id)
WHERE o.status = 'completed' AND o.order_date >= now() - interval '1 year'
GROUP BY c.store_id, c.customer_id, c.first_name, c.last_name
ORDER BY spent DESC
LIMIT 50""",
    ),
    Starter(
        "Returns of the last 90 days",
        """\
SELECT p.name AS product, -sum(i.quantity) AS units, -sum(i.total_amount) AS given_back
FROM retail.orders o
JOIN retail.order_items i USING (store_id, order_id)
JOIN retail.products p USING (product_id)
WHERE o.status = 'completed' AND i.quantity < 0
  AND o.order_date >= now() - interval '90 days'
GROUP BY p.name
ORDER BY given_back DESC
LIMIT 100""",
    ),
    Starter(
        "Largest orders of this week",
        """\
SELECT o.order_date, c.last_name AS customer, o.total_amount, o.order_id
FROM retail.orders o
LEFT JOIN retail.customers c USING (store_id, customer_id)
WHERE o.status = 'completed' AND o.order_date >= now() - interval '7 days'
ORDER BY o.total_amount DESC
LIMIT 50""",
    ),
    Starter(
        "What is bought on which weekday",
        """\
SELECT to_char(d.day, 'ID Day') AS weekday, c.name AS category, sum(d.revenue) AS revenue
FROM retail.daily_sales d
JOIN retail.categories c USING (category_id)
WHERE d.day > current_date - 90
GROUP BY 1, 2
ORDER BY 1, 3 DESC""",
    ),
)
"""All of them read what a store manager may read."""
