"""Things in the database that would lead around row security, as SQL that finds them."""

from __future__ import annotations

# Whatever the roles can read is either the shared catalogue or under forced row security.
_ROW_SECURITY = """
SELECT format('row security is not forced on %s', r.name),
    format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', r.name)
FROM relations AS r
WHERE r.relkind IN ('r', 'p') AND NOT r.is_system
    AND NOT (r.relrowsecurity AND r.relforcerowsecurity)
    AND r.name NOT IN (
        'retail.stores', 'retail.categories', 'retail.product_types', 'retail.products',
        'retail.product_description_embeddings', 'zava.embedding_models', 'zava.migrations',
        'zava.product_words', 'zava.catalogue_words', 'zava.sums_by_product'
    )
    AND (r.is_readable OR r.name = 'retail.product_costs'
        OR r.nspname = 'retail' AND EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = r.oid AND a.attname = 'store_id' AND NOT a.attisdropped
        ))
"""

# A policy of ours reads exactly so (pg_get_expr leaves out the schemas of the search path).
_POLICIES = """
SELECT format('the policy %s on %s is not one of Zava''s', p.polname, r.name),
    coalesce(
        CASE WHEN ARRAY[known.role] = ARRAY(SELECT rolname::text FROM pg_roles
                WHERE oid = ANY (p.polroles)) AND p.polcmd = 'r' AND p.polpermissive
            THEN format('ALTER POLICY %I ON %s USING (%s)', p.polname, r.name, known.good)
        END,
        format('DROP POLICY %I ON %s', p.polname, r.name)
    )
FROM pg_policy AS p
JOIN relations AS r ON r.oid = p.polrelid
LEFT JOIN (VALUES
    ('store_manager_reads', 'store_managers', 'store_id',
        'store_id = (SELECT retail.get_current_user_store())',
        '(store_id = ( SELECT get_current_user_store() AS get_current_user_store))'),
    ('regional_manager_reads', 'regional_managers', 'store_id',
        'store_id = ANY ((SELECT retail.get_user_store_list())::uuid[])',
        '(store_id = ANY (( SELECT get_user_store_list() AS get_user_store_list)::uuid[]))'),
    ('head_office_reads', 'head_office', 'store_id',
        '(SELECT retail.is_head_office())',
        '( SELECT is_head_office() AS is_head_office)'),
    ('managers_read', 'managers', 'product_costs',
        '(SELECT retail.may_see_costs())',
        '( SELECT may_see_costs() AS may_see_costs)'),
    ('readers_see_what_serves', 'readers', 'product_description_embeddings',
        '(model, dimensions) = (SELECT m.model, m.dimensions'
        ' FROM zava.embedding_models AS m WHERE m.serving)',
        '((model, dimensions) = ( SELECT m.model, m.dimensions'
        ' FROM zava.embedding_models m WHERE m.serving))')
) AS known (name, role, subject, good, text) ON known.name = p.polname
WHERE p.polpermissive
    AND EXISTS (SELECT FROM grantees AS g WHERE g.oid = ANY (p.polroles))
    AND (
        known.name IS NULL
        OR p.polcmd <> 'r'
        OR regexp_replace(
            replace(pg_get_expr(p.polqual, p.polrelid), 'retail.', ''), '[[:space:]]+', ' ', 'g'
        ) IS DISTINCT FROM known.text
        OR known.subject <> 'store_id' AND r.name <> 'retail.' || known.subject
        OR 0 = ANY (p.polroles)
        OR EXISTS (
            SELECT FROM pg_roles AS o
            WHERE o.oid = ANY (p.polroles)
                AND o.rolname <> ALL (CASE known.role
                    WHEN 'managers'
                    THEN ARRAY['store_managers', 'regional_managers', 'head_office']
                    WHEN 'readers'
                    THEN ARRAY['store_managers', 'regional_managers', 'head_office', 'viewers']
                    ELSE ARRAY[known.role] END)
        )
    )
"""

_VIEWS = """
SELECT format('the view %s reads as its owner', r.name),
    CASE r.nspname WHEN 'retail'
        THEN format('ALTER VIEW %s SET (security_invoker = true)', r.name)
        ELSE format('REVOKE ALL ON %s FROM %s', r.name,
            (SELECT string_agg(name, ', ') FROM grantees)) END
FROM relations AS r
WHERE r.relkind = 'v' AND NOT r.is_system AND (r.is_readable OR r.nspname = 'retail')
    AND NOT coalesce(r.reloptions::text[] && ARRAY['security_invoker=true', 'security_invoker=on',
        'security_invoker=1', 'security_invoker=yes'], false)
UNION ALL
SELECT format('the %s %s can be read, and has no row security',
        CASE r.relkind WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END, r.name),
    format('REVOKE ALL ON %s FROM %s', r.name, (SELECT string_agg(name, ', ') FROM grantees))
FROM relations AS r
WHERE r.relkind IN ('m', 'f') AND r.is_readable
"""

_PROGRAMS = """
SELECT format('%s may run %s with the rights of its owner', p.grantee, p.name),
    format('REVOKE ALL ON ROUTINE %s FROM %s', p.name, p.grantee)
FROM programs AS p
WHERE p.prosecdef AND p.name NOT IN (
    'retail.current_user_id()', 'retail.get_current_user_store()', 'retail.get_user_store_list()',
    'retail.is_head_office()', 'retail.may_see_costs()', 'identity.find_users(wanted text)',
    'identity.find_token(wanted uuid)', 'identity.is_server()',
    'identity.check_statements(kept integer)', 'identity.seconds_behind()',
    'identity.server_started()', 'zava.statement_statistics(sorted_by text, most integer)'
)
UNION ALL
SELECT format('%s may run %s, which is written in %s', p.grantee, p.name, l.lanname),
    format('REVOKE ALL ON ROUTINE %s FROM %s', p.name, p.grantee)
FROM programs AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE NOT p.prosecdef AND NOT l.lanpltrusted AND (
    l.lanname NOT IN ('c', 'internal')
    -- Extensions are C; these reach files, other servers, other sessions or raw pages.
    OR NOT EXISTS (
        SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            AND d.refclassid = 'pg_extension'::regclass
            AND e.extname NOT IN (
                'adminpack', 'dblink', 'file_fdw', 'http', 'lo', 'pageinspect', 'pg_background',
                'pg_buffercache', 'pg_cron', 'pg_net', 'pg_stat_statements', 'pgrowlocks',
                'pgstattuple', 'plsh', 'postgres_fdw', 'tablefunc', 'xml2'
            )
    )
)
"""

_ELSEWHERE = """
SELECT format('%s may use the foreign server %I', g.name, s.srvname),
    format('REVOKE ALL ON FOREIGN SERVER %I FROM %s', s.srvname, g.name)
FROM pg_foreign_server AS s
CROSS JOIN LATERAL aclexplode(s.srvacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
UNION ALL
SELECT format('%s may use the foreign data wrapper %I', g.name, w.fdwname),
    format('REVOKE ALL ON FOREIGN DATA WRAPPER %I FROM %s', w.fdwname, g.name)
FROM pg_foreign_data_wrapper AS w
CROSS JOIN LATERAL aclexplode(w.fdwacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
"""

UNSAFE_OBJECTS = (_ROW_SECURITY, _POLICIES, _VIEWS, _PROGRAMS, _ELSEWHERE)
"""Each gives rows of (problem, fix) over the relations that `self_check` defines."""
