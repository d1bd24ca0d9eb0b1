"""Streaming replicas for what may be a little old, while they can be trusted."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import structlog

from zava_server.data.pool import DRIVER_ERRORS
from zava_server.infrastructure.errors import Busy, DatabaseUnavailable, ZavaError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.measured_connection import MeasuredConnection
    from zava_server.data.pool import Pool, PoolFigures

_log = structlog.get_logger(__name__)

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_FOR_STATE = 2.0
_SERVERS_REMEMBERED = 32
_STATE = "SELECT identity.seconds_behind() AS behind, identity.server_started() AS server"


class ReplicaBehind(DatabaseUnavailable):
    """The replica is further behind than it may be."""


class Replicas:
    """A pool over replicas, which is out of use from a failure on until a look finds it well.

    Calls do not wait for replicas that do not answer: only the looks do.
    """

    def __init__(self, pool: Pool, *, most_seconds: float) -> None:
        """`most_seconds` is how far a replica may be behind."""
        self.pool = pool
        self._most_seconds = most_seconds
        self._trouble: str | None = "They have not been looked at yet."
        self._in_doubt = asyncio.Event()
        self._in_doubt.set()
        self._current_as_of: dict[datetime, float] = {}
        self.behind_seconds: float | None = None
        """Of the one that answered last; None where nobody knows."""

    @property
    def trouble(self) -> str | None:
        """Why they are out of use, in one sentence; None while they serve."""
        return self._trouble

    @property
    def serve(self) -> bool:
        """Whether they may be asked."""
        return self._trouble is None

    @property
    def figures(self) -> PoolFigures:
        """Of their connections."""
        return self.pool.figures()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Replicas]:
        """Opens and watches them until the end of the context; they need not be there."""
        async with self.pool.running():
            looking = asyncio.create_task(self._look_when_in_doubt())
            try:
                yield self
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking

    def doubt(self, error: ZavaError) -> None:
        """Takes them out of use."""
        if self._trouble is None:
            _log.warning("replicas out of use", reason=error.message)
        self._trouble = error.message
        self._in_doubt.set()

    async def check(self, connection: asyncpg.Connection | PoolConnectionProxy) -> None:
        """Raises ReplicaBehind where the replica is too far behind."""
        asked = time.monotonic()
        row = await connection.fetchrow(_STATE, timeout=_SECONDS_FOR_STATE)
        if row is not None and row["behind"] is not None:
            self.seconds_behind(row["server"], row["behind"], asked=asked)

    def seconds_behind(self, server: datetime, told: float, *, asked: float) -> float:
        """How far the replica is behind that was started then and has told so much when asked.

        `asked` is of the monotonic clock, before the question: an answer may come late. The replica
        can only tell the age of the last commit it has replayed, as soon as anything has arrived
        since, be it half a record. What was known of it before is still known.

        Raises ReplicaBehind where that is too far.
        """
        current_as_of = max(self._current_as_of.pop(server, -math.inf), asked - told)
        self._current_as_of[server] = current_as_of
        if len(self._current_as_of) > _SERVERS_REMEMBERED:
            del self._current_as_of[next(iter(self._current_as_of))]
        # It may have been asked twice at once.
        behind_seconds = max(0.0, asked - current_as_of)
        self.behind_seconds = behind_seconds if math.isfinite(behind_seconds) else None
        if behind_seconds > self._most_seconds:
            far = "an unknown time" if math.isinf(behind_seconds) else f"{behind_seconds:.0f} s"
            raise ReplicaBehind(
                f"The replica is {far} behind.", "The primary is asked until it catches up."
            )
        return behind_seconds

    async def _look_when_in_doubt(self) -> None:
        while True:
            await self._in_doubt.wait()
            try:
                await self._look()
            except ZavaError as error:
                self._trouble = error.message
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            else:
                _log.info("replicas in use")
                self._trouble = None
                self._in_doubt.clear()

    async def _look(self) -> None:
        try:
            async with self.pool.connection() as connection:
                try:
                    await self.check(connection)
                except ReplicaBehind:
                    leave(connection)
                    raise
        except Busy:
            # They answer, others.
            return
        except (*DRIVER_ERRORS, OSError) as error:
            raise DatabaseUnavailable("The replica does not answer.") from error


def leave(connection: PoolConnectionProxy) -> None:
    """Ends a connection to a replica that is too far behind: the next may lead to another."""
    cast("MeasuredConnection", connection).end_as("behind")
