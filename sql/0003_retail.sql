-- The retailer's world. Every tenant key starts with store_id and foreign keys carry it,
-- so that the same schema can be sharded by store.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE SCHEMA retail;
COMMENT ON SCHEMA retail IS 'Stores, catalogue, customers, orders, stock and sales figures.';

-- Shared catalogue -------------------------------------------------------------------------------

CREATE TABLE retail.stores (
    store_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    location text NOT NULL DEFAULT '',
    is_online boolean NOT NULL DEFAULT false,
    time_zone text NOT NULL DEFAULT 'America/Los_Angeles',
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.stores IS 'The chain''s stores, the online shop among them.';
COMMENT ON COLUMN retail.stores.store_id IS 'The store.';
COMMENT ON COLUMN retail.stores.name IS 'What people call the store.';
COMMENT ON COLUMN retail.stores.location IS 'Street address or city.';
COMMENT ON COLUMN retail.stores.is_online IS 'True for the online shop.';
COMMENT ON COLUMN retail.stores.time_zone IS 'IANA time zone; business days are local to it.';
COMMENT ON COLUMN retail.stores.created_at IS 'When the store opened or was added.';

CREATE TABLE retail.categories (
    category_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.categories IS 'Top level of the catalogue, such as Plumbing.';
COMMENT ON COLUMN retail.categories.category_id IS 'The category.';
COMMENT ON COLUMN retail.categories.name IS 'Its name.';
COMMENT ON COLUMN retail.categories.created_at IS 'When it was added.';

CREATE TABLE retail.product_types (
    type_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    category_id uuid NOT NULL REFERENCES retail.categories,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (category_id, name),
    UNIQUE (category_id, type_id)
);
COMMENT ON TABLE retail.product_types IS 'Second level of the catalogue, such as Thread Sealants.';
COMMENT ON COLUMN retail.product_types.type_id IS 'The product type.';
COMMENT ON COLUMN retail.product_types.category_id IS 'The category it belongs to.';
COMMENT ON COLUMN retail.product_types.name IS 'Its name, unique within the category.';
COMMENT ON COLUMN retail.product_types.created_at IS 'When it was added.';

CREATE TABLE retail.products (
    product_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    category_id uuid NOT NULL REFERENCES retail.categories,
    type_id uuid NOT NULL,
    base_price numeric(10, 2) NOT NULL CHECK (base_price >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (category_id, type_id) REFERENCES retail.product_types (category_id, type_id)
);
CREATE INDEX products_by_type ON retail.products (category_id, type_id);
COMMENT ON TABLE retail.products IS 'What the chain sells.';
COMMENT ON COLUMN retail.products.product_id IS 'The product.';
COMMENT ON COLUMN retail.products.sku IS 'Stock keeping unit, the code on the shelf.';
COMMENT ON COLUMN retail.products.name IS 'The name on the shelf.';
COMMENT ON COLUMN retail.products.description IS 'What it is for; searched by meaning.';
COMMENT ON COLUMN retail.products.category_id IS 'Its category.';
COMMENT ON COLUMN retail.products.type_id IS 'Its product type within the category.';
COMMENT ON COLUMN retail.products.base_price IS 'List price today, US dollars.';
COMMENT ON COLUMN retail.products.created_at IS 'When it entered the catalogue.';

-- Known to some --------------------------------------------------------------------------------

CREATE TABLE retail.product_costs (
    product_id uuid PRIMARY KEY REFERENCES retail.products,
    cost numeric(10, 2) NOT NULL CHECK (cost >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.product_costs IS 'What a product costs the chain; for managers only.';
COMMENT ON COLUMN retail.product_costs.product_id IS 'The product.';
COMMENT ON COLUMN retail.product_costs.cost IS 'Purchase cost of one unit, US dollars.';
COMMENT ON COLUMN retail.product_costs.created_at IS 'When the cost was recorded.';

CREATE TABLE retail.store_managers (
    store_id uuid NOT NULL REFERENCES retail.stores,
    user_id uuid NOT NULL REFERENCES identity.users,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, user_id)
);
CREATE INDEX store_managers_by_user ON retail.store_managers (user_id);
COMMENT ON TABLE retail.store_managers IS 'Who manages which store.';
COMMENT ON COLUMN retail.store_managers.store_id IS 'The store.';
COMMENT ON COLUMN retail.store_managers.user_id IS 'Its manager.';
COMMENT ON COLUMN retail.store_managers.created_at IS 'Since when.';

CREATE TABLE identity.user_stores (
    user_id uuid NOT NULL REFERENCES identity.users ON DELETE CASCADE,
    store_id uuid NOT NULL REFERENCES retail.stores ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, store_id)
);
COMMENT ON TABLE identity.user_stores IS 'Which stores'' data a user may see; a store manager has exactly one.';
COMMENT ON COLUMN identity.user_stores.user_id IS 'The user.';
COMMENT ON COLUMN identity.user_stores.store_id IS 'A store of theirs.';
COMMENT ON COLUMN identity.user_stores.created_at IS 'Since when.';

-- Tenant data ------------------------------------------------------------------------------------

CREATE TABLE retail.customers (
    store_id uuid NOT NULL REFERENCES retail.stores,
    customer_id uuid NOT NULL DEFAULT gen_random_uuid(),
    first_name text NOT NULL DEFAULT '',
    last_name text NOT NULL DEFAULT '',
    email text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, customer_id),
    UNIQUE (store_id, email)
);
COMMENT ON TABLE retail.customers IS 'A store''s customers; who buys at two stores has a row in each.';
COMMENT ON COLUMN retail.customers.store_id IS 'The store.';
COMMENT ON COLUMN retail.customers.customer_id IS 'The customer, within the store.';
COMMENT ON COLUMN retail.customers.first_name IS 'Given name.';
COMMENT ON COLUMN retail.customers.last_name IS 'Family name.';
COMMENT ON COLUMN retail.customers.email IS 'E-mail address, unique within the store.';
COMMENT ON COLUMN retail.customers.created_at IS 'When the store first knew the customer.';

CREATE TABLE retail.orders (
    store_id uuid NOT NULL REFERENCES retail.stores,
    order_id uuid NOT NULL DEFAULT gen_random_uuid(),
    customer_id uuid,
    order_date timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'completed'
        CHECK (status IN ('completed', 'pending', 'cancelled')),
    total_amount numeric(10, 2) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, order_id),
    FOREIGN KEY (store_id, customer_id) REFERENCES retail.customers
);
CREATE INDEX orders_by_date ON retail.orders (store_id, order_date DESC, order_id);
CREATE INDEX orders_by_customer ON retail.orders (store_id, customer_id, order_date);
COMMENT ON TABLE retail.orders IS 'Orders. Only completed ones count in figures.';
COMMENT ON COLUMN retail.orders.store_id IS 'The store.';
COMMENT ON COLUMN retail.orders.order_id IS 'The order, within the store.';
COMMENT ON COLUMN retail.orders.customer_id IS 'Who bought; NULL when unknown.';
COMMENT ON COLUMN retail.orders.order_date IS 'When it was placed.';
COMMENT ON COLUMN retail.orders.status IS 'completed, pending or cancelled.';
COMMENT ON COLUMN retail.orders.total_amount IS 'Sum of its lines, US dollars.';
COMMENT ON COLUMN retail.orders.created_at IS 'When the row was made.';

CREATE TABLE retail.order_items (
    store_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line_no integer NOT NULL CHECK (line_no > 0),
    product_id uuid NOT NULL REFERENCES retail.products,
    quantity integer NOT NULL CHECK (quantity <> 0),
    unit_price numeric(10, 2) NOT NULL CHECK (unit_price >= 0),
    discount_percent numeric(5, 2) NOT NULL DEFAULT 0
        CHECK (discount_percent BETWEEN 0 AND 100),
    total_amount numeric(10, 2) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, order_id, line_no),
    FOREIGN KEY (store_id, order_id) REFERENCES retail.orders
);
CREATE INDEX order_items_by_product ON retail.order_items (store_id, product_id);
COMMENT ON TABLE retail.order_items IS 'Lines of orders.';
COMMENT ON COLUMN retail.order_items.store_id IS 'The store.';
COMMENT ON COLUMN retail.order_items.order_id IS 'The order.';
COMMENT ON COLUMN retail.order_items.line_no IS 'Position on the order, from 1.';
COMMENT ON COLUMN retail.order_items.product_id IS 'The product.';
COMMENT ON COLUMN retail.order_items.quantity IS 'Units; negative when returned.';
COMMENT ON COLUMN retail.order_items.unit_price IS 'Price of one before discount, US dollars.';
COMMENT ON COLUMN retail.order_items.discount_percent IS 'Discount on the line, 0 to 100.';
COMMENT ON COLUMN retail.order_items.total_amount IS 'What the line came to, US dollars; negative for returns.';
COMMENT ON COLUMN retail.order_items.created_at IS 'When the row was made.';

CREATE TABLE retail.inventory (
    store_id uuid NOT NULL REFERENCES retail.stores,
    product_id uuid NOT NULL REFERENCES retail.products,
    stock_level integer NOT NULL CHECK (stock_level >= 0),
    reorder_point integer NOT NULL DEFAULT 0 CHECK (reorder_point >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, product_id)
);
COMMENT ON TABLE retail.inventory IS 'Stock of each product in each store.';
COMMENT ON COLUMN retail.inventory.store_id IS 'The store.';
COMMENT ON COLUMN retail.inventory.product_id IS 'The product.';
COMMENT ON COLUMN retail.inventory.stock_level IS 'Units on hand.';
COMMENT ON COLUMN retail.inventory.reorder_point IS 'Re-order at or below this many units.';
COMMENT ON COLUMN retail.inventory.created_at IS 'When the row was made.';
