-- The list of stores has seven entries at least, the first one repeated. PostgreSQL keeps the answer of a
-- sub-select in a row, where an array below 127 bytes, which is six stores, is packed, and unpacks it again
-- for each row that a policy looks at: a sixth of the time of an aggregate over all lines.
CREATE OR REPLACE FUNCTION retail.get_user_store_list() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        mine.ids || array_fill(mine.ids[1], ARRAY[greatest(0, 7 - cardinality(mine.ids))]), '{}'
    )
    FROM (
        SELECT array_agg(s.store_id ORDER BY s.store_id)
        FROM identity.users AS u JOIN identity.user_stores AS s USING (user_id)
        WHERE u.user_id = (SELECT identity.verified_user_id())
            AND u.role IN ('store_manager', 'regional_manager')
    ) AS mine (ids)
$$;
COMMENT ON FUNCTION retail.get_user_store_list()
    IS 'The stores of a store or regional manager, the first one repeated up to seven entries; empty for everybody else.';

-- What store a policy will let through is unknown when a statement is planned, so that each counts as of
-- average size. With pages at random as dear as on a spinning disk, which is PostgreSQL's default, the
-- smallest store of eight then reads the whole table, in ten times the time that its own pages take.
DO $$
BEGIN
    EXECUTE format(
        'ALTER ROLE zava_app IN DATABASE %I SET random_page_cost = %L', current_database(), '1.1'
    );
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'only a superuser may set random_page_cost for zava_app';
END
$$;
