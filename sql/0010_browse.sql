-- What pages of tables are read by. Each index starts with the store, goes on with what rows are
-- sorted by and ends with the key, so that a page starts where the one before it ended, in either
-- direction. COLLATE "C": one order everywhere, in which a beginning of a word is a range.
--
-- Under row security an index finds rows only by operators that PostgreSQL knows to leak nothing.
-- Those of numeric and LIKE are not among them; those of integers, timestamps, UUIDs and text are.

DROP INDEX retail.orders_by_date;
CREATE INDEX orders_by_date ON retail.orders (store_id, order_date, order_id);

ALTER TABLE retail.orders
    ADD COLUMN total_cents bigint GENERATED ALWAYS AS ((total_amount * 100)::bigint) STORED;
COMMENT ON COLUMN retail.orders.total_cents
    IS 'total_amount in cents, always the same: sorts and compares by index under row security.';
CREATE INDEX orders_by_total ON retail.orders (store_id, total_cents, order_id);

-- Few, and looked for: what waits and what was called off.
CREATE INDEX orders_not_completed ON retail.orders (store_id, status, order_date, order_id)
    WHERE status <> 'completed';

CREATE INDEX order_items_by_time ON retail.order_items
    (store_id, created_at, order_id, line_no);
DROP INDEX retail.order_items_by_product;
CREATE INDEX order_items_by_product ON retail.order_items
    (store_id, product_id, created_at, order_id, line_no);

CREATE INDEX customers_by_name ON retail.customers
    (store_id, last_name COLLATE "C", first_name COLLATE "C", customer_id);
CREATE INDEX customers_by_email ON retail.customers (store_id, email COLLATE "C", customer_id);
CREATE INDEX customers_by_time ON retail.customers (store_id, created_at, customer_id);

CREATE INDEX inventory_by_level ON retail.inventory (store_id, stock_level, product_id);

CREATE INDEX products_by_sku ON retail.products (sku COLLATE "C", product_id);
CREATE INDEX products_by_name ON retail.products (name COLLATE "C", product_id);
CREATE INDEX products_by_price ON retail.products (base_price, product_id);
