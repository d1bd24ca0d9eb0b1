"""One read-only transaction under the caller's identity: the only way to a tenant's rows."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.bounded_connection import received_by
from zava_server.data.identity import identity_refused
from zava_server.data.pool import DRIVER_ERRORS, is_lost
from zava_server.data.trouble import connection_lost, too_large, trouble
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.bounded_connection import Received
    from zava_server.data.identity import Identity
    from zava_server.data.pool import Pool
    from zava_server.data.signing_keys import Signer

# statement_timeout speaks first. It restarts with every fetch, so a result that trickles meets
# ours, which keeps the connection; transaction_timeout drops it and stands behind both.
_SPARE_SECONDS = 1.0
_TRANSACTION_SPARE_SECONDS = 5.0
# The database's timer starts after ours; clocks may differ by a little.
_OUT_OF_TIME = 0.98
_MOST_CLOCK_SKEW_SECONDS = 30.0

# One snapshot for all statements: a key that is retired meanwhile is missed by none of them, where
# a later one alone would find no rows.
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# The identity travels as a parameter: statement text can be read by other sessions of the role.
# The role comes last, because the caller's roles may not call set_config.
_ASSUME_IDENTITY = """
SELECT set_config('zava.identity', $1, true),
    set_config('TimeZone', $2, true),
    set_config('statement_timeout', $3, true),
    set_config('role', $4, true)
"""
_ASSUME_IDENTITY_WITH_TRANSACTION_TIMEOUT = """
SELECT set_config('zava.identity', $1, true),
    set_config('TimeZone', $2, true),
    set_config('statement_timeout', $3, true),
    set_config('transaction_timeout', $5, true),
    set_config('role', $4, true)
"""
_WHO_IS_THIS = """
SELECT retail.current_user_id() AS user_id, current_user AS role,
    extract(epoch FROM now())::float8 AS now
"""
_TRANSACTION_TIMEOUT_SINCE = 17


@dataclass(frozen=True, slots=True)
class ReadTransaction:
    """An open transaction of one identity."""

    connection: PoolConnectionProxy
    received: Received
    pool_wait_ms: float


class ReadTransactions:
    """Opens read-only transactions on the pool's connections."""

    def __init__(
        self, pool: Pool, key: Signer, *, time_zone: str, statement_seconds: float
    ) -> None:
        self._pool = pool
        self._key = key
        self._time_zone = time_zone
        self._statement_seconds = statement_seconds

    @asynccontextmanager
    async def read_as(self, identity: Identity) -> AsyncIterator[ReadTransaction]:
        """A transaction in which the database takes the caller for `identity`.

        Raises QueryTimeout, QueryCancelled, ResultTooLarge or Busy for what is done in it, and
        DatabaseUnavailable when the connection is lost or the database does not agree on who that
        is: an empty answer must never stand for a wrong key or a wrong clock.
        """
        started = time.perf_counter()
        async with self._pool.connection() as connection:
            began = time.perf_counter()
            received = received_by(connection)
            received.allow(0)
            try:
                async with asyncio.timeout(self._statement_seconds + _SPARE_SECONDS):
                    await connection.execute(_BEGIN)
                    await self._assume(connection, identity)
                    yield ReadTransaction(connection, received, (began - started) * 1000)
            except (*DRIVER_ERRORS, OSError) as error:
                if received.too_much:
                    raise too_large() from error
                elapsed = time.perf_counter() - began
                out_of_time = elapsed >= self._statement_seconds * _OUT_OF_TIME
                known = trouble(error, out_of_time=out_of_time, directory=self._pool.directory)
                # Using a lost connection is an interface error, as is any misuse of the driver.
                if known is None and is_lost(connection):
                    known = connection_lost(out_of_time=out_of_time)
                if known is None:
                    raise
                raise known from error

    async def _assume(self, connection: PoolConnectionProxy, identity: Identity) -> None:
        statement_ms = int(self._statement_seconds * 1000)
        transaction_ms = statement_ms + int(_TRANSACTION_SPARE_SECONDS * 1000)
        arguments = [
            self._key.sign(identity.user_id, self._statement_seconds),
            self._time_zone,
            f"{statement_ms}ms",
            identity.database_role,
        ]
        if connection.get_server_version().major >= _TRANSACTION_TIMEOUT_SINCE:
            await connection.fetchrow(
                _ASSUME_IDENTITY_WITH_TRANSACTION_TIMEOUT, *arguments, f"{transaction_ms}ms"
            )
        else:
            await connection.fetchrow(_ASSUME_IDENTITY, *arguments)
        who = await connection.fetchrow(_WHO_IS_THIS)
        if who is None:
            raise identity_refused()
        if abs(who["now"] - time.time()) > _MOST_CLOCK_SKEW_SECONDS:
            raise DatabaseUnavailable(
                "The clocks of the server and the database differ by more than "
                f"{_MOST_CLOCK_SKEW_SECONDS:.0f} s.",
                "Set both by a time service.",
            )
        if who["user_id"] != identity.user_id or who["role"] != identity.database_role:
            raise identity_refused()
