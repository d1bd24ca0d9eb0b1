"""What is done with a connection of the pool before it is lent for the first time."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

from pgvector.asyncpg import register_vector

if TYPE_CHECKING:
    import asyncpg

    from zava_server.data.measured_connection import MeasuredConnection

# A host that has vanished without a word is noticed after 11 s, even if nothing is being sent.
_SOCKET_OPTIONS = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3))
_MOST_UNACKNOWLEDGED_MS = 11_000

# Every type a statement can return: built-in ones, pgvector's, rows of our tables, arrays of each.
_RESULT_TYPES = """
SELECT string_agg('NULL::' || format_type(t.oid, NULL), ', ')
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_type AS element ON element.oid = t.typelem
WHERE n.nspname = 'retail'
    OR n.nspname IN ('pg_catalog', 'public')
        AND (t.typtype IN ('r', 'm') OR element.typtype IN ('b', 'r', 'm', 'p'))
"""


async def prepare(connection: asyncpg.Connection) -> None:
    """Makes the connection ready to be lent: it must be one that the pool has opened."""
    _notice_vanished_hosts(cast("MeasuredConnection", connection).socket)
    await register_vector(connection)
    # Types are looked up now, as zava_app: asyncpg calls set_config while it does,
    # which the callers' roles may not.
    types = await connection.fetchval(_RESULT_TYPES)
    await connection.fetch(f"SELECT {types}")
    await cast("MeasuredConnection", connection).keep_statements()


def _notice_vanished_hosts(connected: socket.socket) -> None:
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*_SOCKET_OPTIONS, ("TCP_USER_TIMEOUT", _MOST_UNACKNOWLEDGED_MS)):
        # Some systems lack some of them.
        if (option := getattr(socket, name, None)) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
