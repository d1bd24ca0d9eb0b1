-- The functions behind the policies ask for the signed identity once, in a sub-select. Compared with a
-- column as it stands, a STABLE function is run for every row that a sequential scan meets, which is
-- what small tables get once they are analysed: 0.2 ms a user for each policy of each statement.
CREATE OR REPLACE FUNCTION identity.verified_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.user_id FROM identity.users AS u
    WHERE u.user_id = (SELECT identity.verified_claim())
$$;

CREATE OR REPLACE FUNCTION retail.get_current_user_store() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.store_id
    FROM identity.users AS u JOIN identity.user_stores AS s USING (user_id)
    WHERE u.user_id = (SELECT identity.verified_user_id()) AND u.role = 'store_manager'
$$;

CREATE OR REPLACE FUNCTION retail.get_user_store_list() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(s.store_id ORDER BY s.store_id), '{}')
    FROM identity.users AS u JOIN identity.user_stores AS s USING (user_id)
    WHERE u.user_id = (SELECT identity.verified_user_id())
        AND u.role IN ('store_manager', 'regional_manager')
$$;

CREATE OR REPLACE FUNCTION retail.is_head_office() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM identity.users AS u
        WHERE u.user_id = (SELECT identity.verified_user_id()) AND u.role = 'head_office'
    )
$$;

CREATE OR REPLACE FUNCTION retail.may_see_costs() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM identity.users AS u
        WHERE u.user_id = (SELECT identity.verified_user_id())
            AND u.role IN ('store_manager', 'regional_manager', 'head_office')
    )
$$;
