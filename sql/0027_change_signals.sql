-- Tells servers that something has changed, so that they forget what they have kept of it: the topic,
-- on the channel zava_changed, once a transaction and when it commits. No rows, stores or values: a
-- session of zava_app past the guard could listen.
--
-- NOTIFY is run as a statement, since the right to pg_notify() may have been taken from everybody. One
-- that writes waits for others' commits while it notifies (PostgreSQL hands signals out in their order),
-- which sets a limit of some hundred commits a second to the whole chain on a disk that is slow to flush.
CREATE FUNCTION zava.signal_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('NOTIFY zava_changed, %L', TG_ARGV[0]);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION zava.signal_change() IS 'Tells on the channel zava_changed that the topic of the trigger has changed.';
REVOKE ALL ON FUNCTION zava.signal_change() FROM PUBLIC;

-- ALWAYS: an import and logical replication write as replicas, for which other triggers rest.
DO $$
DECLARE
    subject record;
BEGIN
    FOR subject IN
        SELECT * FROM (VALUES
            ('retail.orders', 'sales'),
            ('retail.order_items', 'sales'),
            ('retail.customers', 'sales'),
            ('retail.product_costs', 'sales'),
            -- Counted anew without a new order.
            ('retail.daily_totals', 'sales'),
            ('retail.inventory', 'stock'),
            ('retail.stores', 'catalogue'),
            ('retail.store_managers', 'catalogue'),
            ('retail.categories', 'catalogue'),
            ('retail.product_types', 'catalogue'),
            ('retail.products', 'catalogue'),
            ('retail.product_description_embeddings', 'catalogue'),
            ('zava.embedding_models', 'catalogue'),
            ('identity.users', 'people'),
            ('identity.user_stores', 'people'),
            ('identity.signing_keys', 'people'),
            -- Which may have changed anything.
            ('zava.migrations', 'all')
        ) AS subjects (place, topic)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER signals_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
            'FOR EACH STATEMENT EXECUTE FUNCTION zava.signal_change(%L)',
            subject.place, subject.topic
        );
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER signals_change', subject.place);
    END LOOP;
END
$$;

-- What tables look like changes without a trigger of theirs. Only a superuser may watch that; where
-- the owner is none, servers do not keep it.
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        CREATE FUNCTION zava.signal_schema() RETURNS event_trigger
        LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp
        AS $function$
        BEGIN
            NOTIFY zava_changed, 'schema';
        END
        $function$;
        COMMENT ON FUNCTION zava.signal_schema() IS 'Tells on the channel zava_changed that a table may look different now.';
        REVOKE ALL ON FUNCTION zava.signal_schema() FROM PUBLIC;
        CREATE EVENT TRIGGER zava_signals_schema ON ddl_command_end
            EXECUTE FUNCTION zava.signal_schema();
        ALTER EVENT TRIGGER zava_signals_schema ENABLE ALWAYS;
        -- A number that tells one server's databases from another's, which may share a Redis.
        GRANT EXECUTE ON FUNCTION pg_control_system() TO zava_app;
    END IF;
END
$$;
