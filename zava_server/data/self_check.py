"""Wall 2 checks itself: the server does not start with a role that may do more than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import asyncpg

# One row a problem, with the SQL that mends it.
_PROBLEMS = """
WITH ours AS (
    SELECT r.* FROM pg_roles AS r
    WHERE r.rolname = current_user
        OR pg_has_role(current_user, r.oid, 'MEMBER') AND NOT r.rolname LIKE 'pg\\_%'
),
tables AS (
    SELECT c.*, format('%I.%I', n.nspname, c.relname) AS full_name, n.nspname
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('retail', 'identity', 'zava') AND c.relkind IN ('r', 'p', 'v', 'm')
)
SELECT format('the role %s is a superuser', rolname) AS problem,
    format('ALTER ROLE %I NOSUPERUSER', rolname) AS fix
FROM ours WHERE rolsuper
UNION ALL
SELECT format('the role %s bypasses row security', rolname),
    format('ALTER ROLE %I NOBYPASSRLS', rolname)
FROM ours WHERE rolbypassrls AND NOT rolsuper
UNION ALL
SELECT format('the role %s may create roles or databases or replicate', rolname),
    format('ALTER ROLE %I NOCREATEROLE NOCREATEDB NOREPLICATION', rolname)
FROM ours WHERE (rolcreaterole OR rolcreatedb OR rolreplication) AND NOT rolsuper
UNION ALL
SELECT format('the role %s is a member of %s', current_user, r.rolname),
    format('REVOKE %I FROM %I', r.rolname, current_user)
FROM pg_roles AS r
WHERE r.rolname LIKE 'pg\\_%' AND pg_has_role(current_user, r.oid, 'MEMBER')
    AND NOT (SELECT bool_or(rolsuper) FROM ours)
UNION ALL
SELECT format('the role %s owns %s', o.rolname, t.full_name),
    format('ALTER TABLE %s OWNER TO <the owner>', t.full_name)
FROM tables AS t JOIN ours AS o ON o.oid = t.relowner
UNION ALL
SELECT format('the role %s may write to %s', o.rolname, t.full_name),
    format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %I, PUBLIC', t.full_name, o.rolname)
FROM tables AS t CROSS JOIN ours AS o
WHERE t.relkind IN ('r', 'p') AND NOT o.rolsuper AND t.relowner <> o.oid
    AND (has_any_column_privilege(o.oid, t.oid, 'INSERT, UPDATE')
        OR has_table_privilege(o.oid, t.oid, 'DELETE, TRUNCATE'))
UNION ALL
SELECT format('row security is not forced on %s', t.full_name),
    format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.full_name)
FROM tables AS t
WHERE t.nspname = 'retail' AND t.relkind IN ('r', 'p')
    AND NOT (t.relrowsecurity AND t.relforcerowsecurity)
    AND (t.relname = 'product_costs' OR t.relname <> 'stores' AND EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = t.oid AND a.attname = 'store_id' AND NOT a.attisdropped
    ))
UNION ALL
SELECT format('the view %s reads as its owner', t.full_name),
    format('ALTER VIEW %s SET (security_invoker = true)', t.full_name)
FROM tables AS t
WHERE t.relkind = 'v' AND t.nspname = 'retail'
    AND NOT coalesce(t.reloptions::text[] && ARRAY['security_invoker=true', 'security_invoker=on'],
        false)
UNION ALL
SELECT format('the role %s may read the materialized view %s', o.rolname, t.full_name),
    format('REVOKE ALL ON %s FROM %I, PUBLIC', t.full_name, o.rolname)
FROM tables AS t CROSS JOIN ours AS o
WHERE t.relkind = 'm' AND NOT o.rolsuper AND has_table_privilege(o.oid, t.oid, 'SELECT')
UNION ALL
SELECT format('%s is %s', s.name, s.setting),
    format('ALTER SYSTEM SET %s = %s', s.name, w.value)
FROM (VALUES ('standard_conforming_strings', 'on'), ('max_prepared_transactions', '0'))
    AS w (name, value)
JOIN pg_settings AS s USING (name)
WHERE s.setting <> w.value
UNION ALL
SELECT 'transactions are not read-only by default',
    format('ALTER ROLE %I SET default_transaction_read_only = on', current_user)
WHERE current_setting('default_transaction_read_only') <> 'on'
"""


async def refuse_unsafe_role(connection: asyncpg.Connection) -> None:
    """Checks the role the server logged in as.

    Raises DatabaseUnavailable naming the first problem and the SQL that mends it.
    """
    problem = await connection.fetchrow(_PROBLEMS)
    if problem is not None:
        raise DatabaseUnavailable(
            f"The server does not start, because {problem['problem']}.",
            f"Run this as the owner: {problem['fix']};",
        )
