-- Who sees what. A role alone gives nothing: each policy asks the signed identity, once a statement
-- (a sub-select without outer references is an InitPlan), so that a scan compares plain values.

CREATE FUNCTION retail.current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT identity.verified_user_id() $$;
COMMENT ON FUNCTION retail.current_user_id() IS 'The user of this transaction; NULL for nobody.';

CREATE FUNCTION retail.get_current_user_store() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.store_id
    FROM identity.users AS u JOIN identity.user_stores AS s USING (user_id)
    WHERE u.user_id = identity.verified_user_id() AND u.role = 'store_manager'
$$;
COMMENT ON FUNCTION retail.get_current_user_store() IS 'The one store of a store manager; NULL for everybody else.';

CREATE FUNCTION retail.get_user_store_list() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(s.store_id ORDER BY s.store_id), '{}')
    FROM identity.users AS u JOIN identity.user_stores AS s USING (user_id)
    WHERE u.user_id = identity.verified_user_id()
        AND u.role IN ('store_manager', 'regional_manager')
$$;
COMMENT ON FUNCTION retail.get_user_store_list() IS 'The stores of a store or regional manager; empty for everybody else.';

CREATE FUNCTION retail.is_head_office() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM identity.users AS u
        WHERE u.user_id = identity.verified_user_id() AND u.role = 'head_office'
    )
$$;
COMMENT ON FUNCTION retail.is_head_office() IS 'Whether this transaction is head office''s.';

CREATE FUNCTION retail.may_see_costs() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM identity.users AS u
        WHERE u.user_id = identity.verified_user_id()
            AND u.role IN ('store_manager', 'regional_manager', 'head_office')
    )
$$;
COMMENT ON FUNCTION retail.may_see_costs() IS 'Whether this transaction is a manager''s.';

-- A store manager has exactly one store: the policy compares with a single value, and a second row
-- would make it fail for every query.
CREATE FUNCTION identity.check_store_count() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM identity.users AS u JOIN identity.user_stores AS s USING (user_id)
        WHERE u.role = 'store_manager' GROUP BY u.user_id HAVING count(*) > 1
    ) THEN
        RAISE EXCEPTION 'a store manager has exactly one store' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER one_store_a_manager AFTER INSERT OR UPDATE ON identity.user_stores
    FOR EACH STATEMENT EXECUTE FUNCTION identity.check_store_count();
CREATE TRIGGER one_store_a_manager AFTER UPDATE ON identity.users
    FOR EACH STATEMENT EXECUTE FUNCTION identity.check_store_count();

-- Who there is, for the owner. All users for NULL.
CREATE FUNCTION identity.describe_users(wanted text)
RETURNS TABLE (
    user_id uuid, handle text, display_name text, role text, permissions text[], version integer,
    store_ids uuid[], store_names text[]
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.user_id, u.handle, u.display_name, u.role, u.permissions, u.version,
        coalesce(mine.ids, '{}'), coalesce(mine.names, '{}')
    FROM identity.users AS u
    LEFT JOIN LATERAL (
        SELECT array_agg(s.store_id ORDER BY s.name) AS ids, array_agg(s.name ORDER BY s.name) AS names
        FROM retail.stores AS s
        WHERE u.role = 'head_office'
            OR s.store_id IN (
                SELECT us.store_id FROM identity.user_stores AS us WHERE us.user_id = u.user_id
            )
    ) AS mine ON true
    WHERE wanted IS NULL OR u.handle = wanted
    ORDER BY
        array_position(
            ARRAY['store_manager', 'regional_manager', 'head_office', 'viewer'], u.role
        ),
        u.handle
$$;
COMMENT ON FUNCTION identity.describe_users(text) IS 'A user by handle, or all of them; for the owner.';

-- The same for the server, which must find a user before it can sign for one: it signs for the nil
-- UUID, which is nobody's. Being zava_app alone tells nobody who manages what.
CREATE FUNCTION identity.is_server() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        identity.verified_claim() = '00000000-0000-0000-0000-000000000000', false
    )
$$;
COMMENT ON FUNCTION identity.is_server() IS 'Whether this transaction is the server''s own.';

CREATE FUNCTION identity.find_users(wanted text)
RETURNS TABLE (
    user_id uuid, handle text, display_name text, role text, permissions text[], version integer,
    store_ids uuid[], store_names text[]
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.* FROM identity.describe_users(wanted) AS u
    WHERE (SELECT identity.is_server())
$$;
COMMENT ON FUNCTION identity.find_users(text) IS 'A user by handle, or all of them; for the server only.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA identity FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.find_users(text), identity.is_server() TO zava_app;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA retail FROM PUBLIC;
GRANT USAGE ON SCHEMA retail TO store_managers, regional_managers, head_office, viewers, zava_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA retail
    TO store_managers, regional_managers, head_office, viewers, zava_app;

GRANT SELECT ON
    retail.stores, retail.categories, retail.product_types, retail.products
    TO store_managers, regional_managers, head_office, viewers;

-- Tenant tables: one pattern for each, kept in one place.
CREATE FUNCTION identity.protect_tenant_table(target regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY store_manager_reads ON %s FOR SELECT TO store_managers '
        'USING (store_id = (SELECT retail.get_current_user_store()))', target);
    EXECUTE format(
        'CREATE POLICY regional_manager_reads ON %s FOR SELECT TO regional_managers '
        'USING (store_id = ANY ((SELECT retail.get_user_store_list())::uuid[]))', target);
    EXECUTE format(
        'CREATE POLICY head_office_reads ON %s FOR SELECT TO head_office '
        'USING ((SELECT retail.is_head_office()))', target);
    -- Forced row security holds for the owner too, who loads the data.
    EXECUTE format(
        'CREATE POLICY owner_writes ON %s TO CURRENT_USER USING (true) WITH CHECK (true)', target);
    EXECUTE format(
        'GRANT SELECT ON %s TO store_managers, regional_managers, head_office', target);
END
$$;
COMMENT ON FUNCTION identity.protect_tenant_table(regclass) IS 'Puts a table with a store_id under the tenant policies.';
REVOKE ALL ON FUNCTION identity.protect_tenant_table(regclass) FROM PUBLIC;

SELECT identity.protect_tenant_table(tenant_table::regclass)
FROM unnest(ARRAY[
    'retail.customers', 'retail.orders', 'retail.order_items', 'retail.inventory',
    'retail.store_managers'
]) AS tenant_table;

-- Without most common values of names and addresses no plan, and so no order of unsorted rows, can
-- depend on whether another store has a customer of some name.
ALTER TABLE retail.customers
    ALTER COLUMN first_name SET STATISTICS 0,
    ALTER COLUMN last_name SET STATISTICS 0,
    ALTER COLUMN email SET STATISTICS 0;

ALTER TABLE retail.product_costs ENABLE ROW LEVEL SECURITY;
ALTER TABLE retail.product_costs FORCE ROW LEVEL SECURITY;
CREATE POLICY managers_read ON retail.product_costs FOR SELECT
    TO store_managers, regional_managers, head_office
    USING ((SELECT retail.may_see_costs()));
CREATE POLICY owner_writes ON retail.product_costs TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT ON retail.product_costs TO store_managers, regional_managers, head_office;
