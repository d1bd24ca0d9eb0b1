-- Reads an index into PostgreSQL's memory before the first searches need it. The extension is wanted,
-- not needed: only a superuser may create it, as the owner of the embedded database is.
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_prewarm')
        AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_prewarm')
    THEN
        CREATE EXTENSION pg_prewarm SCHEMA zava;
    END IF;
    -- Whoever may read a table could push others out of memory with it.
    IF to_regprocedure('zava.pg_prewarm(regclass, text, text, bigint, bigint)') IS NOT NULL THEN
        REVOKE ALL ON FUNCTION zava.pg_prewarm(regclass, text, text, bigint, bigint),
            zava.autoprewarm_start_worker(), zava.autoprewarm_dump_now() FROM PUBLIC;
    END IF;
END
$$;
