-- The server keeps the statements of its own that it prepares on a connection from call to call. One that a
-- caller prepares there, or takes away, must not reach the next: after each call the server asks.
-- Fails where SQL has prepared a statement, or where fewer than `kept` of the server's are left.
CREATE FUNCTION identity.check_statements(kept integer) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (
        SELECT bool_or(p.from_sql) OR count(*) < kept
        FROM pg_prepared_statement() AS p (
            name, statement, prepare_time, parameter_types, result_types, from_sql, generic_plans,
            custom_plans)
    ) THEN
        RAISE EXCEPTION 'the prepared statements are not those of the server';
    END IF;
END
$$;
COMMENT ON FUNCTION identity.check_statements(integer)
    IS 'Fails unless all prepared statements of the session are the server''s, and so many at least.';
REVOKE ALL ON FUNCTION identity.check_statements(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.check_statements(integer) TO zava_app;
