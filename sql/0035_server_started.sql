-- Tells one replica from another behind the same address: what is known of the one's age says nothing
-- of the other's.
CREATE FUNCTION identity.server_started() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT pg_postmaster_start_time() $$;
COMMENT ON FUNCTION identity.server_started() IS 'When this server was started.';
REVOKE ALL ON FUNCTION identity.server_started() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.server_started() TO zava_app;
