-- Roles. They belong to the whole cluster, so another Zava database may have made them already.
-- zava_app logs in and can do nothing by itself; per transaction it becomes one of the other four,
-- to which the policies speak.
DO $$
BEGIN
    IF to_regrole('zava_app') IS NULL THEN CREATE ROLE zava_app LOGIN; END IF;
    IF to_regrole('store_managers') IS NULL THEN CREATE ROLE store_managers; END IF;
    IF to_regrole('regional_managers') IS NULL THEN CREATE ROLE regional_managers; END IF;
    IF to_regrole('head_office') IS NULL THEN CREATE ROLE head_office; END IF;
    IF to_regrole('viewers') IS NULL THEN CREATE ROLE viewers; END IF;
END
$$;

-- NOINHERIT: what the four roles may do holds only after SET ROLE.
ALTER ROLE zava_app NOINHERIT;
GRANT store_managers, regional_managers, head_office, viewers TO zava_app;

-- What holds for every connection of zava_app is set here and not as a start-up parameter,
-- which a pooler in front would refuse.
DO $$
DECLARE
    setting record;
BEGIN
    FOR setting IN
        SELECT * FROM (VALUES
            ('default_transaction_read_only', 'on'),
            ('search_path', 'retail, public'),
            ('statement_timeout', '30s'),
            ('transaction_timeout', '45s'),
            ('idle_in_transaction_session_timeout', '60s'),
            ('lock_timeout', '5s'),
            ('work_mem', '4MB'),
            ('temp_file_limit', '1GB'),
            ('jit', 'off'),
            ('DateStyle', 'ISO, YMD'),
            ('IntervalStyle', 'iso_8601'),
            ('bytea_output', 'hex'),
            ('extra_float_digits', '1'),
            ('standard_conforming_strings', 'on'),
            ('log_parameter_max_length', '0'),
            ('log_parameter_max_length_on_error', '0'),
            ('log_min_error_statement', 'panic')
        ) AS wanted (name, value)
        -- transaction_timeout came with PostgreSQL 17.
        WHERE EXISTS (SELECT FROM pg_settings s WHERE lower(s.name) = lower(wanted.name))
    LOOP
        BEGIN
            EXECUTE format(
                'ALTER ROLE zava_app IN DATABASE %I SET %s = %s',
                current_database(),
                setting.name,
                -- search_path and DateStyle are lists, not one quoted word.
                CASE WHEN setting.value LIKE '%,%' THEN setting.value
                     ELSE quote_literal(setting.value) END
            );
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'only a superuser may set % for zava_app', setting.name;
        END;
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
DO $$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()); END $$;
DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO zava_app', current_database()); END $$;
