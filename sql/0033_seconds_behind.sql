-- How old what a replica shows may be, for zava_app, which may not look at replication itself.
CREATE FUNCTION identity.seconds_behind() RETURNS float8
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_is_in_recovery() THEN
        RETURN NULL;
    END IF;
    -- All is replayed that has come, and more would come: without a connection to the primary nobody
    -- knows what happens there.
    IF pg_last_wal_replay_lsn() >= coalesce(pg_last_wal_receive_lsn(), '0/0')
        AND EXISTS (SELECT FROM pg_stat_get_wal_receiver() AS r WHERE r.pid IS NOT NULL)
    THEN
        RETURN 0;
    END IF;
    RETURN coalesce(
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 'Infinity'
    );
END
$$;
COMMENT ON FUNCTION identity.seconds_behind()
    IS 'How far this replica is behind its primary, from above; NULL on a primary.';
REVOKE ALL ON FUNCTION identity.seconds_behind() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.seconds_behind() TO zava_app;
