"""Wall 2 checks itself: the server does not start with a role that may do more than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_server.data.unsafe_objects import UNSAFE_OBJECTS
from zava_server.data.unsafe_rights import UNSAFE_RIGHTS
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import asyncpg

# What all checks speak of. Each gives one row a problem: what it is, and the SQL that mends it.
_COMMON = """
WITH ours AS MATERIALIZED (
    SELECT r.* FROM pg_roles AS r
    WHERE r.rolname IN
        (current_user, 'store_managers', 'regional_managers', 'head_office', 'viewers')
),
grantees AS MATERIALIZED (
    SELECT oid, quote_ident(rolname) AS name FROM ours
    UNION ALL
    SELECT 0, 'PUBLIC'
),
the_owner AS MATERIALIZED (
    SELECT quote_ident(pg_get_userbyid(nspowner)) AS name FROM pg_namespace
    WHERE nspname IN ('retail', 'identity', 'zava') AND nspowner NOT IN (SELECT oid FROM ours)
    LIMIT 1
),
relations AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, c.relacl, c.relowner, c.relrowsecurity,
        c.relforcerowsecurity, c.reloptions, n.nspname,
        format('%I.%I', n.nspname, c.relname) AS name,
        n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS is_system,
        -- Keys, passwords, everybody's values and large objects.
        n.nspname = 'identity' OR n.nspname = 'pg_catalog' AND c.relname IN (
            'pg_authid', 'pg_statistic', 'pg_statistic_ext_data', 'pg_user_mapping',
            'pg_largeobject'
        ) AS is_secret,
        EXISTS (
            SELECT FROM ours AS o WHERE has_any_column_privilege(o.oid, c.oid, 'SELECT')
        ) AS is_readable
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
),
programs AS MATERIALIZED (
    SELECT p.oid, p.prosecdef, p.prolang, p.pronamespace, g.name AS grantee,
        format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
            AS name
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    JOIN grantees AS g ON g.oid = a.grantee
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
)
"""


async def refuse_unsafe_role(connection: asyncpg.Connection) -> None:
    """Checks the role the server logged in as, and what it could reach.

    Raises DatabaseUnavailable naming the first problem and the SQL that mends all of them.
    """
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        # To a superuser every other check would find something.
        raise DatabaseUnavailable(
            "The server does not start, because it logs in as a superuser.",
            "Log in as zava_app, or run this as another superuser: ALTER ROLE "
            f"{await connection.fetchval('SELECT quote_ident(current_user)')} NOSUPERUSER;",
        )
    checks = (*UNSAFE_RIGHTS, *UNSAFE_OBJECTS)
    problems = await connection.fetch(_COMMON + "\nUNION ALL\n".join(checks))
    if not problems:
        return
    fixes = list(dict.fromkeys(problem["fix"] for problem in problems))
    more = f" and {len(problems) - 1} more problems" if len(problems) > 1 else ""
    raise DatabaseUnavailable(
        f"The server does not start, because {problems[0]['problem']}{more}.",
        f"Run this as the owner: {' '.join(f'{fix};' for fix in fixes)}",
    )
