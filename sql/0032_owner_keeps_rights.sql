-- What 0007 takes from PUBLIC, the owner of the schema goes on using. This gives it back to an owner who
-- is no superuser, where a superuser has run 0007; run by others it does nothing.
DO $$
DECLARE
    owner name := (
        SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'identity'
    );
    target oid;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT p.oid
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
            AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
            AND NOT has_function_privilege(owner, p.oid, 'EXECUTE')
            -- These are closed by PostgreSQL itself.
            AND NOT EXISTS (
                SELECT FROM pg_init_privs AS i
                WHERE i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass
            )
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', target::regprocedure, owner);
    END LOOP;
    FOR target IN
        SELECT c.oid
        FROM pg_class AS c
        WHERE c.relnamespace = 'pg_catalog'::regnamespace
            AND c.relname IN ('pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_settings',
                'pg_stat_activity', 'pg_prepared_statements', 'pg_prepared_xacts', 'pg_locks',
                'pg_cursors', 'pg_class')
            AND NOT has_table_privilege(owner, c.oid, 'SELECT')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %I', target::regclass, owner);
    END LOOP;
    EXECUTE format('GRANT USAGE ON LANGUAGE plpgsql, sql TO %I', owner);
END
$$;
