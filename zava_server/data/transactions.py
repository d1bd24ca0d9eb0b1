"""One read-only transaction under the caller's identity: the only way to a tenant's rows."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from zava_server.data.bounded_connection import received_by
from zava_server.data.identity import IdentityRefused, identity_refused
from zava_server.data.measured_connection import measured
from zava_server.data.pool import DRIVER_ERRORS, is_lost
from zava_server.data.replicas import ReplicaBehind, leave
from zava_server.data.trouble import connection_lost, too_large, trouble
from zava_server.infrastructure.errors import (
    Busy,
    DatabaseError,
    DatabaseLost,
    DatabaseUnavailable,
    ZavaError,
    code_of,
)
from zava_server.infrastructure.request_ids import current_request
from zava_server.infrastructure.staleness import current_reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.bounded_connection import Received
    from zava_server.data.identity import Identity
    from zava_server.data.measured_connection import MeasuredConnection
    from zava_server.data.pool import Pool
    from zava_server.data.replicas import Replicas
    from zava_server.data.signing_keys import Signer
    from zava_server.data.statement_log import StatementLog

# statement_timeout speaks first. It restarts with every fetch, so a result that trickles meets
# ours, which keeps the connection; transaction_timeout drops it and stands behind both.
_SPARE_SECONDS = 1.0
_TRANSACTION_SPARE_SECONDS = 5.0
# Two short round trips begin each call: a database that takes longer is taken for hung.
_ANSWER_SECONDS = 3.0
# An event loop that sees the end of that so late has too much to do.
_LATE_SECONDS = 0.2
# The database's timer starts after ours; clocks may differ by a little.
_OUT_OF_TIME = 0.98
_MOST_CLOCK_SKEW_SECONDS = 30.0

# One snapshot for all statements: a key that is retired meanwhile is missed by none of them, where
# a later one alone would find no rows.
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# The identity travels as a parameter: statement text can be read by other sessions of the role.
# The role comes last of the settings, because the caller's roles may not call set_config. What is
# asked after it, in the same round trip, is answered as the caller; if it ever were not, the answer
# would be nobody, who is refused.
_ASSUME_IDENTITY = """
SELECT set_config('zava.identity', $1, true),
    set_config('TimeZone', $2, true),
    set_config('statement_timeout', $3, true),
    set_config('application_name', $4, true),
    {timeout}set_config('role', $5, true),
    retail.current_user_id() AS user_id, current_user AS role,
    extract(epoch FROM now())::float8 AS now, {behind}
"""
# Its timer runs since BEGIN, by what holds for the login, and starts anew only where none runs.
_TRANSACTION_TIMEOUT = """set_config('transaction_timeout', '0', true),
    set_config('transaction_timeout', $6, true),
    """
_TRANSACTION_TIMEOUT_SINCE = 17
# The right to ask this is looked at before the role is the caller's.
_BEHIND = "identity.seconds_behind() AS behind, identity.server_started() AS server"
_NOT_ASKED = "NULL::float8 AS behind"


@dataclass(frozen=True, slots=True)
class ReadTransaction:
    """An open transaction of one identity."""

    connection: PoolConnectionProxy
    received: Received
    pool_wait_ms: float


class ReadTransactions:
    """Opens read-only transactions on the pool's connections.

    What runs in them by `fetch` and its like goes to `log`, if there is one.
    """

    def __init__(
        self,
        pool: Pool,
        key: Signer,
        *,
        time_zone: str,
        statement_seconds: float,
        log: StatementLog | None = None,
        replicas: Replicas | None = None,
    ) -> None:
        """`replicas` answer in place of the pool while they can."""
        self._pool = pool
        self._replicas = replicas
        self._key = key
        self._time_zone = time_zone
        self._statement_seconds = statement_seconds
        self._log = log

    def logged_as(self, operation: str) -> ReadTransactions:
        """The same, with statements logged as of this kind of work."""
        return ReadTransactions(
            self._pool,
            self._key,
            time_zone=self._time_zone,
            statement_seconds=self._statement_seconds,
            log=self._log.doing(operation) if self._log else None,
            replicas=self._replicas,
        )

    def on_replicas(self, replicas: Replicas | None) -> ReadTransactions:
        """The same, for what may be a little old."""
        return ReadTransactions(
            self._pool,
            self._key,
            time_zone=self._time_zone,
            statement_seconds=self._statement_seconds,
            log=self._log,
            replicas=replicas,
        )

    @asynccontextmanager
    async def read_as(self, identity: Identity) -> AsyncIterator[ReadTransaction]:
        """A transaction in which the database takes the caller for `identity`.

        Raises QueryTimeout, QueryCancelled, ResultTooLarge or Busy for what is done in it, and
        DatabaseUnavailable when the connection is lost or the database does not agree on who that
        is: an empty answer must never stand for a wrong key or a wrong clock.
        """
        async with AsyncExitStack() as stack:
            yield await self._begin(stack, identity)

    async def _begin(self, stack: AsyncExitStack, identity: Identity) -> ReadTransaction:
        replicas = self._replicas
        if replicas is not None and replicas.serve and not current_reading().wants_primary:
            try:
                return await stack.enter_async_context(self._on(replicas.pool, identity))
            except (IdentityRefused, Busy):
                # The user or the key has not arrived there yet; or all connections are in use,
                # perhaps by statements on a replica that hangs.
                pass
            except DatabaseUnavailable as error:
                replicas.doubt(error)
        return await stack.enter_async_context(self._on(self._pool, identity))

    @asynccontextmanager
    async def _on(self, pool: Pool, identity: Identity) -> AsyncIterator[ReadTransaction]:
        started, loop = time.perf_counter(), asyncio.get_running_loop()
        async with pool.connection() as connection:
            began, loop_began = time.perf_counter(), loop.time()
            received, measurements = received_by(connection), measured(connection)
            received.allow(0)
            pool_ms, code = (began - started) * 1000, DatabaseError.code
            answers = False
            try:
                async with asyncio.timeout(_ANSWER_SECONDS) as limit:
                    await connection.execute(_BEGIN)
                    await self._assume(pool, connection, identity)
                    answers = True
                    limit.reschedule(loop.time() + self._statement_seconds + _SPARE_SECONDS)
                    if self._log is not None:
                        measurements.begin()
                    yield ReadTransaction(connection, received, pool_ms)
            except (*DRIVER_ERRORS, OSError) as error:
                elapsed = time.perf_counter() - began
                known: ZavaError | None
                if not answers and isinstance(error, TimeoutError):
                    if loop.time() > loop_began + _ANSWER_SECONDS + _LATE_SECONDS:
                        # The answer may have come: it is this process that did not look.
                        cast("MeasuredConnection", connection).end_as("silent")
                        known = _overloaded()
                    else:
                        await pool.give_up(connection)
                        known = _silent(pool)
                else:
                    known = self._known(error, pool, connection, received, elapsed)
                if known is None:
                    raise
                if isinstance(known, DatabaseLost) and self._is_of_replicas(pool):
                    # The call is made again, and not there.
                    current_reading().failed()
                code = known.code
                raise known from error
            except BaseException as error:
                code = code_of(error)
                if isinstance(error, ReplicaBehind):
                    leave(connection)
                raise
            finally:
                if self._log is not None:
                    self._log.add(identity.handle, measurements.end(), pool_ms, code)

    def _is_of_replicas(self, pool: Pool) -> bool:
        return self._replicas is not None and pool is self._replicas.pool

    def _known(
        self,
        error: Exception,
        pool: Pool,
        connection: PoolConnectionProxy,
        received: Received,
        elapsed: float,
    ) -> ZavaError | None:
        """What the caller is to be told; None for an error that is the statement's own."""
        if received.too_much:
            return too_large()
        out_of_time = elapsed >= self._statement_seconds * _OUT_OF_TIME
        known = trouble(error, out_of_time=out_of_time, directory=pool.directory)
        # Using a lost connection is an interface error, as is any misuse of the driver.
        if known is None and is_lost(connection):
            known = connection_lost(out_of_time=out_of_time)
        if isinstance(known, DatabaseUnavailable):
            pool.note(known)
        return known

    async def _assume(
        self, pool: Pool, connection: PoolConnectionProxy, identity: Identity
    ) -> None:
        statement_ms = int(self._statement_seconds * 1000)
        transaction_ms = statement_ms + int(_TRANSACTION_SPARE_SECONDS * 1000)
        arguments = [
            self._key.sign(identity.user_id, self._statement_seconds),
            self._time_zone,
            f"{statement_ms}ms",
            f"zava {current_request()}".rstrip(),
            identity.database_role,
        ]
        timeout = ""
        if connection.get_server_version().major >= _TRANSACTION_TIMEOUT_SINCE:
            timeout = _TRANSACTION_TIMEOUT
            arguments.append(f"{transaction_ms}ms")
        behind = _BEHIND if self._is_of_replicas(pool) else _NOT_ASKED
        asked = time.monotonic()
        who = await connection.fetchrow(
            _ASSUME_IDENTITY.format(timeout=timeout, behind=behind), *arguments
        )
        if who is None:
            raise identity_refused()
        if abs(who["now"] - time.time()) > _MOST_CLOCK_SKEW_SECONDS:
            raise DatabaseUnavailable(
                "The clocks of the server and the database differ by more than "
                f"{_MOST_CLOCK_SKEW_SECONDS:.0f} s.",
                "Set both by a time service.",
            )
        behind_seconds = None
        if self._replicas is not None and who["behind"] is not None:
            behind_seconds = self._replicas.seconds_behind(
                who["server"], who["behind"], asked=asked
            )
        if who["user_id"] != identity.user_id or who["role"] != identity.database_role:
            raise identity_refused()
        if behind_seconds is not None:
            current_reading().note(behind_seconds)


def _overloaded() -> Busy:
    return Busy("The server has more to do than it can.", "Try again in a moment.")


def _silent(pool: Pool) -> DatabaseLost:
    error = DatabaseLost(
        f"The database did not answer within {_ANSWER_SECONDS:.0f} s.", "Try again in a moment."
    )
    pool.note(error)
    return error
