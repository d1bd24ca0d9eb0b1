-- Who is asking. zava_app sends "key_id.user_id.expiry.mac" as the transaction-local setting
-- zava.identity; only what these functions verify counts. Nobody but the owner reads the tables.
CREATE SCHEMA identity;
COMMENT ON SCHEMA identity IS 'Users, their stores and the keys that sign identities. Closed to zava_app.';

CREATE TABLE identity.users (
    user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    handle text NOT NULL UNIQUE CHECK (handle ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    display_name text NOT NULL,
    role text NOT NULL
        CHECK (role IN ('store_manager', 'regional_manager', 'head_office', 'viewer')),
    permissions text[] NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE identity.users IS 'People and agents who may ask.';
COMMENT ON COLUMN identity.users.user_id IS 'The user.';
COMMENT ON COLUMN identity.users.handle IS 'The name one logs in by.';
COMMENT ON COLUMN identity.users.display_name IS 'The name people read.';
COMMENT ON COLUMN identity.users.role IS 'Decides which policies apply.';
COMMENT ON COLUMN identity.users.permissions IS 'Extra rights, such as ops.';
COMMENT ON COLUMN identity.users.version IS 'Rises with every change of role, stores or permissions; part of cache keys.';
COMMENT ON COLUMN identity.users.created_at IS 'When the user was added.';

-- The two padded key blocks of HMAC (RFC 2104) are kept instead of the key, so that the built-in
-- sha256() is all that checking needs. They are as secret as the key: mind dumps and replicas.
CREATE TABLE identity.signing_keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{1,16}$'),
    inner_block bytea NOT NULL CHECK (octet_length(inner_block) = 64),
    outer_block bytea NOT NULL CHECK (octet_length(outer_block) = 64),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The blocks of an empty key, which everybody could sign with.
    CHECK (inner_block <> decode(repeat('36', 64), 'hex')),
    CHECK (outer_block <> decode(repeat('5c', 64), 'hex'))
);
COMMENT ON TABLE identity.signing_keys IS 'Keys that identities may be signed with; two while one replaces the other.';
COMMENT ON COLUMN identity.signing_keys.key_id IS 'Names the key in an identity.';
COMMENT ON COLUMN identity.signing_keys.inner_block IS 'Key XOR 0x36, 64 bytes. Secret.';
COMMENT ON COLUMN identity.signing_keys.outer_block IS 'Key XOR 0x5c, 64 bytes. Secret.';
COMMENT ON COLUMN identity.signing_keys.created_at IS 'When the key became valid.';

-- A forgotten key is a key that somebody else may find.
CREATE FUNCTION identity.check_key_count() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT count(*) FROM identity.signing_keys) > 2 THEN
        RAISE EXCEPTION 'two signing keys may be live at most' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER two_keys_at_most AFTER INSERT ON identity.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION identity.check_key_count();

-- Whom zava.identity names, if its signature and expiry hold; else NULL, never an error. An expiry
-- more than an hour ahead is nobody's either: no server of ours signs for that long.
CREATE FUNCTION identity.verified_claim() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claim text := current_setting('zava.identity', true);
    part text[];
    key identity.signing_keys;
    expected bytea;
    expiry timestamptz;
BEGIN
    IF claim IS NULL
        OR claim !~ '^[a-z0-9]{1,16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,12}\.[0-9a-f]{64}$'
    THEN
        RETURN NULL;
    END IF;
    part := string_to_array(claim, '.');
    SELECT k.* INTO key FROM identity.signing_keys AS k WHERE k.key_id = part[1];
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    expected := sha256(key.outer_block || sha256(key.inner_block
        || convert_to(part[1] || '.' || part[2] || '.' || part[3], 'UTF8')));
    -- Hashing both sides once more keeps the time of the comparison from telling how much matched.
    IF sha256(expected) IS DISTINCT FROM sha256(decode(part[4], 'hex')) THEN
        RETURN NULL;
    END IF;
    expiry := to_timestamp(part[3]::bigint);
    IF expiry <= now() OR expiry > now() + interval '1 hour' THEN
        RETURN NULL;
    END IF;
    RETURN part[2]::uuid;
END
$$;
COMMENT ON FUNCTION identity.verified_claim() IS 'Whom this transaction names, proven by signature; NULL for nobody.';

CREATE FUNCTION identity.verified_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT u.user_id FROM identity.users AS u WHERE u.user_id = identity.verified_claim() $$;
COMMENT ON FUNCTION identity.verified_user_id() IS 'The user of this transaction, proven by signature; NULL for nobody.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA identity FROM PUBLIC;
GRANT USAGE ON SCHEMA identity TO zava_app;
