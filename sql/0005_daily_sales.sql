-- A dashboard reads days, not orders. Kept exact by adding and taking away what a statement changed:
-- the row lock of ON CONFLICT makes that right among concurrent writers, which a recount would not be.
CREATE TABLE retail.daily_sales (
    store_id uuid NOT NULL REFERENCES retail.stores,
    day date NOT NULL,
    category_id uuid NOT NULL REFERENCES retail.categories,
    revenue numeric(14, 2) NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    line_count bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, day, category_id)
);
CREATE INDEX daily_sales_emptied ON retail.daily_sales (store_id) WHERE line_count = 0;
COMMENT ON TABLE retail.daily_sales IS 'Sales of completed orders by store, local day and category.';
COMMENT ON COLUMN retail.daily_sales.store_id IS 'The store.';
COMMENT ON COLUMN retail.daily_sales.day IS 'The day in the store''s time zone.';
COMMENT ON COLUMN retail.daily_sales.category_id IS 'The category.';
COMMENT ON COLUMN retail.daily_sales.revenue IS 'Sum of line totals, returns negative, US dollars.';
COMMENT ON COLUMN retail.daily_sales.units_sold IS 'Units on lines with a positive quantity.';
COMMENT ON COLUMN retail.daily_sales.units_returned IS 'Units on lines with a negative quantity, as a positive number.';
COMMENT ON COLUMN retail.daily_sales.line_count IS 'How many order lines are in these figures.';
COMMENT ON COLUMN retail.daily_sales.created_at IS 'When the row was made.';

SELECT identity.protect_tenant_table('retail.daily_sales');

CREATE FUNCTION retail.rebuild_daily_sales() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM retail.daily_sales;
    INSERT INTO retail.daily_sales
        (store_id, day, category_id, revenue, units_sold, units_returned, line_count)
    SELECT o.store_id, (o.order_date AT TIME ZONE s.time_zone)::date, p.category_id,
        sum(i.total_amount),
        coalesce(sum(i.quantity) FILTER (WHERE i.quantity > 0), 0),
        coalesce(-sum(i.quantity) FILTER (WHERE i.quantity < 0), 0),
        count(*)
    FROM retail.orders AS o
    JOIN retail.order_items AS i USING (store_id, order_id)
    JOIN retail.stores AS s USING (store_id)
    JOIN retail.products AS p USING (product_id)
    WHERE o.status = 'completed'
    GROUP BY 1, 2, 3;
$$;
COMMENT ON FUNCTION retail.rebuild_daily_sales() IS 'Computes daily_sales anew from the orders, after a bulk load.';

-- One row a changed line, with sign +1 for what came and -1 for what went.
CREATE FUNCTION retail.daily_sales_follow_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        $sql$
        INSERT INTO retail.daily_sales AS d
            (store_id, day, category_id, revenue, units_sold, units_returned, line_count)
        SELECT i.store_id, (o.order_date AT TIME ZONE s.time_zone)::date, p.category_id,
            sum(i.sign * i.total_amount),
            coalesce(sum(i.sign * i.quantity) FILTER (WHERE i.quantity > 0), 0),
            coalesce(-sum(i.sign * i.quantity) FILTER (WHERE i.quantity < 0), 0),
            sum(i.sign)
        FROM (%s) AS i
        JOIN retail.orders AS o USING (store_id, order_id)
        JOIN retail.stores AS s ON s.store_id = i.store_id
        JOIN retail.products AS p USING (product_id)
        WHERE o.status = 'completed'
        GROUP BY 1, 2, 3
        ORDER BY 1, 2, 3
        ON CONFLICT (store_id, day, category_id) DO UPDATE SET
            revenue = d.revenue + excluded.revenue,
            units_sold = d.units_sold + excluded.units_sold,
            units_returned = d.units_returned + excluded.units_returned,
            line_count = d.line_count + excluded.line_count
        $sql$,
        CASE TG_OP
            WHEN 'INSERT' THEN 'SELECT 1 AS sign, * FROM new_lines'
            WHEN 'DELETE' THEN 'SELECT -1 AS sign, * FROM old_lines'
            ELSE 'SELECT 1 AS sign, * FROM new_lines UNION ALL SELECT -1, * FROM old_lines'
        END
    );
    DELETE FROM retail.daily_sales WHERE line_count = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER daily_sales_after_insert AFTER INSERT ON retail.order_items
    REFERENCING NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_follow_lines();
CREATE TRIGGER daily_sales_after_update AFTER UPDATE ON retail.order_items
    REFERENCING NEW TABLE AS new_lines OLD TABLE AS old_lines
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_follow_lines();
CREATE TRIGGER daily_sales_after_delete AFTER DELETE ON retail.order_items
    REFERENCING OLD TABLE AS old_lines
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_follow_lines();

-- An order without lines changes nothing, and its foreign key keeps an order while it has lines:
-- so of changes to orders only updates matter.
CREATE FUNCTION retail.daily_sales_follow_orders() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO retail.daily_sales AS d
        (store_id, day, category_id, revenue, units_sold, units_returned, line_count)
    SELECT i.store_id, (o.order_date AT TIME ZONE s.time_zone)::date, p.category_id,
        sum(o.sign * i.total_amount),
        coalesce(sum(o.sign * i.quantity) FILTER (WHERE i.quantity > 0), 0),
        coalesce(-sum(o.sign * i.quantity) FILTER (WHERE i.quantity < 0), 0),
        sum(o.sign)
    FROM (SELECT 1 AS sign, * FROM new_orders UNION ALL SELECT -1, * FROM old_orders) AS o
    JOIN retail.order_items AS i USING (store_id, order_id)
    JOIN retail.stores AS s ON s.store_id = i.store_id
    JOIN retail.products AS p USING (product_id)
    WHERE o.status = 'completed'
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (store_id, day, category_id) DO UPDATE SET
        revenue = d.revenue + excluded.revenue,
        units_sold = d.units_sold + excluded.units_sold,
        units_returned = d.units_returned + excluded.units_returned,
        line_count = d.line_count + excluded.line_count;
    DELETE FROM retail.daily_sales WHERE line_count = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER daily_sales_after_update AFTER UPDATE ON retail.orders
    REFERENCING NEW TABLE AS new_orders OLD TABLE AS old_orders
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_follow_orders();

-- Rare, and they move whole histories: count anew.
CREATE FUNCTION retail.daily_sales_start_anew() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM retail.rebuild_daily_sales();
    RETURN NULL;
END
$$;
CREATE TRIGGER daily_sales_after_truncate AFTER TRUNCATE ON retail.order_items
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_start_anew();

CREATE FUNCTION retail.daily_sales_follow_products() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM old_products AS o JOIN new_products AS n USING (product_id)
        WHERE o.category_id <> n.category_id
    ) THEN
        PERFORM retail.rebuild_daily_sales();
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER daily_sales_after_update AFTER UPDATE ON retail.products
    REFERENCING NEW TABLE AS new_products OLD TABLE AS old_products
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_follow_products();

CREATE FUNCTION retail.daily_sales_follow_stores() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM old_stores AS o JOIN new_stores AS n USING (store_id)
        WHERE o.time_zone <> n.time_zone
    ) THEN
        PERFORM retail.rebuild_daily_sales();
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER daily_sales_after_update AFTER UPDATE ON retail.stores
    REFERENCING NEW TABLE AS new_stores OLD TABLE AS old_stores
    FOR EACH STATEMENT EXECUTE FUNCTION retail.daily_sales_follow_stores();

REVOKE ALL ON FUNCTION
    retail.rebuild_daily_sales(), retail.daily_sales_follow_lines(),
    retail.daily_sales_follow_orders(), retail.daily_sales_start_anew(),
    retail.daily_sales_follow_products(), retail.daily_sales_follow_stores()
    FROM PUBLIC;
