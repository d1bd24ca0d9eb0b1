-- Whole stores are counted by several processes at once, and sales by month and product only where that
-- sums anything up.
--
-- INSERT reads alone, while CREATE TABLE AS reads in parallel: so a whole store's orders and
-- categories are summed into temporary tables first, which then fill the rollups. A day that was
-- touched is summed by the same statements, in a query of its own.

-- Where a store sells a product hardly twice a month, sums by month and product are as many rows as
-- there are lines: they would double what a large import writes, and be no faster to read.
CREATE TABLE zava.sums_by_product (
    since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE zava.sums_by_product
    IS 'Has a row where retail.monthly_products is kept, of all stores; once begun it goes on.';
COMMENT ON COLUMN zava.sums_by_product.since IS 'When that began.';
GRANT SELECT ON zava.sums_by_product TO store_managers, regional_managers, head_office;
COMMENT ON TABLE retail.monthly_products IS 'Sales of completed orders by store, local month and '
    'product. Empty in a chain that sells its products too rarely for that; see order_items then.';
INSERT INTO zava.sums_by_product SELECT WHERE EXISTS (SELECT FROM retail.monthly_products);

-- As before, less the OFFSET 0: that kept the conversion from being done once a column, and parallel
-- processes from doing it.
CREATE OR REPLACE VIEW retail.completed_orders WITH (security_invoker = true) AS
SELECT o.store_id, o.order_id, o.customer_id, o.order_date,
    (o.order_date AT TIME ZONE s.time_zone)::date AS day,
    date_trunc('month', o.order_date AT TIME ZONE s.time_zone)::date AS month,
    date_part('hour', o.order_date AT TIME ZONE s.time_zone)::smallint AS hour
FROM retail.orders AS o
JOIN retail.stores AS s USING (store_id)
WHERE o.status = 'completed';

-- Fills the tables by day for the completed orders of a scope: SQL that follows FROM, names
-- retail.completed_orders c, and $1 and $2 for these arguments. What was there must have been deleted.
-- Of whole stores it also fills what goes by month and product and the visits.
-- Rows go in in the order of the keys, which takes indexes a fraction of the time.
CREATE OR REPLACE FUNCTION retail.count_orders(
    scope text, stores uuid[], days date[], whole_stores boolean
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $count$
DECLARE
    orders text := format('(SELECT c.* FROM %s)', scope);
    -- A touched day is looked up once; of whole stores each query reads what it needs.
    source text := CASE WHEN whole_stores THEN orders ELSE 'touched_orders' END;
    -- Each order with the sums of its lines.
    counted_orders text := format($sql$
        SELECT o.store_id, o.order_id, o.customer_id, o.order_date, o.day, o.hour, l.*
        FROM %1$s AS o
        JOIN (
            SELECT i.store_id AS of_store, i.order_id AS of_order, sum(i.total_amount) AS revenue,
                coalesce(sum(i.quantity) FILTER (WHERE i.quantity > 0), 0) AS units_sold,
                coalesce(-sum(i.quantity) FILTER (WHERE i.quantity < 0), 0) AS units_returned,
                coalesce(sum(i.quantity * i.unit_price) FILTER (WHERE i.quantity > 0), 0)
                    AS list_value,
                coalesce(sum(i.quantity * i.unit_price * i.discount_percent * 0.01)
                    FILTER (WHERE i.quantity > 0 AND i.discount_percent > 0), 0)
                    AS discount_value,
                count(*) AS line_count,
                sum(i.total_amount) FILTER (WHERE k.cost IS NOT NULL) AS covered_revenue,
                sum(i.quantity * k.cost) AS cost,
                count(k.cost) AS covered_lines
            FROM %1$s AS c
            JOIN retail.order_items AS i
                ON i.store_id = c.store_id AND i.order_id = c.order_id
            LEFT JOIN retail.product_costs AS k ON k.product_id = i.product_id
            GROUP BY i.store_id, i.order_id
        ) AS l ON l.of_store = o.store_id AND l.of_order = o.order_id
        $sql$, source);
    counted_categories text := format($sql$
        SELECT c.store_id, c.day, p.category_id, sum(i.total_amount) AS revenue,
            coalesce(sum(i.quantity) FILTER (WHERE i.quantity > 0), 0) AS units_sold,
            coalesce(-sum(i.quantity) FILTER (WHERE i.quantity < 0), 0) AS units_returned,
            count(*) AS line_count
        FROM %s AS c
        JOIN retail.order_items AS i ON i.store_id = c.store_id AND i.order_id = c.order_id
        JOIN retail.products AS p ON p.product_id = i.product_id
        GROUP BY c.store_id, c.day, p.category_id
        $sql$, source);
    counted text := 'WITH';
BEGIN
    IF whole_stores THEN
        EXECUTE 'CREATE TEMPORARY TABLE counted_orders AS ' || counted_orders USING stores;
        EXECUTE 'CREATE TEMPORARY TABLE counted_categories AS ' || counted_categories USING stores;
    ELSE
        counted := format(
            'WITH touched_orders AS MATERIALIZED %s, counted_orders AS MATERIALIZED (%s), '
            'counted_categories AS MATERIALIZED (%s),',
            orders, counted_orders, counted_categories);
    END IF;
    EXECUTE counted || $sql$
        hours AS MATERIALIZED (
            SELECT store_id, day, hour, sum(revenue) AS revenue,
                count(*) FILTER (WHERE units_sold > 0) AS orders,
                sum(units_sold) AS units_sold, sum(units_returned) AS units_returned,
                sum(list_value) AS list_value, sum(discount_value) AS discount_value,
                sum(line_count) AS line_count, sum(covered_revenue) AS covered_revenue,
                sum(cost) AS cost, sum(covered_lines) AS covered_lines
            FROM counted_orders GROUP BY store_id, day, hour
        ),
        into_hours AS (
            INSERT INTO retail.hourly_sales
                (store_id, day, hour, revenue, orders, units_sold, units_returned,
                    list_value, discount_value, line_count)
            SELECT store_id, day, hour, revenue, orders, units_sold, units_returned,
                list_value, discount_value, line_count
            FROM hours ORDER BY store_id, day, hour
        ),
        into_hourly_margins AS (
            INSERT INTO retail.hourly_margins
                (store_id, day, hour, covered_revenue, cost, line_count)
            SELECT store_id, day, hour, covered_revenue, cost, covered_lines
            FROM hours WHERE covered_lines > 0 ORDER BY store_id, day, hour
        ),
        into_daily_margins AS (
            INSERT INTO retail.daily_margins (store_id, day, covered_revenue, cost, line_count)
            SELECT store_id, day, sum(covered_revenue), sum(cost), sum(covered_lines)
            FROM hours WHERE covered_lines > 0 GROUP BY store_id, day ORDER BY store_id, day
        ),
        into_categories AS (
            INSERT INTO retail.daily_sales
                (store_id, day, category_id, revenue, units_sold, units_returned, line_count)
            SELECT store_id, day, category_id, revenue, units_sold, units_returned, line_count
            FROM counted_categories ORDER BY store_id, day, category_id
        )
        INSERT INTO retail.daily_totals
            (store_id, day, revenue, orders, units_sold, units_returned,
                list_value, discount_value, line_count)
        SELECT store_id, day, sum(revenue), sum(orders), sum(units_sold), sum(units_returned),
            sum(list_value), sum(discount_value), sum(line_count)
        FROM hours GROUP BY store_id, day ORDER BY store_id, day
        $sql$
    USING stores, days;
    IF NOT whole_stores THEN
        RETURN;
    END IF;

    INSERT INTO retail.monthly_sales
        (store_id, month, category_id, revenue, units_sold, units_returned, line_count)
    SELECT store_id, date_trunc('month', day::timestamp)::date, category_id,
        sum(revenue), sum(units_sold), sum(units_returned), sum(line_count)
    FROM counted_categories
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3;
    INSERT INTO retail.visits (store_id, customer_id, order_date, order_id, day, previous_day)
    SELECT store_id, customer_id, order_date, order_id, day, lag(day) OVER (
            PARTITION BY store_id, customer_id ORDER BY order_date, order_id)
    FROM counted_orders
    WHERE customer_id IS NOT NULL AND units_sold > 0
    ORDER BY store_id, customer_id, order_date, order_id;
    DROP TABLE counted_orders, counted_categories;
END
$count$;

-- Whether a month's sales of a product in a store are two lines or more on average, by a sample of the
-- products: the identifiers are random.
CREATE FUNCTION retail.sums_by_product_pay() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(avg(s.lines) >= 2, false)
    FROM (
        SELECT count(*) AS lines
        FROM (
            SELECT p.product_id FROM retail.products AS p ORDER BY p.product_id
            LIMIT 20 + (SELECT count(*) / 50 FROM retail.products)
        ) AS sample
        JOIN retail.order_items AS i ON i.product_id = sample.product_id
        JOIN retail.completed_orders AS c ON c.store_id = i.store_id AND c.order_id = i.order_id
        GROUP BY c.store_id, c.month, i.product_id
    ) AS s
$$;

CREATE OR REPLACE FUNCTION retail.recount_products(stores uuid[], months date[], products uuid[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM zava.sums_by_product) THEN
        RETURN;
    END IF;
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

    PERFORM retail.count_orders(
        'retail.completed_orders AS c WHERE c.store_id = ANY ($1)', stores, NULL,
        whole_stores => true);
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
REVOKE ALL ON FUNCTION retail.sums_by_product_pay() FROM PUBLIC;

-- A bulk load collects the words of its products once, at its end, and says of which.
CREATE OR REPLACE FUNCTION zava.words_follow_products() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('zava.bulk_load', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM zava.collect_words(array(SELECT product_id FROM new_rows));
    ELSE
        -- A new price is no new word.
        PERFORM zava.collect_words(array(
            SELECT n.product_id
            FROM new_rows AS n LEFT JOIN old_rows AS o USING (product_id)
            WHERE (n.name, n.description, n.type_id, n.category_id)
                IS DISTINCT FROM (o.name, o.description, o.type_id, o.category_id)
        ));
    END IF;
    RETURN NULL;
END
$$;
