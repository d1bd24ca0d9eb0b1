"""Connections of zava_app: opened, lent for a bounded wait, watched."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import asyncpg

from zava_server.data.measured_connection import MeasuredConnection
from zava_server.data.new_connections import prepare
from zava_server.infrastructure.errors import DatabaseUnavailable, NoConnection, ZavaError
from zava_server.infrastructure.tracing import span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.endpoint import Endpoint

# It warns with a traceback, again and again, while no connection can be made; calls tell as well.
logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that asyncpg raises of its own."""

_HISTORY_SECONDS = 60
_WAITS_KEPT = 1000
_ERRORS_KEPT = 10
_SECONDS_BETWEEN_LAGS = 1.0
SECONDS_BEHIND = "SELECT identity.seconds_behind()"
"""NULL on a primary, Infinity where a standby cannot know."""
# A backend that listens neither to a cancel nor to this is not waited for.
_CLEANING_SECONDS = 5.0
# Of hosts that share the connections, one that has come back gets its share within that time.
LONGEST_SHARED_SECONDS = 60.0
# How often silent hosts are looked at, and a better one while a standby stands in for a primary.
_SECONDS_BETWEEN_SEARCHES = 5.0

# Whatever a call left behind ends here, in one round trip: a transaction in any state, settings,
# locks, cursors, listens. zava_app has no right to temporary tables. A call that touched prepared
# statements costs the connection.
_LEAVE_NOTHING = """
ROLLBACK;
RESET ALL;
SELECT pg_advisory_unlock_all();
CLOSE ALL;
UNLISTEN *;
SELECT identity.check_statements({kept});
"""
# Parsing and planning are half of a short call. Only texts of ours are kept: a caller's is sent
# under no name.
_STATEMENTS_KEPT = 100
_MOST_CHARACTERS_KEPT = 16 * 1024


@dataclass(frozen=True, slots=True)
class PoolSample:
    """The pool's load at one moment."""

    at: datetime
    in_use: int
    waiting: int


@dataclass(frozen=True, slots=True)
class PoolError:
    """Why a call got no connection or lost it."""

    at: datetime
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StandbyLag:
    """How far the standby that answers was behind at a moment; None where it cannot tell."""

    at: datetime
    seconds: float | None


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """The pool now and in the last minute, one sample a second, oldest first. Waits are in ms.

    `endings` counts closed connections by reason: `idle` for long, `lost`, `silent`, `behind`,
    `unclean` or `too_much` after a call, `expired`, `stopped`. `lag` is None where a primary
    answers. `errors` are the last ten, oldest first.
    """

    size: int
    idle: int
    waiting: int
    min_size: int
    max_size: int
    acquire_p50_ms: float
    acquire_p95_ms: float
    opened: int
    closed: int
    endings: Mapping[str, int]
    server_version: str
    lag: StandbyLag | None
    errors: Sequence[PoolError]
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
        check: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    ) -> None:
        """`revive` brings back a database of ours that cannot be reached.

        `check` is done with each new connection, and raises what speaks against it.
        """
        self._endpoint = endpoint
        self._hosts = endpoint.hosts()
        self._on_makeshift = False
        self._revive = revive
        self._check = check
        self._min_size = min_size
        self._max_size = max_size
        self._acquire_seconds = acquire_seconds
        self._pool: asyncpg.Pool | None = None
        self._waiting = 0
        self._opened = 0
        self._endings: Counter[str] = Counter()
        self._returning: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._server_version = ""
        self._lag: StandbyLag | None = None
        self._lag_until = 0.0
        self._errors: deque[PoolError] = deque(maxlen=_ERRORS_KEPT)
        self._waits_ms: deque[float] = deque(maxlen=_WAITS_KEPT)
        self._history: deque[PoolSample] = deque(maxlen=_HISTORY_SECONDS)

    @property
    def directory(self) -> Path | None:
        """Where the data lie, if the database is the embedded one."""
        return self._endpoint.directory

    @property
    def is_on_standby(self) -> bool:
        """Whether the server that answered last is a standby."""
        return self._lag is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pool]:
        """Opens the pool, and closes it at the end.

        Raises DatabaseUnavailable when the database cannot be reached.
        """
        self._pool = await self._endpoint.reaching(self._open)
        watching = [asyncio.create_task(self._sample())]
        if self._hosts.several:
            watching.append(asyncio.create_task(self._look_for_hosts(self._pool)))
        try:
            yield self
        finally:
            for task in watching:
                task.cancel()
            self._stopping = True
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
            with span("zava.pool.wait"):
                connection = await self._endpoint.reaching(lambda: self._acquire(pool))
        except ZavaError as error:
            self.note(error)
            raise
        finally:
            self._waiting -= 1
            self._waits_ms.append((time.perf_counter() - started) * 1000)
        try:
            yield connection
        finally:
            returning = asyncio.create_task(self._give_back(pool, connection))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            # A cancelled caller does not wait for this, but it happens all the same.
            caller = asyncio.current_task()
            if caller is None or not caller.cancelling():
                await asyncio.shield(returning)

    async def give_up(self, connection: PoolConnectionProxy) -> None:
        """Ends a lent connection that does not answer, and with it those that may not either."""
        cast("MeasuredConnection", connection).end_as("silent")
        if self._pool is not None:
            await self._pool.expire_connections()

    def note(self, error: ZavaError) -> None:
        """Keeps what went wrong with a connection among the last errors; its words are ours."""
        self._errors.append(PoolError(datetime.now(UTC), error.code, error.message))

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
            closed=self._endings.total(),
            endings=dict(self._endings),
            server_version=self._server_version,
            lag=self._lag,
            errors=tuple(self._errors),
            history=tuple(self._history),
        )

    async def _open(self) -> asyncpg.Pool:
        connect: Any = self._connect  # the stubs know no reason for a callback to take options
        return await asyncpg.create_pool(
            min_size=self._min_size,
            max_size=self._max_size,
            connect=connect,
            connection_class=MeasuredConnection,
            reset=_already_clean,
            statement_cache_size=_STATEMENTS_KEPT,
            max_cacheable_statement_size=_MOST_CHARACTERS_KEPT,
            max_cached_statement_lifetime=0,
        )

    async def _acquire(self, pool: asyncpg.Pool) -> PoolConnectionProxy:
        try:
            return await self._acquire_in_time(pool)
        except TimeoutError:
            raise
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
            raise NoConnection(
                f"All {self._max_size} database connections stayed in use for "
                f"{self._acquire_seconds:g} s.",
                "Try again, or raise ZAVA_POOL_MAX_SIZE.",
            ) from None

    async def _connect(self, _: str | None, **options: Any) -> asyncpg.Connection:
        """What asyncpg's pool opens connections by; it has no URL of its own."""
        connection = await self._hosts.connect(self._prepare, **options)
        self._opened += 1
        connection.add_termination_listener(partial(self._count_closed, connection))
        version = connection.get_server_version()
        self._server_version = f"{version.major}.{version.micro}"
        return connection

    async def _prepare(self, connection: asyncpg.Connection) -> None:
        await prepare(connection)
        if self._check is not None:
            await self._check(connection)

    def _count_closed(self, connection: asyncpg.Connection, _: object) -> None:
        reason = cast("MeasuredConnection", connection).reason
        self._endings["stopped" if self._stopping else reason] += 1

    async def _look_for_hosts(self, pool: asyncpg.Pool) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_SEARCHES)
            await self._hosts.look_at_silent()
            if self._on_makeshift and await self._hosts.wanted_is_there():
                self._on_makeshift = False
                await pool.expire_connections()

    async def _sample(self) -> None:
        while True:
            in_use = self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0
            self._history.append(PoolSample(datetime.now(UTC), in_use, self._waiting))
            await asyncio.sleep(1)

    async def _give_back(self, pool: asyncpg.Pool, connection: PoolConnectionProxy) -> None:
        if await _cleaned(connection):
            self._on_makeshift = self._hosts.is_makeshift(connection)
            await self._look_at_standby(connection)
            opened = cast("MeasuredConnection", connection).opened
            if self._hosts.shuffled and time.monotonic() > opened + LONGEST_SHARED_SECONDS:
                cast("MeasuredConnection", connection).end_as("expired")
        elif not is_lost(connection):
            cast("MeasuredConnection", connection).end_as("unclean")
        await pool.release(connection)

    async def _look_at_standby(self, connection: PoolConnectionProxy) -> None:
        """On a connection that is there anyway, at most once a second."""
        if getattr(connection.get_settings(), "in_hot_standby", "off") != "on":
            self._lag = None
            return
        if time.monotonic() < self._lag_until:
            return
        self._lag_until = time.monotonic() + _SECONDS_BETWEEN_LAGS
        try:
            seconds = await connection.fetchval(SECONDS_BEHIND, timeout=_CLEANING_SECONDS)
        except (*DRIVER_ERRORS, OSError):
            seconds = None
        known = seconds if seconds is not None and math.isfinite(seconds) else None
        self._lag = StandbyLag(datetime.now(UTC), known)


def is_lost(connection: asyncpg.Connection | PoolConnectionProxy) -> bool:
    """Whether the connection has ended, in which case the proxy refuses every question."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _cleaned(connection: PoolConnectionProxy) -> bool:
    if is_lost(connection):
        return False
    try:
        if not await cast("MeasuredConnection", connection).quiet():
            return False
        kept = cast("MeasuredConnection", connection).statements_kept
        await connection.execute(_LEAVE_NOTHING.format(kept=kept), timeout=_CLEANING_SECONDS)
        return not connection.is_in_transaction()
    except (*DRIVER_ERRORS, OSError):
        return False


async def _already_clean(_: asyncpg.Connection) -> None:
    """Stands in for asyncpg's own reset, which would cost another round trip."""


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
