-- Tokens by which callers come in over HTTP. Their signature is the server's, with a key that is not in
-- the database; what is here says that a token was issued, for whom, and that it has not been revoked.
CREATE TABLE identity.tokens (
    token_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES identity.users ON DELETE CASCADE,
    scopes text[] NOT NULL
        CHECK (scopes <@ ARRAY['query', 'search', 'metrics', 'ops'] AND cardinality(scopes) > 0),
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),
    revoked_at timestamptz
);
CREATE INDEX ON identity.tokens (user_id);
COMMENT ON TABLE identity.tokens IS 'Tokens that were issued for HTTP. A token that is not here is nobody''s.';
COMMENT ON COLUMN identity.tokens.token_id IS 'Names the token (jti).';
COMMENT ON COLUMN identity.tokens.user_id IS 'The user it speaks for.';
COMMENT ON COLUMN identity.tokens.scopes IS 'Which tools it opens.';
COMMENT ON COLUMN identity.tokens.issued_at IS 'When it was issued.';
COMMENT ON COLUMN identity.tokens.expires_at IS 'Until when it is good.';
COMMENT ON COLUMN identity.tokens.revoked_at IS 'Since when it is not, if that was before.';
REVOKE ALL ON identity.tokens FROM PUBLIC;

-- One that is good now, with its user; nothing else. For the server, which must know the id: being
-- zava_app alone tells nobody what tokens there are.
CREATE FUNCTION identity.find_token(wanted uuid)
RETURNS TABLE (
    scopes text[], user_id uuid, handle text, display_name text, role text, permissions text[],
    version integer, store_ids uuid[], store_names text[]
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.scopes, person.*
    FROM identity.tokens AS t
    JOIN identity.users AS u USING (user_id)
    CROSS JOIN LATERAL identity.describe_users(u.handle) AS person
    WHERE (SELECT identity.is_server())
        AND t.token_id = wanted AND t.revoked_at IS NULL AND t.expires_at > now()
$$;
COMMENT ON FUNCTION identity.find_token(uuid) IS 'A token that is good now, with its user; for the server only.';
REVOKE ALL ON FUNCTION identity.find_token(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.find_token(uuid) TO zava_app;
