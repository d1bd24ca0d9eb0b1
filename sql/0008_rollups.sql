-- Figures of any period, at a cost that does not grow with the orders: sums by day, by month, by hour
-- and by product, and what tells new customers from returning ones.
--
-- They are exact at all times. Whatever a statement touched is counted anew at its end, by the same
-- statements that count a whole store: touched days, touched months of touched products, touched
-- customers. The row of the store in retail.stores is locked meanwhile, so that of two transactions
-- the second counts after the first has committed; that needs READ COMMITTED, and others are refused.
-- (Only the costs' trigger adds a difference: one statement must not change both costs and orders.)
--
-- A bulk load does not pay by the statement: it sets zava.bulk_load to 'on' for its transaction
-- (SET LOCAL), which mutes these triggers without locking a table, and at its end counts the stores
-- it touched with retail.rebuild_rollups(stores). Only the owner writes the tables behind the
-- triggers, so the setting gives nobody else anything.
--
-- No foreign keys: the rows are derived, and checking them one by one would cost a large import more
-- than counting does.

-- Replaced below.
DROP TRIGGER daily_sales_after_insert ON retail.order_items;
DROP TRIGGER daily_sales_after_update ON retail.order_items;
DROP TRIGGER daily_sales_after_delete ON retail.order_items;
DROP TRIGGER daily_sales_after_truncate ON retail.order_items;
DROP TRIGGER daily_sales_after_update ON retail.orders;
DROP TRIGGER daily_sales_after_update ON retail.products;
DROP TRIGGER daily_sales_after_update ON retail.stores;
DROP FUNCTION
    retail.daily_sales_follow_lines(), retail.daily_sales_follow_orders(),
    retail.daily_sales_start_anew(), retail.daily_sales_follow_products(),
    retail.daily_sales_follow_stores(), retail.rebuild_daily_sales();
DROP INDEX retail.daily_sales_emptied;
ALTER TABLE retail.daily_sales
    DROP CONSTRAINT daily_sales_store_id_fkey, DROP CONSTRAINT daily_sales_category_id_fkey;

-- Tables -----------------------------------------------------------------------------------------

CREATE TABLE retail.daily_totals (
    store_id uuid NOT NULL,
    day date NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    orders bigint NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    list_value numeric(14, 2) NOT NULL,
    discount_value numeric(18, 6) NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, day)
);
COMMENT ON TABLE retail.daily_totals IS 'Sales of completed orders by store and local day.';
COMMENT ON COLUMN retail.daily_totals.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.daily_totals.day IS 'The day in the store''s time zone.';
COMMENT ON COLUMN retail.daily_totals.revenue IS 'Sum of line totals, returns negative, US dollars.';
COMMENT ON COLUMN retail.daily_totals.orders IS 'Orders with at least one line of positive quantity.';
COMMENT ON COLUMN retail.daily_totals.units_sold IS 'Units on lines with a positive quantity.';
COMMENT ON COLUMN retail.daily_totals.units_returned IS 'Units on lines with a negative quantity, as a positive number.';
COMMENT ON COLUMN retail.daily_totals.list_value IS 'Quantity times unit price of lines with a positive quantity, US dollars.';
COMMENT ON COLUMN retail.daily_totals.discount_value IS 'What discounts took off these, US dollars.';
COMMENT ON COLUMN retail.daily_totals.line_count IS 'How many order lines are in these figures.';
COMMENT ON COLUMN retail.daily_totals.created_at IS 'When the row was made.';

CREATE TABLE retail.hourly_sales (
    store_id uuid NOT NULL,
    day date NOT NULL,
    hour smallint NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    orders bigint NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    list_value numeric(14, 2) NOT NULL,
    discount_value numeric(18, 6) NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, day, hour)
);
COMMENT ON TABLE retail.hourly_sales IS 'Sales of completed orders by store, local day and hour.';
COMMENT ON COLUMN retail.hourly_sales.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.hourly_sales.day IS 'The day in the store''s time zone.';
COMMENT ON COLUMN retail.hourly_sales.hour IS 'The hour of the day, 0 to 23.';
COMMENT ON COLUMN retail.hourly_sales.revenue IS 'Sum of line totals, returns negative, US dollars.';
COMMENT ON COLUMN retail.hourly_sales.orders IS 'Orders with at least one line of positive quantity.';
COMMENT ON COLUMN retail.hourly_sales.units_sold IS 'Units on lines with a positive quantity.';
COMMENT ON COLUMN retail.hourly_sales.units_returned IS 'Units on lines with a negative quantity, as a positive number.';
COMMENT ON COLUMN retail.hourly_sales.list_value IS 'Quantity times unit price of lines with a positive quantity, US dollars.';
COMMENT ON COLUMN retail.hourly_sales.discount_value IS 'What discounts took off these, US dollars.';
COMMENT ON COLUMN retail.hourly_sales.line_count IS 'How many order lines are in these figures.';
COMMENT ON COLUMN retail.hourly_sales.created_at IS 'When the row was made.';

CREATE TABLE retail.monthly_sales (
    store_id uuid NOT NULL,
    month date NOT NULL,
    category_id uuid NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, month, category_id)
);
COMMENT ON TABLE retail.monthly_sales IS 'Sales of completed orders by store, month and category: daily_sales summed up.';
COMMENT ON COLUMN retail.monthly_sales.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.monthly_sales.month IS 'The first day of the month.';
COMMENT ON COLUMN retail.monthly_sales.category_id IS 'The category, in retail.categories.';
COMMENT ON COLUMN retail.monthly_sales.revenue IS 'Sum of line totals, returns negative, US dollars.';
COMMENT ON COLUMN retail.monthly_sales.units_sold IS 'Units on lines with a positive quantity.';
COMMENT ON COLUMN retail.monthly_sales.units_returned IS 'Units on lines with a negative quantity, as a positive number.';
COMMENT ON COLUMN retail.monthly_sales.line_count IS 'How many order lines are in these figures.';
COMMENT ON COLUMN retail.monthly_sales.created_at IS 'When the row was made.';

CREATE TABLE retail.monthly_products (
    store_id uuid NOT NULL,
    month date NOT NULL,
    product_id uuid NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, month, product_id)
);
COMMENT ON TABLE retail.monthly_products IS 'Sales of completed orders by store, local month and product.';
COMMENT ON COLUMN retail.monthly_products.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.monthly_products.month IS 'The first day of the month.';
COMMENT ON COLUMN retail.monthly_products.product_id IS 'The product, in retail.products.';
COMMENT ON COLUMN retail.monthly_products.revenue IS 'Sum of line totals, returns negative, US dollars.';
COMMENT ON COLUMN retail.monthly_products.units_sold IS 'Units on lines with a positive quantity.';
COMMENT ON COLUMN retail.monthly_products.units_returned IS 'Units on lines with a negative quantity, as a positive number.';
COMMENT ON COLUMN retail.monthly_products.line_count IS 'How many order lines are in these figures.';
COMMENT ON COLUMN retail.monthly_products.created_at IS 'When the row was made.';

CREATE TABLE retail.daily_margins (
    store_id uuid NOT NULL,
    day date NOT NULL,
    covered_revenue numeric(14, 2) NOT NULL,
    cost numeric(16, 2) NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, day)
);
COMMENT ON TABLE retail.daily_margins IS 'What the sold goods cost, by store and local day, at today''s costs; for managers only.';
COMMENT ON COLUMN retail.daily_margins.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.daily_margins.day IS 'The day in the store''s time zone.';
COMMENT ON COLUMN retail.daily_margins.covered_revenue IS 'Revenue of lines whose product''s cost is known, US dollars.';
COMMENT ON COLUMN retail.daily_margins.cost IS 'Quantity times cost of these lines, returns negative, US dollars.';
COMMENT ON COLUMN retail.daily_margins.line_count IS 'How many order lines have a known cost.';
COMMENT ON COLUMN retail.daily_margins.created_at IS 'When the row was made.';

CREATE TABLE retail.hourly_margins (
    store_id uuid NOT NULL,
    day date NOT NULL,
    hour smallint NOT NULL,
    covered_revenue numeric(14, 2) NOT NULL,
    cost numeric(16, 2) NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, day, hour)
);
COMMENT ON TABLE retail.hourly_margins IS 'What the sold goods cost, by store, local day and hour, at today''s costs; for managers only.';
COMMENT ON COLUMN retail.hourly_margins.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.hourly_margins.day IS 'The day in the store''s time zone.';
COMMENT ON COLUMN retail.hourly_margins.hour IS 'The hour of the day, 0 to 23.';
COMMENT ON COLUMN retail.hourly_margins.covered_revenue IS 'Revenue of lines whose product''s cost is known, US dollars.';
COMMENT ON COLUMN retail.hourly_margins.cost IS 'Quantity times cost of these lines, returns negative, US dollars.';
COMMENT ON COLUMN retail.hourly_margins.line_count IS 'How many order lines have a known cost.';
COMMENT ON COLUMN retail.hourly_margins.created_at IS 'When the row was made.';

CREATE TABLE retail.visits (
    store_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    order_date timestamptz NOT NULL,
    order_id uuid NOT NULL,
    day date NOT NULL,
    previous_day date,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, customer_id, order_date, order_id)
);
CREATE INDEX visits_by_day ON retail.visits (store_id, day, previous_day) INCLUDE (order_date);
COMMENT ON TABLE retail.visits IS 'Orders that count (completed, with a line of positive quantity) by known customers.';
COMMENT ON COLUMN retail.visits.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.visits.customer_id IS 'Who bought, in retail.customers.';
COMMENT ON COLUMN retail.visits.order_date IS 'When the order was placed.';
COMMENT ON COLUMN retail.visits.order_id IS 'The order, in retail.orders.';
COMMENT ON COLUMN retail.visits.day IS 'Its day in the store''s time zone.';
COMMENT ON COLUMN retail.visits.previous_day IS 'The day of the customer''s visit before this one; NULL for the first.';
COMMENT ON COLUMN retail.visits.created_at IS 'When the row was made.';

CREATE TABLE retail.daily_visits (
    store_id uuid NOT NULL,
    day date NOT NULL,
    visits bigint NOT NULL,
    first_visits bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, day)
);
COMMENT ON TABLE retail.daily_visits IS 'Visits of known customers by store and local day.';
COMMENT ON COLUMN retail.daily_visits.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.daily_visits.day IS 'The day in the store''s time zone.';
COMMENT ON COLUMN retail.daily_visits.visits IS 'Visits that day.';
COMMENT ON COLUMN retail.daily_visits.first_visits IS 'Those which were the customer''s first ever in this store.';
COMMENT ON COLUMN retail.daily_visits.created_at IS 'When the row was made.';

-- How many different customers came in a period cannot be summed up from days. But each of them has
-- exactly one visit in the period whose previous visit lies before it or nowhere. So it is the visits
-- of the period less those whose previous visit lies in it too, and these are counted here by both
-- days: whole months against whole months, and a month against days for the ends of a period.
CREATE TABLE retail.repeat_visits (
    store_id uuid NOT NULL,
    grain text COLLATE "C" NOT NULL CHECK (grain IN ('month-month', 'day-month', 'month-day')),
    visited date NOT NULL,
    previously date NOT NULL,
    visits bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, grain, visited, previously)
);
COMMENT ON TABLE retail.repeat_visits IS 'Visits by when they were and when the same customer''s visit before was.';
COMMENT ON COLUMN retail.repeat_visits.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.repeat_visits.grain IS 'What visited and previously are: days, or the first days of months.';
COMMENT ON COLUMN retail.repeat_visits.visited IS 'Day or month of the visit.';
COMMENT ON COLUMN retail.repeat_visits.previously IS 'Day or month of the customer''s visit before it.';
COMMENT ON COLUMN retail.repeat_visits.visits IS 'How many visits.';
COMMENT ON COLUMN retail.repeat_visits.created_at IS 'When the row was made.';

SELECT identity.protect_tenant_table(tenant_table::regclass)
FROM unnest(ARRAY[
    'retail.daily_totals', 'retail.hourly_sales', 'retail.monthly_sales', 'retail.monthly_products',
    'retail.daily_margins', 'retail.hourly_margins', 'retail.visits', 'retail.daily_visits',
    'retail.repeat_visits'
]) AS tenant_table;

-- On top of the tenant policies, which it narrows.
CREATE POLICY only_who_may_see_costs ON retail.daily_margins AS RESTRICTIVE FOR SELECT
    TO store_managers, regional_managers, head_office
    USING ((SELECT retail.may_see_costs()));
CREATE POLICY only_who_may_see_costs ON retail.hourly_margins AS RESTRICTIVE FOR SELECT
    TO store_managers, regional_managers, head_office
    USING ((SELECT retail.may_see_costs()));

-- Definitions ------------------------------------------------------------------------------------

CREATE VIEW retail.completed_orders WITH (security_invoker = true) AS
SELECT o.store_id, o.order_id, o.customer_id, o.order_date, l.at_the_store::date AS day,
    date_trunc('month', l.at_the_store)::date AS month,
    date_part('hour', l.at_the_store)::smallint AS hour
FROM retail.orders AS o
JOIN retail.stores AS s USING (store_id)
-- OFFSET 0 keeps the conversion from being done once a column.
CROSS JOIN LATERAL (SELECT o.order_date AT TIME ZONE s.time_zone AS at_the_store OFFSET 0) AS l
WHERE o.status = 'completed';
COMMENT ON VIEW retail.completed_orders IS 'The orders that make the figures, with their local times; for the owner.';

CREATE VIEW retail.counted_repeats WITH (security_invoker = true) AS
SELECT v.store_id, v.customer_id, g.grain, g.visited, g.previously
FROM retail.visits AS v
CROSS JOIN LATERAL (
    SELECT date_trunc('month', v.day::timestamp)::date AS visited,
        date_trunc('month', v.previous_day::timestamp)::date AS previously
    OFFSET 0
) AS month
CROSS JOIN LATERAL (VALUES
    ('month-month', month.visited, month.previously),
    ('day-month', v.day, month.previously),
    ('month-day', month.visited, v.previous_day)
) AS g (grain, visited, previously)
WHERE v.previous_day IS NOT NULL;
COMMENT ON VIEW retail.counted_repeats IS 'Each repeated visit at each grain of repeat_visits; for the owner.';

-- Counting ---------------------------------------------------------------------------------------

-- What comes after this lock sees all that others have committed.
CREATE FUNCTION retail.lock_rollups(stores uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'orders and what they refer to change in READ COMMITTED transactions only'
            USING HINT = 'A fixed snapshot would count without what others commit meanwhile.',
            ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM FROM retail.stores AS s WHERE s.store_id = ANY (stores)
    ORDER BY s.store_id FOR NO KEY UPDATE;
END
$$;

-- Fills the tables by day for the completed orders of a scope: SQL that follows FROM, names
-- retail.completed_orders c, and $1 and $2 for these arguments. What was there must have been deleted.
-- Of whole stores it also fills what goes by month and product and the visits, in the same pass.
-- Rows go in in the order of the keys, which takes indexes a fraction of the time.
CREATE FUNCTION retail.count_orders(
    scope text, stores uuid[], days date[], whole_stores boolean
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $count$
DECLARE
    more text := '';
BEGIN
    IF whole_stores THEN
        more := $sql$
            into_products AS (
                INSERT INTO retail.monthly_products
                    (store_id, month, product_id, revenue, units_sold, units_returned, line_count)
                SELECT store_id, month, product_id, sum(total_amount),
                    coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0),
                    coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0),
                    count(*)
                FROM lines GROUP BY store_id, month, product_id
                ORDER BY store_id, month, product_id
            ),
            into_visits AS (
                INSERT INTO retail.visits
                    (store_id, customer_id, order_date, order_id, day, previous_day)
                SELECT store_id, customer_id, order_date, order_id, day, lag(day) OVER (
                        PARTITION BY store_id, customer_id ORDER BY order_date, order_id)
                FROM orders JOIN sales USING (store_id, order_id)
                WHERE customer_id IS NOT NULL
                ORDER BY store_id, customer_id, order_date, order_id
            ),
            $sql$;
    END IF;
    EXECUTE format($sql$
        WITH orders AS MATERIALIZED (
            SELECT c.* FROM %s
        ),
        lines AS MATERIALIZED (
            SELECT o.store_id, o.order_id, o.day, o.month, o.hour, p.category_id, i.product_id,
                i.quantity, i.total_amount,
                CASE WHEN i.quantity > 0 THEN i.quantity * i.unit_price END AS list_value,
                CASE WHEN i.quantity > 0 AND i.discount_percent > 0
                    THEN i.quantity * i.unit_price * i.discount_percent * 0.01
                END AS discount_value,
                CASE WHEN c.cost IS NOT NULL THEN i.total_amount END AS covered_revenue,
                i.quantity * c.cost AS cost
            FROM orders AS o
            JOIN retail.order_items AS i USING (store_id, order_id)
            JOIN retail.products AS p USING (product_id)
            LEFT JOIN retail.product_costs AS c USING (product_id)
        ),
        sales AS MATERIALIZED (
            SELECT DISTINCT store_id, order_id FROM lines WHERE quantity > 0
        ),
        hourly_orders AS MATERIALIZED (
            SELECT store_id, day, hour, count(*) AS orders
            FROM orders JOIN sales USING (store_id, order_id)
            GROUP BY store_id, day, hour
        ),
        hours AS MATERIALIZED (
            SELECT store_id, day, hour, sum(total_amount) AS revenue,
                coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS units_sold,
                coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS units_returned,
                coalesce(sum(list_value), 0) AS list_value,
                coalesce(sum(discount_value), 0) AS discount_value,
                count(*) AS line_count
            FROM lines GROUP BY store_id, day, hour
        ),
        into_hours AS (
            INSERT INTO retail.hourly_sales
                (store_id, day, hour, revenue, orders, units_sold, units_returned,
                    list_value, discount_value, line_count)
            SELECT h.store_id, h.day, h.hour, h.revenue, coalesce(o.orders, 0), h.units_sold,
                h.units_returned, h.list_value, h.discount_value, h.line_count
            FROM hours AS h LEFT JOIN hourly_orders AS o USING (store_id, day, hour)
            ORDER BY store_id, day, hour
        ),
        into_sales AS (
            INSERT INTO retail.daily_sales
                (store_id, day, category_id, revenue, units_sold, units_returned, line_count)
            SELECT store_id, day, category_id, sum(total_amount),
                coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0),
                coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0),
                count(*)
            FROM lines GROUP BY store_id, day, category_id
            ORDER BY store_id, day, category_id
        ),
        margins AS MATERIALIZED (
            SELECT store_id, day, hour, sum(covered_revenue) AS covered_revenue,
                sum(cost) AS cost, count(*) AS line_count
            FROM lines WHERE cost IS NOT NULL GROUP BY store_id, day, hour
        ),
        into_hourly_margins AS (
            INSERT INTO retail.hourly_margins
                (store_id, day, hour, covered_revenue, cost, line_count)
            SELECT * FROM margins ORDER BY store_id, day, hour
        ),
        into_daily_margins AS (
            INSERT INTO retail.daily_margins (store_id, day, covered_revenue, cost, line_count)
            SELECT store_id, day, sum(covered_revenue), sum(cost), sum(line_count)
            FROM margins GROUP BY store_id, day
            ORDER BY store_id, day
        ),
        %s
        totals AS (
            SELECT store_id, day, sum(revenue) AS revenue, sum(units_sold) AS units_sold,
                sum(units_returned) AS units_returned, sum(list_value) AS list_value,
                sum(discount_value) AS discount_value, sum(line_count) AS line_count
            FROM hours GROUP BY store_id, day
        ),
        daily_orders AS (
            SELECT store_id, day, sum(orders) AS orders FROM hourly_orders GROUP BY store_id, day
        )
        INSERT INTO retail.daily_totals
            (store_id, day, revenue, orders, units_sold, units_returned,
                list_value, discount_value, line_count)
        SELECT t.store_id, t.day, t.revenue, coalesce(o.orders, 0), t.units_sold,
            t.units_returned, t.list_value, t.discount_value, t.line_count
        FROM totals AS t LEFT JOIN daily_orders AS o USING (store_id, day)
        ORDER BY store_id, day
        $sql$, scope, more)
    USING stores, days;
END
$count$;

-- These days of these stores; the arrays go together, without duplicates.
CREATE FUNCTION retail.recount_days(stores uuid[], days date[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    month_stores uuid[];
    months date[];
BEGIN
    DELETE FROM retail.daily_sales AS r USING unnest(stores, days) AS t (store_id, day)
    WHERE r.store_id = t.store_id AND r.day = t.day;
    DELETE FROM retail.hourly_sales AS r USING unnest(stores, days) AS t (store_id, day)
    WHERE r.store_id = t.store_id AND r.day = t.day;
    DELETE FROM retail.daily_totals AS r USING unnest(stores, days) AS t (store_id, day)
    WHERE r.store_id = t.store_id AND r.day = t.day;
    DELETE FROM retail.daily_margins AS r USING unnest(stores, days) AS t (store_id, day)
    WHERE r.store_id = t.store_id AND r.day = t.day;
    DELETE FROM retail.hourly_margins AS r USING unnest(stores, days) AS t (store_id, day)
    WHERE r.store_id = t.store_id AND r.day = t.day;
    -- The index finds the orders by their instants, with three hours to spare: where clocks go back
    -- over midnight, a local day has no single first instant.
    PERFORM retail.count_orders($scope$
        unnest($1, $2) AS t (store_id, day)
        JOIN retail.stores AS z ON z.store_id = t.store_id
        JOIN retail.completed_orders AS c ON c.store_id = t.store_id AND c.day = t.day
            AND c.order_date >= (t.day::timestamp AT TIME ZONE z.time_zone) - interval '3 hours'
            AND c.order_date < ((t.day + 1)::timestamp AT TIME ZONE z.time_zone)
                + interval '3 hours'
        $scope$, stores, days, whole_stores => false);

    SELECT array_agg(m.store_id), array_agg(m.month) INTO month_stores, months
    FROM (
        SELECT DISTINCT t.store_id, date_trunc('month', t.day::timestamp)::date AS month
        FROM unnest(stores, days) AS t (store_id, day)
    ) AS m;
    DELETE FROM retail.monthly_sales AS r USING unnest(month_stores, months) AS t (store_id, month)
    WHERE r.store_id = t.store_id AND r.month = t.month;
    INSERT INTO retail.monthly_sales
        (store_id, month, category_id, revenue, units_sold, units_returned, line_count)
    SELECT t.store_id, t.month, d.category_id,
        sum(d.revenue), sum(d.units_sold), sum(d.units_returned), sum(d.line_count)
    FROM unnest(month_stores, months) AS t (store_id, month)
    JOIN retail.daily_sales AS d ON d.store_id = t.store_id
        AND d.day >= t.month AND d.day < (t.month + interval '1 month')::date
    GROUP BY t.store_id, t.month, d.category_id;
END
$$;

-- These products in these months in these stores; the arrays go together, without duplicates. A
-- product that is NULL stands for all of them.
CREATE FUNCTION retail.recount_products(stores uuid[], months date[], products uuid[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM retail.monthly_products AS r
    USING unnest(stores, months, products) AS t (store_id, month, product_id)
    WHERE r.store_id = t.store_id AND r.month = t.month
        AND r.product_id = coalesce(t.product_id, r.product_id);
    INSERT INTO retail.monthly_products
        (store_id, month, product_id, revenue, units_sold, units_returned, line_count)
    SELECT i.store_id, c.month, i.product_id, sum(i.total_amount),
        coalesce(sum(i.quantity) FILTER (WHERE i.quantity > 0), 0),
        coalesce(-sum(i.quantity) FILTER (WHERE i.quantity < 0), 0),
        count(*)
    FROM unnest(stores, months, products) AS t (store_id, month, product_id)
    JOIN retail.stores AS z ON z.store_id = t.store_id
    JOIN retail.completed_orders AS c ON c.store_id = t.store_id AND c.month = t.month
        AND c.order_date >= (t.month::timestamp AT TIME ZONE z.time_zone) - interval '3 hours'
        AND c.order_date < ((t.month + interval '1 month') AT TIME ZONE z.time_zone)
            + interval '3 hours'
    JOIN retail.order_items AS i ON i.store_id = c.store_id AND i.order_id = c.order_id
        AND i.product_id = coalesce(t.product_id, i.product_id)
    GROUP BY i.store_id, c.month, i.product_id;
END
$$;

-- Adds (+1) what these customers' visits contribute to the sums over visits, or takes it away (-1).
CREATE FUNCTION retail.add_visits(sign integer, stores uuid[], customers uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO retail.daily_visits AS r (store_id, day, visits, first_visits)
    SELECT v.store_id, v.day, sign * count(*), sign * count(*) FILTER (WHERE v.previous_day IS NULL)
    FROM unnest(stores, customers) AS t (store_id, customer_id)
    JOIN retail.visits AS v USING (store_id, customer_id)
    GROUP BY v.store_id, v.day
    ON CONFLICT (store_id, day) DO UPDATE SET
        visits = r.visits + excluded.visits,
        first_visits = r.first_visits + excluded.first_visits;
    INSERT INTO retail.repeat_visits AS r (store_id, grain, visited, previously, visits)
    SELECT v.store_id, v.grain, v.visited, v.previously, sign * count(*)
    FROM unnest(stores, customers) AS t (store_id, customer_id)
    JOIN retail.counted_repeats AS v USING (store_id, customer_id)
    GROUP BY v.store_id, v.grain, v.visited, v.previously
    ON CONFLICT (store_id, grain, visited, previously) DO UPDATE SET
        visits = r.visits + excluded.visits;
END
$$;

-- These customers of these stores; the arrays go together, without duplicates.
CREATE FUNCTION retail.recount_visits(stores uuid[], customers uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    emptied_stores uuid[];
    emptied_days date[];
BEGIN
    SELECT array_agg(e.store_id), array_agg(e.day) INTO emptied_stores, emptied_days
    FROM (
        SELECT DISTINCT v.store_id, v.day
        FROM unnest(stores, customers) AS t (store_id, customer_id)
        JOIN retail.visits AS v USING (store_id, customer_id)
    ) AS e;
    PERFORM retail.add_visits(-1, stores, customers);
    DELETE FROM retail.visits AS v USING unnest(stores, customers) AS t (store_id, customer_id)
    WHERE v.store_id = t.store_id AND v.customer_id = t.customer_id;
    INSERT INTO retail.visits (store_id, customer_id, order_date, order_id, day, previous_day)
    SELECT c.store_id, c.customer_id, c.order_date, c.order_id, c.day, lag(c.day) OVER (
            PARTITION BY c.store_id, c.customer_id ORDER BY c.order_date, c.order_id)
    FROM unnest(stores, customers) AS t (store_id, customer_id)
    JOIN retail.completed_orders AS c USING (store_id, customer_id)
    WHERE EXISTS (
        SELECT FROM retail.order_items AS i
        WHERE i.store_id = c.store_id AND i.order_id = c.order_id AND i.quantity > 0
    );
    PERFORM retail.add_visits(1, stores, customers);
    DELETE FROM retail.daily_visits AS r USING unnest(emptied_stores, emptied_days) AS t (store_id, day)
    WHERE r.store_id = t.store_id AND r.day = t.day AND r.visits = 0;
    DELETE FROM retail.repeat_visits WHERE store_id = ANY (stores) AND visits = 0;
END
$$;
-- Rows at zero are few and gone by the end of the statement.
CREATE INDEX repeat_visits_emptied ON retail.repeat_visits (store_id) WHERE visits = 0;

-- Everything of these stores, or of all. For bulk loads, which mute the triggers.
CREATE FUNCTION retail.rebuild_rollups(stores uuid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Several pieces of this size at a time, of the 1.5 GiB that a process of ours may have.
SET work_mem = '32MB'
-- It reads most of the rows, for which neither an index nor remembering values pays.
SET enable_nestloop = off
SET enable_memoize = off
AS $$
DECLARE
    batch uuid[];
BEGIN
    IF stores IS NULL THEN
        SELECT array_agg(store_id) INTO stores FROM retail.stores;
    END IF;
    PERFORM retail.lock_rollups(stores);
    DELETE FROM retail.daily_sales WHERE store_id = ANY (stores);
    DELETE FROM retail.hourly_sales WHERE store_id = ANY (stores);
    DELETE FROM retail.daily_totals WHERE store_id = ANY (stores);
    DELETE FROM retail.daily_margins WHERE store_id = ANY (stores);
    DELETE FROM retail.hourly_margins WHERE store_id = ANY (stores);
    DELETE FROM retail.monthly_sales WHERE store_id = ANY (stores);
    DELETE FROM retail.monthly_products WHERE store_id = ANY (stores);
    DELETE FROM retail.visits WHERE store_id = ANY (stores);
    DELETE FROM retail.daily_visits WHERE store_id = ANY (stores);
    DELETE FROM retail.repeat_visits WHERE store_id = ANY (stores);

    -- Stores together until they have 400,000 orders: small enough for memory, large enough for whole
    -- tables to be read a few times only.
    FOR batch IN
        SELECT array_agg(b.store_id ORDER BY b.store_id)
        FROM (
            SELECT n.store_id,
                div(sum(n.orders) OVER (ORDER BY n.store_id) - n.orders, 400000) AS number
            FROM (
                SELECT o.store_id, count(*) AS orders FROM retail.orders AS o
                WHERE o.store_id = ANY (stores) GROUP BY o.store_id
            ) AS n
        ) AS b
        GROUP BY b.number
        ORDER BY b.number
    LOOP
        PERFORM retail.count_orders(
            'retail.completed_orders AS c WHERE c.store_id = ANY ($1)', batch, NULL,
            whole_stores => true);
        INSERT INTO retail.monthly_sales
            (store_id, month, category_id, revenue, units_sold, units_returned, line_count)
        SELECT store_id, date_trunc('month', day::timestamp)::date, category_id,
            sum(revenue), sum(units_sold), sum(units_returned), sum(line_count)
        FROM retail.daily_sales
        WHERE store_id = ANY (batch)
        GROUP BY 1, 2, 3
        ORDER BY 1, 2, 3;
        INSERT INTO retail.daily_visits (store_id, day, visits, first_visits)
        SELECT store_id, day, count(*), count(*) FILTER (WHERE previous_day IS NULL)
        FROM retail.visits
        WHERE store_id = ANY (batch)
        GROUP BY store_id, day
        ORDER BY store_id, day;
        INSERT INTO retail.repeat_visits (store_id, grain, visited, previously, visits)
        SELECT store_id, grain, visited, previously, count(*)
        FROM retail.counted_repeats
        WHERE store_id = ANY (batch)
        GROUP BY store_id, grain, visited, previously
        ORDER BY store_id, grain, visited, previously;
    END LOOP;
END
$$;
COMMENT ON FUNCTION retail.rebuild_rollups(uuid[])
    IS 'Counts all rollups of these stores anew, of all stores for NULL; at the end of a bulk load.';

-- Triggers ---------------------------------------------------------------------------------------

-- The transition table of lines is named changed, the one before an update was.
CREATE FUNCTION retail.rollups_follow_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lines text := 'SELECT store_id, order_id, product_id FROM changed';
    touched record;
BEGIN
    IF current_setting('zava.bulk_load', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        lines := lines || ' UNION SELECT store_id, order_id, product_id FROM was';
    END IF;
    EXECUTE format('SELECT array_agg(DISTINCT store_id) AS stores FROM (%s) AS l', lines)
    INTO touched;
    IF touched.stores IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM retail.lock_rollups(touched.stores);
    EXECUTE format($sql$
        WITH lines AS MATERIALIZED (
            SELECT l.store_id, l.product_id, o.customer_id,
                (o.order_date AT TIME ZONE s.time_zone)::date AS day
            FROM (%s) AS l
            JOIN retail.orders AS o USING (store_id, order_id)
            JOIN retail.stores AS s USING (store_id)
        ),
        days AS (SELECT DISTINCT store_id, day FROM lines),
        products AS (
            SELECT DISTINCT store_id, date_trunc('month', day::timestamp)::date AS month, product_id FROM lines
        ),
        customers AS (
            SELECT DISTINCT store_id, customer_id FROM lines WHERE customer_id IS NOT NULL
        )
        SELECT
            (SELECT array_agg(store_id ORDER BY store_id, day) FROM days) AS day_stores,
            (SELECT array_agg(day ORDER BY store_id, day) FROM days) AS days,
            (SELECT array_agg(store_id ORDER BY store_id, month, product_id) FROM products)
                AS product_stores,
            (SELECT array_agg(month ORDER BY store_id, month, product_id) FROM products)
                AS product_months,
            (SELECT array_agg(product_id ORDER BY store_id, month, product_id) FROM products)
                AS products,
            (SELECT array_agg(store_id ORDER BY store_id, customer_id) FROM customers)
                AS customer_stores,
            (SELECT array_agg(customer_id ORDER BY store_id, customer_id) FROM customers)
                AS customers
        $sql$, lines)
    INTO touched;
    -- Lines that went together with their order are the orders' trigger's.
    IF touched.days IS NOT NULL THEN
        PERFORM retail.recount_days(touched.day_stores, touched.days);
        PERFORM retail.recount_products(
            touched.product_stores, touched.product_months, touched.products);
    END IF;
    IF touched.customers IS NOT NULL THEN
        PERFORM retail.recount_visits(touched.customer_stores, touched.customers);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER rollups_after_insert AFTER INSERT ON retail.order_items
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_lines();
CREATE TRIGGER rollups_after_update AFTER UPDATE ON retail.order_items
    REFERENCING NEW TABLE AS changed OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_lines();
CREATE TRIGGER rollups_after_delete AFTER DELETE ON retail.order_items
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_lines();

-- An order comes without lines, and its foreign key keeps it while it has any: so only updates
-- matter, and deletes together with the lines in one statement.
CREATE FUNCTION retail.rollups_follow_orders() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    orders text := 'SELECT store_id, order_id, customer_id, order_date, status FROM was';
    touched record;
BEGIN
    IF current_setting('zava.bulk_load', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- What differs in a column that matters, as it was and as it is.
        orders := format('(%1$s EXCEPT %2$s) UNION (%2$s EXCEPT %1$s)',
            orders, replace(orders, 'FROM was', 'FROM changed'));
    END IF;
    EXECUTE format('SELECT array_agg(DISTINCT store_id) AS stores FROM (%s) AS o', orders)
    INTO touched;
    IF touched.stores IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM retail.lock_rollups(touched.stores);
    EXECUTE format($sql$
        WITH orders AS MATERIALIZED (
            SELECT o.store_id, o.customer_id, (o.order_date AT TIME ZONE s.time_zone)::date AS day
            FROM (%s) AS o JOIN retail.stores AS s USING (store_id)
        ),
        days AS (SELECT DISTINCT store_id, day FROM orders),
        months AS (SELECT DISTINCT store_id, date_trunc('month', day::timestamp)::date AS month FROM orders),
        customers AS (
            SELECT DISTINCT store_id, customer_id FROM orders WHERE customer_id IS NOT NULL
        )
        SELECT
            (SELECT array_agg(store_id ORDER BY store_id, day) FROM days) AS day_stores,
            (SELECT array_agg(day ORDER BY store_id, day) FROM days) AS days,
            (SELECT array_agg(store_id ORDER BY store_id, month) FROM months) AS month_stores,
            (SELECT array_agg(month ORDER BY store_id, month) FROM months) AS months,
            (SELECT array_agg(NULL::uuid) FROM months) AS all_products,
            (SELECT array_agg(store_id ORDER BY store_id, customer_id) FROM customers)
                AS customer_stores,
            (SELECT array_agg(customer_id ORDER BY store_id, customer_id) FROM customers)
                AS customers
        $sql$, orders)
    INTO touched;
    PERFORM retail.recount_days(touched.day_stores, touched.days);
    PERFORM retail.recount_products(touched.month_stores, touched.months, touched.all_products);
    IF touched.customers IS NOT NULL THEN
        PERFORM retail.recount_visits(touched.customer_stores, touched.customers);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER rollups_after_update AFTER UPDATE ON retail.orders
    REFERENCING NEW TABLE AS changed OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_orders();
CREATE TRIGGER rollups_after_delete AFTER DELETE ON retail.orders
    REFERENCING OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_orders();

CREATE FUNCTION retail.rollups_start_anew() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('zava.bulk_load', true) IS DISTINCT FROM 'on' THEN
        PERFORM retail.rebuild_rollups();
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER rollups_after_truncate AFTER TRUNCATE ON retail.order_items
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_start_anew();
CREATE TRIGGER rollups_after_truncate AFTER TRUNCATE ON retail.product_costs
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_start_anew();

-- A store that moves to another time zone has other days.
CREATE FUNCTION retail.rollups_follow_stores() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved uuid[];
BEGIN
    IF current_setting('zava.bulk_load', true) = 'on' THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(n.store_id) INTO moved
    FROM was AS o JOIN changed AS n USING (store_id) WHERE o.time_zone <> n.time_zone;
    IF moved IS NOT NULL THEN
        PERFORM retail.rebuild_rollups(moved);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER rollups_after_update AFTER UPDATE ON retail.stores
    REFERENCING NEW TABLE AS changed OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_stores();

CREATE FUNCTION retail.rollups_follow_products() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved uuid[];
    stores uuid[];
    days date[];
BEGIN
    IF current_setting('zava.bulk_load', true) = 'on' THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(n.product_id) INTO moved
    FROM was AS o JOIN changed AS n USING (product_id) WHERE o.category_id <> n.category_id;
    IF moved IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM retail.lock_rollups(ARRAY(SELECT store_id FROM retail.stores));
    SELECT array_agg(t.store_id), array_agg(t.day) INTO stores, days
    FROM (
        SELECT DISTINCT c.store_id, c.day
        FROM retail.order_items AS i
        JOIN retail.completed_orders AS c USING (store_id, order_id)
        WHERE i.product_id = ANY (moved)
    ) AS t;
    IF days IS NOT NULL THEN
        PERFORM retail.recount_days(stores, days);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER rollups_after_update AFTER UPDATE ON retail.products
    REFERENCING NEW TABLE AS changed OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_products();

-- A cost holds for the whole history of its product, in all stores: counting that anew would take
-- seconds with millions of lines, so that here the difference is added.
CREATE FUNCTION retail.rollups_follow_costs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    differences text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT product_id, 1 AS known, cost FROM changed'
        WHEN 'DELETE' THEN 'SELECT product_id, -1 AS known, -cost AS cost FROM was'
        ELSE 'SELECT product_id, sum(known) AS known, sum(cost) AS cost FROM ('
            'SELECT product_id, 1 AS known, cost FROM changed '
            'UNION ALL SELECT product_id, -1, -cost FROM was) AS both_sides '
            'GROUP BY product_id HAVING sum(known) <> 0 OR sum(cost) <> 0'
    END;
BEGIN
    IF current_setting('zava.bulk_load', true) = 'on' THEN
        RETURN NULL;
    END IF;
    PERFORM retail.lock_rollups(ARRAY(SELECT store_id FROM retail.stores));
    EXECUTE format($sql$
        WITH more AS MATERIALIZED (
            SELECT c.store_id, c.day, c.hour, sum(d.known * i.total_amount) AS covered_revenue,
                sum(d.cost * i.quantity) AS cost, sum(d.known) AS line_count
            FROM (%s) AS d
            JOIN retail.order_items AS i USING (product_id)
            JOIN retail.completed_orders AS c USING (store_id, order_id)
            GROUP BY c.store_id, c.day, c.hour
        ),
        by_hour AS (
            INSERT INTO retail.hourly_margins AS r
                (store_id, day, hour, covered_revenue, cost, line_count)
            SELECT * FROM more
            ON CONFLICT (store_id, day, hour) DO UPDATE SET
                covered_revenue = r.covered_revenue + excluded.covered_revenue,
                cost = r.cost + excluded.cost,
                line_count = r.line_count + excluded.line_count
        )
        INSERT INTO retail.daily_margins AS r (store_id, day, covered_revenue, cost, line_count)
        SELECT store_id, day, sum(covered_revenue), sum(cost), sum(line_count)
        FROM more GROUP BY store_id, day
        ON CONFLICT (store_id, day) DO UPDATE SET
            covered_revenue = r.covered_revenue + excluded.covered_revenue,
            cost = r.cost + excluded.cost,
            line_count = r.line_count + excluded.line_count
        $sql$, differences);
    DELETE FROM retail.hourly_margins WHERE line_count = 0;
    DELETE FROM retail.daily_margins WHERE line_count = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER rollups_after_insert AFTER INSERT ON retail.product_costs
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_costs();
CREATE TRIGGER rollups_after_update AFTER UPDATE ON retail.product_costs
    REFERENCING NEW TABLE AS changed OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_costs();
CREATE TRIGGER rollups_after_delete AFTER DELETE ON retail.product_costs
    REFERENCING OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION retail.rollups_follow_costs();

REVOKE ALL ON FUNCTION
    retail.lock_rollups(uuid[]), retail.count_orders(text, uuid[], date[], boolean),
    retail.recount_days(uuid[], date[]), retail.recount_products(uuid[], date[], uuid[]),
    retail.add_visits(integer, uuid[], uuid[]), retail.recount_visits(uuid[], uuid[]),
    retail.rebuild_rollups(uuid[]), retail.rollups_follow_lines(), retail.rollups_follow_orders(),
    retail.rollups_start_anew(), retail.rollups_follow_stores(), retail.rollups_follow_products(),
    retail.rollups_follow_costs()
    FROM PUBLIC;

-- For what is there already.
SELECT retail.rebuild_rollups();
