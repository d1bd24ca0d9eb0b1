"""Connections of zava_app: opened, lent for a bounded wait, watched."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
from pgvector.asyncpg import register_vector

from zava_server.data.bounded_connection import BoundedConnection
from zava_server.infrastructure.errors import Busy, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.endpoint import Endpoint

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that asyncpg raises of its own."""

_HISTORY_SECONDS = 60
_WAITS_KEPT = 1000
# A backend that listens neither to a cancel nor to this is not waited for.
_CLEANING_SECONDS = 5.0

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


# Whatever a call left behind ends here, in one round trip: a transaction in any state, settings,
# locks, cursors, listens, prepared statements. zava_app has no right to temporary tables.
_LEAVE_NOTHING = """
ROLLBACK;
RESET ALL;
SELECT pg_advisory_unlock_all();
CLOSE ALL;
UNLISTEN *;
DEALLOCATE ALL;
"""


@dataclass(frozen=True, slots=True)
class PoolSample:
    """The pool's load at one moment."""

    at: datetime
    in_use: int
    waiting: int


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """The pool now and in the last minute, one sample a second, oldest first. Waits are in ms."""

    size: int
    idle: int
    waiting: int
    min_size: int
    max_size: int
    acquire_p50_ms: float
    acquire_p95_ms: float
    opened: int
    closed: int
    server_version: str
    history: Sequence[PoolSample]

    @property
    def in_use(self) -> int:
        """Connections lent right now."""
        return self.size - self.idle


class Pool:
    """An asyncpg pool whose waits are bounded and whose load is known without asking PostgreSQL."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        min_size: int,
        max_size: int,
        acquire_seconds: float,
        revive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`revive` brings back a database of ours that cannot be reached."""
        self._endpoint = endpoint
        self._revive = revive
        self._min_size = min_size
        self._max_size = max_size
        self._acquire_seconds = acquire_seconds
        self._pool: asyncpg.Pool | None = None
        self._waiting = 0
        self._opened = 0
        self._closed = 0
        self._server_version = ""
        self._waits_ms: deque[float] = deque(maxlen=_WAITS_KEPT)
        self._history: deque[PoolSample] = deque(maxlen=_HISTORY_SECONDS)

    @property
    def directory(self) -> Path | None:
        """Where the data lie, if the database is the embedded one."""
        return self._endpoint.directory

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pool]:
        """Opens the pool, and closes it at the end.

        Raises DatabaseUnavailable when the database cannot be reached.
        """
        self._pool = await self._endpoint.reaching(self._open)
        sampler = asyncio.create_task(self._sample())
        try:
            yield self
        finally:
            sampler.cancel()
            try:
                await asyncio.wait_for(self._pool.close(), timeout=2)
            except TimeoutError:
                self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PoolConnectionProxy]:
        """Lends a connection and cleans it, or drops it, when it comes back.

        Raises Busy when none becomes free in time, DatabaseUnavailable when none can be made.
        """
        if self._pool is None:
            raise DatabaseUnavailable("The server is not connected yet.", "Try again in a moment.")
        pool = self._pool
        started = time.perf_counter()
        self._waiting += 1
        try:
            connection = await self._endpoint.reaching(lambda: self._acquire(pool))
        finally:
            self._waiting -= 1
            self._waits_ms.append((time.perf_counter() - started) * 1000)
        try:
            yield connection
        finally:
            # A cancelled caller does not wait for this, but it happens all the same.
            await asyncio.shield(_give_back(pool, connection))

    def figures(self) -> PoolFigures:
        """The pool's state; takes no connection."""
        waits = sorted(self._waits_ms)
        return PoolFigures(
            size=self._pool.get_size() if self._pool else 0,
            idle=self._pool.get_idle_size() if self._pool else 0,
            waiting=self._waiting,
            min_size=self._min_size,
            max_size=self._max_size,
            acquire_p50_ms=_at(waits, 0.50),
            acquire_p95_ms=_at(waits, 0.95),
            opened=self._opened,
            closed=self._closed,
            server_version=self._server_version,
            history=tuple(self._history),
        )

    async def _open(self) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            min_size=self._min_size,
            max_size=self._max_size,
            init=self._prepare_connection,
            connection_class=BoundedConnection,
            reset=_already_clean,
            # Statements stay unnamed: named ones would not survive DEALLOCATE ALL.
            statement_cache_size=0,
            **self._endpoint.arguments,
        )

    async def _acquire(self, pool: asyncpg.Pool) -> PoolConnectionProxy:
        try:
            return await self._acquire_in_time(pool)
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
            if self._revive is None:
                raise
            await self._revive()
            return await self._acquire_in_time(pool)

    async def _acquire_in_time(self, pool: asyncpg.Pool) -> PoolConnectionProxy:
        try:
            return await pool.acquire(timeout=self._acquire_seconds)
        except TimeoutError:
            if pool.get_size() < self._max_size:
                raise
            raise Busy(
                f"All {self._max_size} database connections stayed in use for "
                f"{self._acquire_seconds:g} s.",
                "Try again, or raise ZAVA_POOL_MAX_SIZE.",
            ) from None

    async def _prepare_connection(self, connection: asyncpg.Connection) -> None:
        self._opened += 1
        connection.add_termination_listener(self._count_closed)
        version = connection.get_server_version()
        self._server_version = f"{version.major}.{version.micro}"
        await register_vector(connection)
        # Types are looked up now, as zava_app: asyncpg calls set_config while it does,
        # which the callers' roles may not.
        types = await connection.fetchval(_RESULT_TYPES)
        await connection.fetch(f"SELECT {types}")

    def _count_closed(self, _: object) -> None:
        self._closed += 1

    async def _sample(self) -> None:
        while True:
            now = self.figures()
            self._history.append(PoolSample(datetime.now(UTC), now.in_use, now.waiting))
            await asyncio.sleep(1)


def is_lost(connection: asyncpg.Connection | PoolConnectionProxy) -> bool:
    """Whether the connection has ended, in which case the proxy refuses every question."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _give_back(pool: asyncpg.Pool, connection: PoolConnectionProxy) -> None:
    try:
        await connection.execute(_LEAVE_NOTHING, timeout=_CLEANING_SECONDS)
        clean = not connection.is_in_transaction()
    except (*DRIVER_ERRORS, OSError):
        clean = False
    if not clean and not is_lost(connection):
        connection.terminate()
    await pool.release(connection)


async def _already_clean(_: asyncpg.Connection) -> None:
    """Stands in for asyncpg's own reset, which would cost another round trip."""


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
