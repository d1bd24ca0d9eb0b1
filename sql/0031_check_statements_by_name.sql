-- PostgreSQL 15 tells less of a prepared statement than later ones: what is asked for is named.
CREATE OR REPLACE FUNCTION identity.check_statements(kept integer) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT bool_or(p.from_sql) OR count(*) < kept FROM pg_prepared_statement() AS p) THEN
        RAISE EXCEPTION 'the prepared statements are not those of the server';
    END IF;
END
$$;
