-- What PostgreSQL lets everybody do and no caller of ours should. It is taken from PUBLIC where the
-- owner may (a superuser may); elsewhere it stays open and the other walls stand alone.
-- Whole families are named by pattern, so that those of the next PostgreSQL are in as well.
DO $$
DECLARE
    target regprocedure;
BEGIN
    FOR target IN
        SELECT p.oid
        FROM (VALUES
            -- reads and writes settings, so the identity, the role and the time limits
            ('set_config|current_setting|pg_show_all_settings|pg_settings_get_flags|setseed'),
            -- runs SQL that is given as text, or reads whole tables by name
            ('(query|cursor|table|schema|database)_to_xml(schema|_and_xmlschema)?'),
            ('ts_stat|ts_rewrite'),
            -- ends, delays or signals others, or tells that they are there
            ('pg_(cancel|terminate)_backend|pg_notify|pg_listening_channels'),
            ('pg_notification_queue_usage|pg_(try_)?advisory_.*|pg_lock_status'),
            ('pg_blocking_pids|pg_safe_snapshot_blocking_pids|pg_isolation_test_.*'),
            -- what others run and how many rows they have: activity, counters, sizes, places on disk
            ('pg_stat_.*|pg_prepared_(statement|xact)|pg_cursor'),
            ('pg_(relation|table|total_relation|indexes|database|tablespace)_size'),
            ('pg_relation_file(node|path)|pg_filenode_relation|currtid2'),
            ('pg_tablespace_(databases|location)'),
            -- when and how much others write
            ('txid_.*|pg_current_(xact_id|snapshot).*|pg_snapshot_x.*|pg_visible_in_snapshot'),
            ('pg_xact_.*|pg_last_committed_xact|pg_get_multixact_members|pg_export_snapshot'),
            ('pg_current_wal_.*|pg_last_(wal|xact)_.*|pg_walfile.*|pg_wal_.*|pg_get_wal_.*'),
            ('pg_available_wal_summaries|pg_is_wal_.*|pg_control_.*'),
            -- replication
            ('pg_logical_.*|pg_replication_.*|pg_(create|copy|drop)_.*replication_slot'),
            ('pg_sync_replication_slots|pg_get_replication_slots|pg_get_publication_tables'),
            -- writes: sequences, large objects, statistics, indexes, what upgrades do
            ('nextval|setval|currval|lastval|pg_sequence_last_value|pg_get_sequence_data'),
            ('lo_.*|loread|lowrite'),
            ('pg_(clear|restore)_(attribute|relation)_stats|brin_(de)?summarize_.*'),
            ('gin_clean_pending_list|binary_upgrade_.*|pg_import_system_collations|pg_nextoid'),
            ('pg_stop_making_pinned_objects|pg_extension_config_dump'),
            -- the machine
            ('inet_(client|server)_(addr|port)|pg_postmaster_start_time|pg_conf_load_time'),
            ('pg_get_loaded_modules')
        ) AS family (pattern)
        JOIN pg_proc AS p ON p.proname ~ ('^(' || family.pattern || ')$')
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
            AND pg_has_role(p.proowner, 'USAGE')
            AND has_function_privilege('public', p.oid, 'EXECUTE')
            -- How bytes become values.
            AND NOT p.proname ~ '_(in|out|recv|send)$'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', target);
    END LOOP;

    -- jsonb - text[] compares every key with every element and cannot be interrupted meanwhile:
    -- 60,000 of each run 8 s past any time limit.
    target := 'pg_catalog.jsonb_delete(jsonb, text[])'::regprocedure;
    IF pg_has_role((SELECT proowner FROM pg_proc WHERE oid = target), 'USAGE') THEN
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', target);
    END IF;

    -- Half of what the server itself needs, as zava_app and before it takes the caller's role.
    FOR target IN
        SELECT p.oid
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
            AND p.proname IN ('set_config', 'current_setting', 'pg_advisory_unlock_all')
            AND pg_has_role(p.proowner, 'USAGE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO zava_app', target);
    END LOOP;
END
$$;

DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT c.oid
        FROM pg_class AS c
        WHERE c.relnamespace = 'pg_catalog'::regnamespace
            AND pg_has_role(c.relowner, 'USAGE')
            -- Most common values and histograms; the settings' view can also be written to.
            AND c.relname IN ('pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_settings',
                'pg_stat_activity', 'pg_prepared_statements', 'pg_prepared_xacts', 'pg_locks',
                'pg_cursors')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', target);
    END LOOP;

    -- Everything of pg_class but the planner's counts of all tenants' rows and pages.
    IF pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'pg_class'::regclass), 'USAGE') THEN
        REVOKE SELECT ON pg_class FROM PUBLIC;
        EXECUTE (
            SELECT format('GRANT SELECT (%s) ON pg_class TO PUBLIC',
                string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
            FROM pg_attribute AS a
            WHERE a.attrelid = 'pg_class'::regclass AND NOT a.attisdropped
                AND a.attname NOT IN ('reltuples', 'relpages', 'relallvisible', 'relallfrozen')
                -- Its own tableoid, xmin and the like are not worth a grant.
                AND a.attnum > 0
        );
    END IF;

    -- DO blocks are programs.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        REVOKE USAGE ON LANGUAGE plpgsql, sql FROM PUBLIC;
    END IF;
END
$$;

-- The server compares the applied files with its own before it serves.
GRANT USAGE ON SCHEMA zava TO zava_app;
GRANT SELECT ON zava.migrations TO zava_app;
