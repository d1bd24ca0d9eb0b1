-- Long periods are read by the month: of a year and eight stores that is some hundred rows where the
-- days and their hours are thirty thousand.

CREATE TABLE retail.monthly_rhythm (
    store_id uuid NOT NULL,
    month date NOT NULL,
    part text COLLATE "C" NOT NULL CHECK (part IN ('weekday', 'hour')),
    number smallint NOT NULL,
    revenue numeric(14, 2) NOT NULL,
    orders bigint NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    list_value numeric(14, 2) NOT NULL,
    discount_value numeric(18, 6) NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, month, part, number)
);
COMMENT ON TABLE retail.monthly_rhythm IS 'Sales of completed orders by store and local month: once by weekday, once by hour.';
COMMENT ON COLUMN retail.monthly_rhythm.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.monthly_rhythm.month IS 'The first day of the month.';
COMMENT ON COLUMN retail.monthly_rhythm.part IS 'What number is: weekday or hour. Ask for one of them, or everything counts twice.';
COMMENT ON COLUMN retail.monthly_rhythm.number IS 'The weekday, 1 (Monday) to 7, or the hour of the day, 0 to 23.';
COMMENT ON COLUMN retail.monthly_rhythm.revenue IS 'Sum of line totals, returns negative, US dollars.';
COMMENT ON COLUMN retail.monthly_rhythm.orders IS 'Orders with at least one line of positive quantity.';
COMMENT ON COLUMN retail.monthly_rhythm.units_sold IS 'Units on lines with a positive quantity.';
COMMENT ON COLUMN retail.monthly_rhythm.units_returned IS 'Units on lines with a negative quantity, as a positive number.';
COMMENT ON COLUMN retail.monthly_rhythm.list_value IS 'Quantity times unit price of lines with a positive quantity, US dollars.';
COMMENT ON COLUMN retail.monthly_rhythm.discount_value IS 'What discounts took off these, US dollars.';
COMMENT ON COLUMN retail.monthly_rhythm.line_count IS 'How many order lines are in these figures.';
COMMENT ON COLUMN retail.monthly_rhythm.created_at IS 'When the row was made.';
SELECT identity.protect_tenant_table('retail.monthly_rhythm');

CREATE TABLE retail.monthly_margins (
    store_id uuid NOT NULL,
    month date NOT NULL,
    covered_revenue numeric(14, 2) NOT NULL,
    cost numeric(16, 2) NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, month)
);
COMMENT ON TABLE retail.monthly_margins IS 'What the sold goods cost, by store and local month, at today''s costs; for managers only.';
COMMENT ON COLUMN retail.monthly_margins.store_id IS 'The store, in retail.stores.';
COMMENT ON COLUMN retail.monthly_margins.month IS 'The first day of the month.';
COMMENT ON COLUMN retail.monthly_margins.covered_revenue IS 'Revenue of lines whose product''s cost is known, US dollars.';
COMMENT ON COLUMN retail.monthly_margins.cost IS 'Quantity times cost of these lines, returns negative, US dollars.';
COMMENT ON COLUMN retail.monthly_margins.line_count IS 'How many order lines have a known cost.';
COMMENT ON COLUMN retail.monthly_margins.created_at IS 'When the row was made.';
SELECT identity.protect_tenant_table('retail.monthly_margins');
DO $$
BEGIN
    EXECUTE format(
        'CREATE POLICY only_who_may_see_costs ON retail.monthly_margins AS RESTRICTIVE FOR SELECT '
        'TO store_managers, regional_managers, head_office '
        'USING ((SELECT current_user = %L OR retail.may_see_costs()))', current_user);
END
$$;

-- Sums up the days and hours of these months of these stores; the arrays go together, without
-- duplicates. The month is said twice: once for an index, once for a hash.
CREATE FUNCTION retail.recount_months(stores uuid[], months date[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM retail.monthly_rhythm AS r USING unnest(stores, months) AS t (store_id, month)
    WHERE r.store_id = t.store_id AND r.month = t.month;
    DELETE FROM retail.monthly_margins AS r USING unnest(stores, months) AS t (store_id, month)
    WHERE r.store_id = t.store_id AND r.month = t.month;
    INSERT INTO retail.monthly_rhythm
        (store_id, month, part, number, revenue, orders, units_sold, units_returned, list_value,
            discount_value, line_count)
    SELECT t.store_id, t.month, 'weekday', extract(isodow FROM d.day), sum(d.revenue),
        sum(d.orders), sum(d.units_sold), sum(d.units_returned), sum(d.list_value),
        sum(d.discount_value), sum(d.line_count)
    FROM unnest(stores, months) AS t (store_id, month)
    JOIN retail.daily_totals AS d ON d.store_id = t.store_id
        AND d.day >= t.month AND d.day < (t.month + interval '1 month')::date
        AND date_trunc('month', d.day::timestamp)::date = t.month
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT t.store_id, t.month, 'hour', d.hour, sum(d.revenue), sum(d.orders), sum(d.units_sold),
        sum(d.units_returned), sum(d.list_value), sum(d.discount_value), sum(d.line_count)
    FROM unnest(stores, months) AS t (store_id, month)
    JOIN retail.hourly_sales AS d ON d.store_id = t.store_id
        AND d.day >= t.month AND d.day < (t.month + interval '1 month')::date
        AND date_trunc('month', d.day::timestamp)::date = t.month
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4;
    INSERT INTO retail.monthly_margins (store_id, month, covered_revenue, cost, line_count)
    SELECT t.store_id, t.month, sum(d.covered_revenue), sum(d.cost), sum(d.line_count)
    FROM unnest(stores, months) AS t (store_id, month)
    JOIN retail.daily_margins AS d ON d.store_id = t.store_id
        AND d.day >= t.month AND d.day < (t.month + interval '1 month')::date
        AND date_trunc('month', d.day::timestamp)::date = t.month
    GROUP BY t.store_id, t.month
    ORDER BY 1, 2;
END
$$;
REVOKE ALL ON FUNCTION retail.recount_months(uuid[], date[]) FROM PUBLIC;

-- As before, and the months of the days.
CREATE OR REPLACE FUNCTION retail.recount_days(stores uuid[], days date[]) RETURNS void
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
    PERFORM retail.recount_months(month_stores, months);
END
$$;

-- As before, and all months.
CREATE OR REPLACE FUNCTION retail.rebuild_rollups(stores uuid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Several pieces of this size at a time, of the 1.5 GiB that a process of ours may have; what is
-- larger goes through the disk.
SET work_mem = '32MB'
-- It reads most of the rows, for which neither an index nor remembering values pays; two processes
-- need half the time of one, whatever the planner expects of handing rows over.
SET enable_nestloop = off
SET enable_memoize = off
SET parallel_tuple_cost = 0
AS $$
DECLARE
    month_stores uuid[];
    months date[];
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
    DELETE FROM retail.monthly_rhythm WHERE store_id = ANY (stores);
    DELETE FROM retail.monthly_margins WHERE store_id = ANY (stores);
    DELETE FROM retail.visits WHERE store_id = ANY (stores);
    DELETE FROM retail.daily_visits WHERE store_id = ANY (stores);
    DELETE FROM retail.repeat_visits WHERE store_id = ANY (stores);

    PERFORM retail.count_orders(
        'retail.completed_orders AS c WHERE c.store_id = ANY ($1)', stores, NULL,
        whole_stores => true);
    SELECT array_agg(m.store_id), array_agg(m.month) INTO month_stores, months
    FROM (
        SELECT DISTINCT store_id, date_trunc('month', day::timestamp)::date AS month
        FROM retail.daily_totals WHERE store_id = ANY (stores)
    ) AS m;
    PERFORM retail.recount_months(month_stores, months);
    INSERT INTO retail.daily_visits (store_id, day, visits, first_visits)
    SELECT store_id, day, count(*), count(*) FILTER (WHERE previous_day IS NULL)
    FROM retail.visits
    WHERE store_id = ANY (stores)
    GROUP BY store_id, day
    ORDER BY store_id, day;
    INSERT INTO retail.repeat_visits (store_id, grain, visited, previously, visits)
    SELECT store_id, grain, visited, previously, count(*)
    FROM retail.counted_repeats
    WHERE store_id = ANY (stores)
    GROUP BY store_id, grain, visited, previously
    ORDER BY store_id, grain, visited, previously;

    IF NOT EXISTS (SELECT FROM zava.sums_by_product) THEN
        IF NOT retail.sums_by_product_pay() THEN
            RETURN;
        END IF;
        INSERT INTO zava.sums_by_product DEFAULT VALUES;
        -- The others have none yet.
        SELECT array_agg(store_id) INTO stores FROM retail.stores;
        PERFORM retail.lock_rollups(stores);
    END IF;
    CREATE TEMPORARY TABLE counted_products AS
    SELECT c.store_id, c.month, i.product_id, sum(i.total_amount) AS revenue,
        coalesce(sum(i.quantity) FILTER (WHERE i.quantity > 0), 0) AS units_sold,
        coalesce(-sum(i.quantity) FILTER (WHERE i.quantity < 0), 0) AS units_returned,
        count(*) AS line_count
    FROM retail.completed_orders AS c
    JOIN retail.order_items AS i ON i.store_id = c.store_id AND i.order_id = c.order_id
    WHERE c.store_id = ANY (stores)
    GROUP BY c.store_id, c.month, i.product_id;
    INSERT INTO retail.monthly_products
        (store_id, month, product_id, revenue, units_sold, units_returned, line_count)
    SELECT * FROM counted_products ORDER BY store_id, month, product_id;
    DROP TABLE counted_products;
END
$$;

-- As before, and by month.
CREATE OR REPLACE FUNCTION retail.rollups_follow_costs() RETURNS trigger
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
        ),
        by_month AS (
            INSERT INTO retail.monthly_margins AS r
                (store_id, month, covered_revenue, cost, line_count)
            SELECT store_id, date_trunc('month', day::timestamp)::date, sum(covered_revenue),
                sum(cost), sum(line_count)
            FROM more GROUP BY 1, 2
            ON CONFLICT (store_id, month) DO UPDATE SET
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
    DELETE FROM retail.monthly_margins WHERE line_count = 0;
    RETURN NULL;
END
$$;

-- For what is there already.
SELECT retail.recount_months(array_agg(m.store_id), array_agg(m.month))
FROM (
    SELECT DISTINCT store_id, date_trunc('month', day::timestamp)::date AS month
    FROM retail.daily_totals
) AS m;
