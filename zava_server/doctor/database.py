"""The database: reachable, of this version, closed to what callers must not do, in time."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zava_server.data.identity import list_users
from zava_server.data.migrations import applied_migrations, find_migrations, mismatch, sql_directory
from zava_server.data.pool import DRIVER_ERRORS, SECONDS_BEHIND
from zava_server.data.self_check import refuse_unsafe_role
from zava_server.data.sessions import session
from zava_server.data.signing_keys import KeyFile
from zava_server.doctor.finding import Finding, ok, problem, warning
from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError, ZavaError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from zava_server.infrastructure.settings import Settings
    from zava_server.startup import Database

# An identity is believed a few seconds longer than a statement may take.
_LATE_SECONDS, _TOO_LATE_SECONDS = 2.0, 5.0

_EXTENSIONS = """
SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY extname)
FROM pg_extension WHERE extname <> 'plpgsql'
"""
CLOSING_FILES = ("0007_dangerous_defaults.sql", "0032_owner_keeps_rights.sql")
"""What a superuser runs to close what PostgreSQL lets everybody do."""
# The worst of what sql/0007 takes from PUBLIC where the owner may.
_LEFT_OPEN = """
SELECT array_agg(DISTINCT p.proname::text ORDER BY p.proname::text)
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
    AND p.proname IN ('set_config', 'pg_cancel_backend', 'pg_terminate_backend', 'pg_notify',
        'pg_stat_get_activity', 'pg_advisory_lock', 'query_to_xml', 'ts_stat', 'lo_create',
        'pg_prepared_statement')
    AND has_function_privilege('store_managers', p.oid, 'EXECUTE')
"""


async def look_at_schema(connection: asyncpg.Connection, database: Database) -> Finding:
    """Whether the schema is this version's."""
    applied, ours = await applied_migrations(connection), find_migrations()
    if error := mismatch(ours, applied, database.app.directory):
        return problem("schema", error)
    if len(applied) < len(ours):
        return problem(
            "schema",
            DatabaseUnavailable(
                f"{len(applied)} of {len(ours)} files are applied.",
                "Bring it up to date with: zava-server db init",
            ),
        )
    extensions = await connection.fetchval(_EXTENSIONS)
    return ok("schema", f"{len(ours)} files applied; {extensions}")


async def look_at_role(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    """Whether the server's role and row security are as they must be, and what stays open."""
    try:
        await refuse_unsafe_role(connection)
    except DatabaseUnavailable as error:
        yield problem("roles", error)
        return
    yield ok("roles", "the server may only read, and row security is forced on every tenant table")
    if left_open := await connection.fetchval(_LEFT_OPEN):
        yield warning(
            "defaults",
            f"PostgreSQL lets everybody call {', '.join(left_open)}",
            "In a database of Zava's own, run as a superuser: psql -d DATABASE "
            + " ".join(f"-f {sql_directory() / file}" for file in CLOSING_FILES),
        )
    else:
        yield ok("defaults", "what PostgreSQL lets everybody do is closed")


async def look_at_clock(connection: asyncpg.Connection) -> Finding:
    """Whether the database's clock and ours agree: signatures expire."""
    before = time.time()
    theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
    ours = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    apart = abs((theirs - ours).total_seconds())
    message = f"the database's is {apart:.1f} s apart from this machine's"
    fix = "Set both by NTP."
    if apart >= _TOO_LATE_SECONDS:
        return problem("clock", DatabaseUnavailable(f"{message}.", fix))
    return warning("clock", message, fix) if apart >= _LATE_SECONDS else ok("clock", message)


async def look_at_users(connection: asyncpg.Connection, settings: Settings) -> Finding:
    """Whether the database believes our signature, and knows the user of the settings."""
    try:
        users = await list_users(connection, KeyFile(settings.key_file))
    except ZavaError as error:
        return problem("users", error)
    handles = [user.handle for user in users]
    if settings.user is not None and settings.user not in handles:
        return problem(
            "users",
            ValidationError(
                f"There is no user {settings.user}.", f"Set ZAVA_USER to one of: {handles}."
            ),
        )
    if not handles:
        return warning(
            "users", "none yet", "Import users.csv with: zava-server db import DIRECTORY"
        )
    return ok("users", ", ".join(handles))


async def look_at_replicas(database: Database, *, most_seconds: float) -> Finding:
    """Whether the first replica that answers may be read, and how far it is behind."""
    if database.replicas is None:
        return ok("replicas", "none; the primary answers all reads")
    try:
        async with session(database.replicas) as connection:
            await refuse_unsafe_role(connection)
            behind = await connection.fetchval(SECONDS_BEHIND)
    except (ZavaError, *DRIVER_ERRORS, OSError) as error:
        reason = error.message if isinstance(error, ZavaError) else str(error)
        return warning(
            "replicas",
            f"{reason.rstrip('.')}; until one can be used, the primary answers in their place",
            "Check ZAVA_READ_DATABASE_URL, and that replication runs.",
        )
    if behind is None:
        return warning(
            "replicas",
            f"{database.replicas.place} is a primary",
            "Name streaming replicas in ZAVA_READ_DATABASE_URL.",
        )
    if behind > most_seconds:
        far = "an unknown time" if math.isinf(behind) else f"{behind:.0f} s"
        return warning(
            "replicas",
            f"{database.replicas.place} is {far} behind, and the primary answers in its place",
            "Check that replication runs; ZAVA_READ_MAX_LAG_SECONDS is the bound.",
        )
    return ok("replicas", f"{database.replicas.place}, {behind:.1f} s behind")
