-- What a large load need not pay.

-- By when a line was recorded nobody looks for it: all lines of a load have the same instant.
DROP INDEX retail.order_items_by_time;
DROP INDEX retail.order_items_by_product;
CREATE INDEX order_items_by_product ON retail.order_items
    (store_id, product_id, order_id, line_no);

-- As before, with less parsing: the words of a type once, not once a product, and the different words
-- of many texts at once, 64 KiB a piece: a tsvector holds a megabyte.
CREATE OR REPLACE FUNCTION zava.collect_words(products uuid[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH types AS MATERIALIZED (
        SELECT t.type_id, c.category_id,
            setweight(to_tsvector('english', t.name || ' ' || c.name), 'B') AS words
        FROM retail.product_types AS t
        JOIN retail.categories AS c ON c.category_id = t.category_id
    )
    INSERT INTO zava.product_words AS w (product_id, words)
    SELECT p.product_id,
        setweight(to_tsvector('english', p.name), 'A') || t.words
            || to_tsvector('english', p.description)
    FROM retail.products AS p
    JOIN types AS t ON t.type_id = p.type_id AND t.category_id = p.category_id
    WHERE p.product_id = ANY (products)
    ON CONFLICT (product_id) DO UPDATE SET words = excluded.words
    WHERE w.words <> excluded.words;

    INSERT INTO zava.catalogue_words (word)
    SELECT DISTINCT word.word
    FROM (
        SELECT string_agg(named.text, ' ') AS text
        FROM (
            SELECT text.text, sum(length(text.text)) OVER (ROWS UNBOUNDED PRECEDING) AS until
            FROM (
                SELECT p.name || ' ' || p.description AS text
                FROM retail.products AS p
                WHERE p.product_id = ANY (products)
                UNION ALL
                SELECT t.name || ' ' || c.name
                FROM retail.product_types AS t
                JOIN retail.categories AS c ON c.category_id = t.category_id
                WHERE t.type_id IN (
                    SELECT p.type_id FROM retail.products AS p WHERE p.product_id = ANY (products)
                )
            ) AS text
        ) AS named
        GROUP BY named.until / 65536
    ) AS piece
    CROSS JOIN LATERAL unnest(tsvector_to_array(to_tsvector('simple', piece.text))) AS word (word)
    WHERE word.word ~ '^[[:alpha:]]{3,}$'
    -- In one order, so that two writers do not wait for each other.
    ORDER BY word.word
    ON CONFLICT DO NOTHING;
$$;

-- As before; whole stores are counted table by table, not in one statement.
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
    counted_hours text := $sql$
        SELECT store_id, day, hour, sum(revenue) AS revenue,
            count(*) FILTER (WHERE units_sold > 0) AS orders,
            sum(units_sold) AS units_sold, sum(units_returned) AS units_returned,
            sum(list_value) AS list_value, sum(discount_value) AS discount_value,
            sum(line_count) AS line_count, sum(covered_revenue) AS covered_revenue,
            sum(cost) AS cost, sum(covered_lines) AS covered_lines
        FROM counted_orders GROUP BY store_id, day, hour
        $sql$;
    into_hours text := $sql$
        INSERT INTO retail.hourly_sales
            (store_id, day, hour, revenue, orders, units_sold, units_returned,
                list_value, discount_value, line_count)
        SELECT store_id, day, hour, revenue, orders, units_sold, units_returned,
            list_value, discount_value, line_count
        FROM hours ORDER BY store_id, day, hour
        $sql$;
    into_hourly_margins text := $sql$
        INSERT INTO retail.hourly_margins
            (store_id, day, hour, covered_revenue, cost, line_count)
        SELECT store_id, day, hour, covered_revenue, cost, covered_lines
        FROM hours WHERE covered_lines > 0 ORDER BY store_id, day, hour
        $sql$;
    into_daily_margins text := $sql$
        INSERT INTO retail.daily_margins (store_id, day, covered_revenue, cost, line_count)
        SELECT store_id, day, sum(covered_revenue), sum(cost), sum(covered_lines)
        FROM hours WHERE covered_lines > 0 GROUP BY store_id, day ORDER BY store_id, day
        $sql$;
    into_categories text := $sql$
        INSERT INTO retail.daily_sales
            (store_id, day, category_id, revenue, units_sold, units_returned, line_count)
        SELECT store_id, day, category_id, revenue, units_sold, units_returned, line_count
        FROM counted_categories ORDER BY store_id, day, category_id
        $sql$;
    into_days text := $sql$
        INSERT INTO retail.daily_totals
            (store_id, day, revenue, orders, units_sold, units_returned,
                list_value, discount_value, line_count)
        SELECT store_id, day, sum(revenue), sum(orders), sum(units_sold), sum(units_returned),
            sum(list_value), sum(discount_value), sum(line_count)
        FROM hours GROUP BY store_id, day ORDER BY store_id, day
        $sql$;
BEGIN
    IF NOT whole_stores THEN
        EXECUTE format($sql$
            WITH touched_orders AS MATERIALIZED %1$s,
            counted_orders AS MATERIALIZED (%2$s),
            counted_categories AS MATERIALIZED (%3$s),
            hours AS MATERIALIZED (%4$s),
            into_hours AS (%5$s),
            into_hourly_margins AS (%6$s),
            into_daily_margins AS (%7$s),
            into_categories AS (%8$s)
            %9$s
            $sql$, orders, counted_orders, counted_categories, counted_hours, into_hours,
            into_hourly_margins, into_daily_margins, into_categories, into_days)
        USING stores, days;
        RETURN;
    END IF;
    -- One by one: tables of this size are sorted and inserted faster than results of WITH.
    EXECUTE 'CREATE TEMPORARY TABLE counted_orders AS ' || counted_orders USING stores;
    EXECUTE 'CREATE TEMPORARY TABLE counted_categories AS ' || counted_categories USING stores;
    EXECUTE 'CREATE TEMPORARY TABLE hours AS ' || counted_hours;
    EXECUTE into_hours;
    EXECUTE into_hourly_margins;
    EXECUTE into_daily_margins;
    EXECUTE into_categories;
    EXECUTE into_days;
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
    DROP TABLE counted_orders, counted_categories, hours;
END
$count$;

-- As before, but of some of the stores, too: a tenth of the lines is enough to see.
CREATE OR REPLACE FUNCTION retail.sums_by_product_pay() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(avg(s.lines) >= 2, false)
    FROM (
        SELECT count(*) AS lines
        FROM (
            SELECT p.product_id FROM retail.products AS p ORDER BY p.product_id
            LIMIT 20 + (SELECT count(*) / 50 FROM retail.products)
        ) AS product
        JOIN retail.order_items AS i ON i.product_id = product.product_id
        JOIN retail.completed_orders AS c ON c.store_id = i.store_id AND c.order_id = i.order_id
        WHERE i.store_id = ANY (ARRAY(
            SELECT z.store_id FROM retail.stores AS z ORDER BY z.store_id
            LIMIT 20 + (SELECT count(*) / 50 FROM retail.stores)
        ))
        GROUP BY c.store_id, c.month, i.product_id
    ) AS s
$$;
