-- What PostgreSQL itself counts of statements, for users with the permission `ops`. The extension is
-- wanted, not needed: it must be loaded at the server's start, and only a superuser may create it.
-- It lies in a schema of its own that nobody may use, since the view shows callers of one role the
-- statements of all others of that role.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
        AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND current_setting('shared_preload_libraries') ~ '\mpg_stat_statements\M'
    THEN
        CREATE SCHEMA statement_statistics;
        COMMENT ON SCHEMA statement_statistics IS 'PostgreSQL''s counters of statements. Closed to all but the owner.';
        CREATE EXTENSION pg_stat_statements SCHEMA statement_statistics;
        REVOKE ALL ON ALL TABLES IN SCHEMA statement_statistics FROM PUBLIC;
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA statement_statistics FROM PUBLIC;
    END IF;
END
$$;

-- The costliest statements of Zava's roles in this database, by 'total', 'mean' or 'calls'; `share` is
-- of all statements' time in it, 0 to 1. Only planned statements: PostgreSQL keeps the literals of
-- others. A statement whose entry was lost while it ran may come with literals nevertheless, so that
-- whoever shows the text has to take them out again.
CREATE FUNCTION zava.statement_statistics(sorted_by text, most integer)
RETURNS TABLE (
    query_id bigint, query text, calls bigint, total_ms double precision, rows bigint,
    buffer_hits bigint, buffer_reads bigint, temp_blocks bigint, share double precision
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place name;
BEGIN
    IF NOT EXISTS (
        SELECT FROM identity.users AS u
        WHERE u.user_id = (SELECT identity.verified_user_id()) AND 'ops' = ANY (u.permissions)
    ) THEN
        RAISE EXCEPTION 'statements of all users are for the permission ops'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT n.nspname INTO place
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'pg_stat_statements is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN QUERY EXECUTE format(
        $sql$
            SELECT s.queryid, min(s.query), sum(s.calls)::bigint, sum(s.total_exec_time),
                sum(s.rows)::bigint, sum(s.shared_blks_hit)::bigint,
                sum(s.shared_blks_read)::bigint, sum(s.temp_blks_written)::bigint,
                sum(s.total_exec_time) / nullif(all_of_them.ms, 0)
            FROM %1$I.pg_stat_statements AS s
            CROSS JOIN (
                SELECT sum(total_exec_time) AS ms FROM %1$I.pg_stat_statements(false)
                WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            ) AS all_of_them
            WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND s.userid = ANY (ARRAY(
                    SELECT oid FROM pg_roles WHERE rolname IN ('zava_app', 'store_managers',
                        'regional_managers', 'head_office', 'viewers')
                ))
                AND s.toplevel
                AND s.query ~* '^\s*(SELECT|WITH|VALUES|TABLE)\M'
            GROUP BY s.queryid, all_of_them.ms
            ORDER BY CASE $1
                WHEN 'mean' THEN sum(s.total_exec_time) / sum(s.calls)
                WHEN 'calls' THEN sum(s.calls)
                ELSE sum(s.total_exec_time)
            END DESC
            LIMIT $2
        $sql$,
        place
    )
    USING sorted_by, most;
END
$$;
COMMENT ON FUNCTION zava.statement_statistics(text, integer) IS 'PostgreSQL''s own counters of statements, for the permission ops.';
REVOKE ALL ON FUNCTION zava.statement_statistics(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zava.statement_statistics(text, integer)
    TO store_managers, regional_managers, head_office, viewers;

-- How far a standby is behind, which the server asks as zava_app.
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT EXECUTE ON FUNCTION
            pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_last_xact_replay_timestamp()
            TO zava_app;
    END IF;
END
$$;
