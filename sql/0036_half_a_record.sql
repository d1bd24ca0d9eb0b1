-- As before, but half a record that has come does not make a replica as old as its last commit: the rest may
-- take a quarter of a minute while its primary is idle. Without the right to see what the startup process waits
-- for, as on some hosted servers, it still does.
CREATE OR REPLACE FUNCTION identity.seconds_behind() RETURNS float8
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- In this order: what comes in between is no reason to be taken for late.
    received pg_lsn := coalesce(pg_last_wal_receive_lsn(), '0/0');
    replayed pg_lsn := pg_last_wal_replay_lsn();
BEGIN
    IF NOT pg_is_in_recovery() THEN
        RETURN NULL;
    END IF;
    -- All is replayed that has come, and more would come: without a connection to the primary nobody
    -- knows what happens there.
    IF EXISTS (SELECT FROM pg_stat_get_wal_receiver() AS r WHERE r.pid IS NOT NULL)
        AND (
            replayed >= received
            -- What ends with a page is what the primary writes of records without a commit behind them.
            OR mod(received - '0/0', current_setting('wal_block_size')::numeric) = 0
                AND EXISTS (
                    SELECT FROM pg_stat_get_activity(NULL) AS a
                    WHERE a.backend_type = 'startup' AND a.wait_event = 'RecoveryWalStream'
                )
        )
    THEN
        RETURN 0;
    END IF;
    RETURN coalesce(
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 'Infinity'
    );
END
$$;
