"""What the attack tests share: running SQL past the guard, and seeing what it did."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

from zava_server.data.identity import Identity
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import ZavaError

# The driver refuses some texts itself: lone surrogates, bytes it cannot send; it stumbles over
# empty ones with an AttributeError.
REFUSALS = (
    AttributeError,
    ZavaError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    UnicodeError,
    ValueError,
)

# Walls 1 and 2 together stand against stalling: with the guard off some of these run for minutes
# and no timeout reaches them.
STALLS = frozenset({
    "long text", "slow on long values", "planner bombs", "trigrams on text", "text search",
    "too long", "too deep", "comment and operator runs", "huge series",
})  # fmt: skip

_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'S') AND (
    n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    OR c.oid IN ('pg_largeobject_metadata'::regclass, 'pg_authid'::regclass,
        'pg_auth_members'::regclass, 'pg_db_role_setting'::regclass, 'pg_proc'::regclass,
        'pg_namespace'::regclass, 'pg_policy'::regclass, 'pg_replication_slots'::regclass)
)
ORDER BY 1
"""
_STATE = """
SELECT
    (SELECT array_agg(name || '=' || setting ORDER BY name) FROM pg_show_all_settings()
        WHERE setting IS DISTINCT FROM reset_val AND name NOT LIKE 'transaction\\_%') AS settings,
    (SELECT array_agg(name) FROM pg_prepared_statement() AS p (name, a, b, c, d, e, f, g)
        WHERE name NOT LIKE '\\_\\_asyncpg\\_%') AS prepared,
    (SELECT array_agg(name) FROM pg_cursor() WHERE name <> '') AS cursors,
    (SELECT array_agg(c) FROM pg_listening_channels() AS c) AS channels,
    current_user::text AS who,
    current_setting('default_transaction_read_only') AS read_only,
    coalesce(current_setting('zava.identity', true), '') AS identity,
    (SELECT array_agg(mode) FROM pg_lock_status() WHERE locktype = 'advisory'
        AND pid = pg_backend_pid()) AS locks,
    pg_my_temp_schema() AS temporary
"""
STATE_FUNCTIONS = (
    "pg_show_all_settings()",
    "pg_prepared_statement()",
    "pg_cursor()",
    "pg_listening_channels()",
    "pg_lock_status()",
)


async def state_of(connection: Any) -> dict[str, Any]:
    """What a session carries from one call to the next."""
    row = await connection.fetchrow(_STATE)
    return dict(row)


def described(error: BaseException) -> str:
    """Every word of an error and of what caused it."""
    names = ("hint", "detail", "context", "message", "where")
    parts = [repr(error), *(str(getattr(error, name, "")) for name in names)]
    if error.__cause__ is not None:
        parts.append(described(error.__cause__))
    return "\n".join(parts)


async def run_raw(transactions: ReadTransactions, identity: Identity, sql: str, method: str) -> str:
    """Everything that comes back for SQL sent straight to the driver in a caller's transaction."""
    heard: list[str] = []

    def hear(_: object, message: Any) -> None:
        heard.append(f"{message.message} {message.detail} {message.hint} {message.context}")

    try:
        async with transactions.read_as(identity) as transaction:
            connection = transaction.connection
            connection.add_log_listener(hear)
            try:
                heard.append(repr(await getattr(connection, method)(sql)))
            finally:
                with suppress(asyncpg.InterfaceError):
                    connection.remove_log_listener(hear)
    except REFUSALS as error:
        heard.append(described(error))
    return "\n".join(heard)


async def fingerprint(owner: asyncpg.Connection, data_directory: Path) -> dict[str, str]:
    """A checksum of every table and of the names of the data directory's lasting files."""
    found = {}
    for (table,) in await owner.fetch(_TABLES):
        found[table] = await owner.fetchval(
            f"SELECT md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) "
            f"FROM {table} AS t"
        )
    names = sorted(
        str(path.relative_to(data_directory))
        for folder in (data_directory, data_directory / "global")
        for path in folder.iterdir()
        if not path.name.startswith("pg_internal")
    )
    found["files"] = hashlib.md5("\n".join(names).encode()).hexdigest()
    return found
