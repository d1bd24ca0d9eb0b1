"""A connection that says what each statement of a transaction cost."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import asyncpg
from asyncpg import connect_utils

from zava_server.data.bounded_connection import BoundedConnection
from zava_server.infrastructure.tracing import span

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from asyncpg.pool import PoolConnectionProxy

_CLOSING_SECONDS = 2.0
_CANCEL_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class StatementRun:
    """One statement: how long it took, how many rows and bytes came back, whether it failed."""

    sql: str
    milliseconds: float
    rows: int
    received: int
    failed: bool


class Measurements:
    """The statements between `begin` and `end`; those outside are not counted."""

    def __init__(self) -> None:
        self._runs: list[StatementRun] | None = None

    @property
    def under_way(self) -> bool:
        """Whether statements are counted."""
        return self._runs is not None

    def begin(self) -> None:
        """Starts to count."""
        self._runs = []

    def add(self, run: StatementRun) -> None:
        """Counts one statement."""
        if self._runs is not None:
            self._runs.append(run)

    def end(self) -> Sequence[StatementRun]:
        """Stops counting; what was counted since `begin`."""
        runs, self._runs = self._runs, None
        return runs or ()


# Since these releases PostgreSQL never runs a kept plan under another role than it was made for
# (CVE-2024-10976); all later ones do well.
_PLANS_BY_ROLE_SINCE = {14: 14, 15: 9, 16: 5, 17: 1}


class MeasuredConnection(BoundedConnection):
    """What the pool opens; `measurements` are of what runs by `fetch` and its like.

    `ending` says why we ended it; None while it lives, and where the other side did.
    """

    def __init__(self, protocol: Any, transport: Any, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        self.socket: socket.socket = transport.get_extra_info("socket")
        self.measurements = Measurements()
        self.ending: str | None = None
        self.opened = time.monotonic()
        self._cancelling: set[asyncio.Task[None]] = set()
        self._stmt_cache: Any
        # asyncpg's own switch, turned on by `keep_statements`.
        self._stmt_cache_enabled = False

    async def keep_statements(self) -> None:
        """Keeps what is prepared from now on, where that is safe and works.

        Behind a pooler such as PgBouncer each transaction may meet another session; it shows by a
        session that is not the one that was announced.
        """
        version = self.get_server_version()
        oldest = min(_PLANS_BY_ROLE_SINCE)
        knows_roles = version.major >= oldest and version.micro >= _PLANS_BY_ROLE_SINCE.get(
            version.major, 0
        )
        if knows_roles:
            session = await self.fetchval("SELECT pg_backend_pid()")
            self._stmt_cache_enabled = session == self.get_server_pid()

    @property
    def statements_kept(self) -> int:
        """How many statements the session should have at least."""
        return len(self._stmt_cache)

    @property
    def reason(self) -> str:
        """Why it ended: `lost` where the other side ended it."""
        return self.ending or ("too_much" if self.received.too_much else "lost")

    def end_as(self, reason: str) -> None:
        """Ends it at once, and says why."""
        self.ending = reason
        self.terminate()

    def terminate(self) -> None:
        """Ends it at once. asyncpg does that itself to connections that were idle for long."""
        is_lent = self._proxy is not None  # type: ignore[attr-defined]  # as for _execute
        if self.ending is None and not is_lent and not self.is_closed():
            self.ending = "idle"
        super().terminate()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Ends it in order. asyncpg does that to connections that are of no use any more.

        It would wait for ever for a server that is silent.
        """
        if self.ending is None and not self.is_closed():
            self.ending = "expired"
        with suppress(TimeoutError):
            await super().close(timeout=timeout or _CLOSING_SECONDS)

    async def quiet(self) -> bool:
        """Whether no cancel is on its way any more, which could end what is asked next."""
        if self._cancelling:
            await asyncio.wait(self._cancelling, timeout=_CLOSING_SECONDS)
        return not self._cancelling

    async def _cancel(self, waiter: Any, cancel_waiter: Any = None) -> None:
        """What asyncpg runs when a statement is given up, until the database has acknowledged.

        A cancel that comes before its statement has begun is lost, so it is sent again.
        """
        acknowledged = asyncio.Event()
        repeating = asyncio.create_task(self._repeat_cancel(acknowledged))
        self._cancelling.add(repeating)
        repeating.add_done_callback(self._cancelling.discard)
        try:
            await super()._cancel(waiter, cancel_waiter)  # type: ignore[misc]  # as below
        finally:
            acknowledged.set()

    async def _repeat_cancel(self, acknowledged: asyncio.Event) -> None:
        inner = cast("Any", self)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CANCEL_AGAIN_SECONDS):
                    await acknowledged.wait()
                return
            # Not being reached is for the first attempt to tell.
            with suppress(OSError):
                await cast("Any", connect_utils)._cancel(
                    loop=inner._loop,
                    addr=inner._addr,
                    params=inner._params,
                    backend_pid=inner._protocol.backend_pid,
                    backend_secret=inner._protocol.backend_secret,
                )

    async def _introspect_types(self, *arguments: Any) -> Any:
        """asyncpg looks a type up that is newer than the connection, which callers' roles may not.

        The next connection will know it.
        """
        try:
            return await super()._introspect_types(*arguments)  # type: ignore[misc]  # as below
        except asyncpg.InsufficientPrivilegeError as error:
            self.end_as("expired")
            raise asyncpg.ConnectionDoesNotExistError("a type is new") from error

    async def _execute(self, query: str, *arguments: Any, **options: Any) -> Any:
        """What `fetch`, `fetchrow` and `fetchval` call, and nothing else."""
        execute = super()._execute  # type: ignore[misc]  # the stubs know public methods only
        if not self.measurements.under_way:
            return await execute(query, *arguments, **options)
        rows, failed = 0, True
        before, started = self.received.count, time.perf_counter()
        try:
            with span("zava.query"):
                answer = await execute(query, *arguments, **options)
            rows, failed = len(answer), False
            return answer
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            received = self.received.count - before
            self.measurements.add(StatementRun(query, elapsed_ms, rows, received, failed))


def measured(connection: PoolConnectionProxy) -> Measurements:
    """The measurements of a connection of the pool."""
    return cast("MeasuredConnection", connection).measurements
