"""What stores' figures are read by: over whole days and months, and over cut days."""

from __future__ import annotations

STORES = """
SELECT s.store_id, s.name, s.time_zone, EXISTS (
        SELECT FROM retail.orders AS o WHERE o.store_id = s.store_id AND o.order_date >= $2
    ) AS has_later_orders,
    EXISTS (SELECT FROM zava.sums_by_product) AS has_monthly_products
FROM retail.stores AS s
WHERE s.store_id = ANY ($1)
ORDER BY s.name
"""

# The planner takes a range that another row gives for a ninth of the table, and would read all of
# it. As a lateral sub-select of its own (OFFSET 0 keeps it one, as sums do) it is looked up row by
# row. Sums are made of each range first: sorting thousands of rows by period would take longer.
_WINDOWS = """
windows AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::date[], $4::date[])
        AS w (period, store_id, start, until)
)
"""
# Days outside of whole months, and these.
_WINDOWS_AND_MONTHS = f"""{_WINDOWS.rstrip()},
months AS (
    SELECT * FROM unnest($5::text[], $6::uuid[], $7::date[], $8::date[])
        AS w (period, store_id, start, until)
)
"""  # noqa: S608 - no values in it

_SUMS = """sum(t.revenue) AS revenue, sum(t.orders)::bigint AS orders,
    sum(t.units_sold)::bigint AS units_sold, sum(t.units_returned)::bigint AS units_returned,
    sum(t.list_value) AS list_value, sum(t.discount_value) AS discount_value"""

TOTALS = f"""
WITH {_WINDOWS_AND_MONTHS}
SELECT t.period, t.weekday, {_SUMS}, sum(t.lines)::bigint AS lines
FROM (
    SELECT w.period, t.*
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT extract(isodow FROM t.day)::int AS weekday, {_SUMS},
            sum(t.line_count)::bigint AS lines
        FROM retail.daily_totals AS t
        WHERE t.store_id = w.store_id AND t.day >= w.start AND t.day < w.until
        GROUP BY 1
    ) AS t
    UNION ALL
    SELECT w.period, t.*
    FROM months AS w
    CROSS JOIN LATERAL (
        SELECT t.number::int AS weekday, {_SUMS}, sum(t.line_count)::bigint AS lines
        FROM retail.monthly_rhythm AS t
        WHERE t.store_id = w.store_id AND t.month >= w.start AND t.month < w.until
            AND t.part = 'weekday'
        GROUP BY 1
    ) AS t
) AS t
GROUP BY 1, 2
"""  # noqa: S608 - likewise

DAYS = f"""
WITH {_WINDOWS}
SELECT w.period, t.day, sum(t.revenue) AS revenue, sum(t.orders)::bigint AS orders,
    sum(t.units_sold)::bigint AS units_sold, sum(t.line_count)::bigint AS lines
FROM windows AS w
CROSS JOIN LATERAL (
    SELECT t.* FROM retail.daily_totals AS t
    WHERE t.store_id = w.store_id AND t.day >= w.start AND t.day < w.until
    OFFSET 0
) AS t
GROUP BY 1, 2
ORDER BY 2
"""  # noqa: S608 - likewise

MARGINS = f"""
WITH {_WINDOWS_AND_MONTHS}
SELECT m.period, sum(m.covered_revenue) AS covered_revenue, sum(m.cost) AS cost
FROM (
    SELECT w.period, m.*
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT sum(m.covered_revenue) AS covered_revenue, sum(m.cost) AS cost
        FROM retail.daily_margins AS m
        WHERE m.store_id = w.store_id AND m.day >= w.start AND m.day < w.until
    ) AS m
    UNION ALL
    SELECT w.period, m.*
    FROM months AS w
    CROSS JOIN LATERAL (
        SELECT sum(m.covered_revenue) AS covered_revenue, sum(m.cost) AS cost
        FROM retail.monthly_margins AS m
        WHERE m.store_id = w.store_id AND m.month >= w.start AND m.month < w.until
    ) AS m
) AS m
WHERE m.cost IS NOT NULL
GROUP BY 1
"""  # noqa: S608 - likewise

HOURS = f"""
WITH {_WINDOWS_AND_MONTHS}
SELECT h.period, h.hour, sum(h.revenue) AS revenue, sum(h.orders)::bigint AS orders
FROM (
    SELECT w.period, h.*
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT h.hour::int AS hour, sum(h.revenue) AS revenue, sum(h.orders) AS orders
        FROM retail.hourly_sales AS h
        WHERE h.store_id = w.store_id AND h.day >= w.start AND h.day < w.until
        GROUP BY 1
    ) AS h
    UNION ALL
    SELECT w.period, h.*
    FROM months AS w
    CROSS JOIN LATERAL (
        SELECT h.number::int AS hour, sum(h.revenue) AS revenue, sum(h.orders) AS orders
        FROM retail.monthly_rhythm AS h
        WHERE h.store_id = w.store_id AND h.month >= w.start AND h.month < w.until
            AND h.part = 'hour'
        GROUP BY 1
    ) AS h
) AS h
GROUP BY 1, 2
"""  # noqa: S608 - likewise

# Of a cut day: the hours that were over, and the orders of the hour that was not. What limits these
# must come from outside: a function of other tables' columns is nothing that row security lets an
# index serve. An hour that comes twice, as clocks go back, is counted from its orders.
_CUTS = """
WITH cuts AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::date[], $4::int[], $5::timestamptz[],
        $6::timestamptz[]) AS w (period, store_id, day, hour, since, cut_at)
),
orders AS MATERIALIZED (
    SELECT w.period, w.day, w.hour AS cut_hour, o.store_id, o.order_id,
        o.order_date AT TIME ZONE s.time_zone AS local
    FROM cuts AS w
    JOIN retail.stores AS s USING (store_id)
    CROSS JOIN LATERAL (
        SELECT o.store_id, o.order_id, o.order_date FROM retail.orders AS o
        WHERE o.store_id = w.store_id AND o.order_date >= w.since AND o.order_date < w.cut_at
            AND o.status = 'completed'
        OFFSET 0
    ) AS o
),
lines AS (
    SELECT o.period, extract(isodow FROM o.day)::int AS weekday,
        extract(hour FROM o.local)::int AS hour, o.order_id, i.quantity, i.unit_price,
        i.discount_percent, i.total_amount, {cost} AS cost
    FROM orders AS o
    JOIN retail.order_items AS i USING (store_id, order_id){costs}
    WHERE o.local::date = o.day AND extract(hour FROM o.local) >= o.cut_hour
)
SELECT w.period, extract(isodow FROM w.day)::int AS weekday, h.hour::int AS hour, h.revenue,
    h.orders, h.units_sold, h.units_returned, h.list_value, h.discount_value,
    h.line_count AS lines, 0::numeric AS covered_revenue, 0::numeric AS cost
FROM cuts AS w
CROSS JOIN LATERAL (
    SELECT h.* FROM retail.hourly_sales AS h
    WHERE h.store_id = w.store_id AND h.day = w.day AND h.hour < w.hour
    OFFSET 0
) AS h{margins}
UNION ALL
SELECT period, weekday, hour, sum(total_amount),
    count(DISTINCT order_id) FILTER (WHERE quantity > 0),
    coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0),
    coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0),
    coalesce(sum(quantity * unit_price) FILTER (WHERE quantity > 0), 0),
    coalesce(sum(quantity * unit_price * discount_percent * 0.01) FILTER (WHERE quantity > 0), 0),
    count(*),
    coalesce(sum(total_amount) FILTER (WHERE cost IS NOT NULL), 0),
    coalesce(sum(quantity * cost), 0)
FROM lines
GROUP BY period, weekday, hour
"""
_CUT_MARGINS = """
UNION ALL
SELECT w.period, extract(isodow FROM w.day)::int, m.hour::int, 0, 0, 0, 0, 0, 0, 0,
    m.covered_revenue, m.cost
FROM cuts AS w
CROSS JOIN LATERAL (
    SELECT m.hour, m.covered_revenue, m.cost FROM retail.hourly_margins AS m
    WHERE m.store_id = w.store_id AND m.day = w.day AND m.hour < w.hour
    OFFSET 0
) AS m"""
CUTS_WITH_COSTS = _CUTS.format(
    cost="k.cost",
    costs="\n    LEFT JOIN retail.product_costs AS k USING (product_id)",
    margins=_CUT_MARGINS,
)
CUTS_WITHOUT_COSTS = _CUTS.format(cost="NULL::numeric", costs="", margins="")

CATEGORIES = """
SELECT f.period, c.name AS category, sum(f.revenue) AS revenue,
    sum(f.units_sold)::bigint AS units_sold
FROM (
    SELECT w.period, d.category_id, d.revenue, d.units_sold
    FROM unnest($1::text[], $2::uuid[], $3::date[], $4::date[])
        AS w (period, store_id, start, until)
    CROSS JOIN LATERAL (
        SELECT d.category_id, sum(d.revenue) AS revenue, sum(d.units_sold) AS units_sold
        FROM retail.daily_sales AS d
        WHERE d.store_id = w.store_id AND d.day >= w.start AND d.day < w.until
        GROUP BY 1
    ) AS d
    UNION ALL
    SELECT w.period, m.category_id, m.revenue, m.units_sold
    FROM unnest($5::text[], $6::uuid[], $7::date[], $8::date[])
        AS w (period, store_id, start, until)
    CROSS JOIN LATERAL (
        SELECT m.category_id, sum(m.revenue) AS revenue, sum(m.units_sold) AS units_sold
        FROM retail.monthly_sales AS m
        WHERE m.store_id = w.store_id AND m.month >= w.start AND m.month < w.until
        GROUP BY 1
    ) AS m
    UNION ALL
    SELECT w.period, p.category_id, i.total_amount, greatest(i.quantity, 0)
    FROM unnest($9::text[], $10::uuid[], $11::date[], $12::timestamptz[], $13::timestamptz[])
        AS w (period, store_id, day, since, cut_at)
    JOIN retail.stores AS s USING (store_id)
    CROSS JOIN LATERAL (
        SELECT o.store_id, o.order_id, o.order_date FROM retail.orders AS o
        WHERE o.store_id = w.store_id AND o.order_date >= w.since AND o.order_date < w.cut_at
            AND o.status = 'completed'
        OFFSET 0
    ) AS o
    JOIN retail.order_items AS i ON i.store_id = o.store_id AND i.order_id = o.order_id
    JOIN retail.products AS p USING (product_id)
    WHERE (o.order_date AT TIME ZONE s.time_zone)::date = w.day
) AS f
JOIN retail.categories AS c USING (category_id)
GROUP BY 1, 2
"""

# Repeated are visits whose previous visit lies in the window too: both in whole months, one of them
# or both in the days around these. See sql/0008_rollups.sql. A row of `pairs` for each visited
# month or day makes every look-up a single range of its index. Materialized, since under row
# security no index serves a condition with the casts in it.
VISITS = f"""
WITH {_WINDOWS},
cuts AS (
    SELECT * FROM unnest($5::text[], $6::uuid[], $7::date[], $8::date[], $9::timestamptz[])
        AS w (period, store_id, start, day, cut_at)
),
months AS MATERIALIZED (
    SELECT w.*, month::date AS visited
    FROM unnest($10::text[], $11::uuid[], $12::date[], $13::date[], $14::date[])
        AS w (period, store_id, start, first, last)
    CROSS JOIN LATERAL generate_series(date_trunc('month', w.start::timestamp),
        w.last::timestamp - interval '1 day', interval '1 month') AS month
),
days AS MATERIALIZED (
    SELECT w.*, day::date AS visited
    FROM unnest($15::text[], $16::uuid[], $17::date[], $18::date[], $19::date[], $20::date[])
        AS w (period, store_id, start, first, since, until)
    CROSS JOIN LATERAL generate_series(w.since::timestamp,
        w.until::timestamp - interval '1 day', interval '1 day') AS day
),
pairs AS MATERIALIZED (
    SELECT period, store_id, 'month-month' COLLATE "C" AS grain, visited, first, last AS until
    FROM months
    UNION ALL
    SELECT period, store_id, 'month-day', visited, start, first FROM months
    UNION ALL
    SELECT period, store_id, 'day-month', visited, first, visited + 1 FROM days
)
SELECT f.period, coalesce(sum(f.visits), 0)::bigint AS visits,
    coalesce(sum(f.first_visits), 0)::bigint AS first_visits,
    coalesce(sum(f.repeated), 0)::bigint AS repeated
FROM (
    SELECT w.period, d.visits, d.first_visits, 0 AS repeated
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT sum(d.visits) AS visits, sum(d.first_visits) AS first_visits
        FROM retail.daily_visits AS d
        WHERE d.store_id = w.store_id AND d.day >= w.start AND d.day < w.until
    ) AS d
    UNION ALL
    SELECT p.period, 0, 0, r.visits
    FROM pairs AS p
    CROSS JOIN LATERAL (
        SELECT r.visits FROM retail.repeat_visits AS r
        WHERE r.store_id = p.store_id AND r.grain = p.grain AND r.visited = p.visited
            AND r.previously >= p.first AND r.previously < p.until
        OFFSET 0
    ) AS r
    UNION ALL
    SELECT d.period, 0, 0, v.visits
    FROM days AS d
    CROSS JOIN LATERAL (
        SELECT count(*) AS visits FROM retail.visits AS v
        WHERE v.store_id = d.store_id AND v.day = d.visited
            AND v.previous_day >= d.start AND v.previous_day < d.first
    ) AS v
    UNION ALL
    SELECT w.period, v.visits, v.first_visits, v.repeated
    FROM cuts AS w
    CROSS JOIN LATERAL (
        SELECT count(*) AS visits, count(*) - count(v.previous_day) AS first_visits,
            count(*) FILTER (WHERE v.previous_day >= w.start) AS repeated
        FROM retail.visits AS v
        WHERE v.store_id = w.store_id AND v.day = w.day AND v.order_date < w.cut_at
    ) AS v
) AS f
GROUP BY 1
"""  # noqa: S608 - likewise
