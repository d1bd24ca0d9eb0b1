-- What PostgreSQL lets everybody do and no caller of ours should. Only a superuser may revoke these,
-- so elsewhere each refusal is skipped and `zava-server doctor` names what stayed open.
DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY[
        'FUNCTION pg_catalog.set_config(text, text, boolean)',
        'FUNCTION pg_catalog.pg_terminate_backend(integer, bigint)',
        'FUNCTION pg_catalog.pg_cancel_backend(integer)',
        'FUNCTION pg_catalog.pg_stat_get_activity(integer)',
        'FUNCTION pg_catalog.pg_notify(text, text)',
        'FUNCTION pg_catalog.query_to_xml(text, boolean, boolean, text)',
        'FUNCTION pg_catalog.query_to_xmlschema(text, boolean, boolean, text)',
        'FUNCTION pg_catalog.query_to_xml_and_xmlschema(text, boolean, boolean, text)',
        'FUNCTION pg_catalog.ts_stat(text)',
        'FUNCTION pg_catalog.ts_stat(text, text)',
        'FUNCTION pg_catalog.ts_rewrite(tsquery, text)',
        'FUNCTION pg_catalog.lo_create(oid)',
        'FUNCTION pg_catalog.lo_creat(integer)',
        'FUNCTION pg_catalog.lo_from_bytea(oid, bytea)',
        'FUNCTION pg_catalog.pg_prepared_statement()',
        'TABLE pg_catalog.pg_stat_activity',
        'TABLE pg_catalog.pg_prepared_statements',
        'TABLE pg_catalog.pg_stats'
    ]
    LOOP
        BEGIN
            EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', target);
        EXCEPTION
            WHEN insufficient_privilege THEN RAISE NOTICE 'only a superuser may revoke %', target;
            WHEN undefined_function THEN NULL; -- another PostgreSQL version
        END;
    END LOOP;
    -- zava_app itself sends the identity with set_config, before it takes the caller's role.
    BEGIN
        GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO zava_app;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE 'set_config stays as it is';
    END;
END
$$;

-- The server compares the applied files with its own before it serves.
GRANT USAGE ON SCHEMA zava TO zava_app;
GRANT SELECT ON zava.migrations TO zava_app;
