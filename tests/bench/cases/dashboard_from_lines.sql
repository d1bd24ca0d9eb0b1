-- What a year's dashboard shows, from orders and their lines alone.
-- $1 stores, $2 names of periods, $3 and $4 their bounds.
WITH spans AS (
    SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[])
        AS s (period, since, until)
),
lines AS MATERIALIZED (
    SELECT s.period, o.store_id, o.order_id, o.customer_id, o.order_date,
        o.order_date AT TIME ZONE t.time_zone AS local, c.name AS category, i.quantity,
        i.unit_price, i.discount_percent, i.total_amount, k.cost
    FROM spans AS s
    JOIN retail.orders AS o ON o.order_date >= s.since AND o.order_date < s.until
    JOIN retail.stores AS t USING (store_id)
    JOIN retail.order_items AS i USING (store_id, order_id)
    JOIN retail.products AS p USING (product_id)
    JOIN retail.categories AS c USING (category_id)
    LEFT JOIN retail.product_costs AS k USING (product_id)
    WHERE o.store_id = ANY ($1) AND o.status = 'completed'
),
orders AS MATERIALIZED (
    SELECT period, store_id, order_id, customer_id, order_date, local,
        sum(total_amount) AS revenue,
        coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS sold,
        coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS returned,
        sum(quantity * unit_price) FILTER (WHERE quantity > 0) AS listed,
        sum(quantity * unit_price * discount_percent / 100) FILTER (WHERE quantity > 0) AS discount,
        sum(total_amount) FILTER (WHERE cost IS NOT NULL) AS covered,
        sum(quantity * cost) AS cost
    FROM lines
    GROUP BY 1, 2, 3, 4, 5, 6
),
first_visits AS (
    SELECT o.store_id, o.customer_id, min(o.order_date) AS first
    FROM retail.orders AS o
    WHERE o.store_id = ANY ($1) AND o.status = 'completed' AND o.customer_id IS NOT NULL
        AND EXISTS (
            SELECT FROM retail.order_items AS i
            WHERE i.store_id = o.store_id AND i.order_id = o.order_id AND i.quantity > 0
        )
    GROUP BY 1, 2
),
customers AS (
    SELECT s.period, count(*) AS all_of_them, count(*) FILTER (WHERE f.first >= s.since) AS new
    FROM (
        SELECT DISTINCT period, store_id, customer_id FROM orders
        WHERE sold > 0 AND customer_id IS NOT NULL
    ) AS b
    JOIN first_visits AS f USING (store_id, customer_id)
    JOIN spans AS s USING (period)
    GROUP BY 1
)
SELECT 'all' AS part, period AS name, sum(revenue)::float8 AS revenue,
    count(*) FILTER (WHERE sold > 0) AS orders, sum(sold)::bigint AS units,
    round(sum(revenue) / count(*) FILTER (WHERE sold > 0), 2)::float8 AS average_order_value,
    round(sum(discount) / sum(listed), 6)::float8 AS discount_share,
    round((sum(covered) - sum(cost)) / sum(covered), 6)::float8 AS gross_margin,
    round(sum(covered) / sum(revenue), 6)::float8 AS margin_coverage,
    round(sum(returned)::numeric / sum(sold), 6)::float8 AS returns_rate,
    min(c.new) AS new_customers, min(c.all_of_them - c.new) AS returning_customers
FROM orders JOIN customers AS c USING (period)
GROUP BY period
UNION ALL
SELECT 'category', category, sum(total_amount)::float8,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM lines WHERE period = 'current' GROUP BY category
UNION ALL
SELECT CASE WHEN grouping(weekday) = 0 THEN 'weekday' ELSE 'hour' END, coalesce(weekday, hour),
    sum(revenue)::float8, count(*) FILTER (WHERE sold > 0),
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (
    SELECT to_char(local, 'FMDay') AS weekday, to_char(local, 'HH24') AS hour, revenue, sold
    FROM orders WHERE period = 'current'
) AS o
GROUP BY GROUPING SETS (weekday, hour)
