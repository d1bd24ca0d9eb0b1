-- A statement whose client is gone ends within a fifth of a second, on any PostgreSQL. Not every
-- platform can watch a connection while a statement runs; there the time limits end it.
DO $$
BEGIN
    EXECUTE format(
        'ALTER ROLE zava_app IN DATABASE %I SET client_connection_check_interval = %L',
        current_database(), '200ms'
    );
EXCEPTION WHEN invalid_parameter_value OR insufficient_privilege THEN
    RAISE NOTICE 'zava_app does not notice clients that are gone: %', SQLERRM;
END
$$;
