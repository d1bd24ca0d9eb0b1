"""Hears from the database what has changed, on a connection of its own."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg

from zava_server.data.pool import DRIVER_ERRORS
from zava_server.infrastructure.cache.changes import PEOPLE, SCHEMA, TOPICS
from zava_server.infrastructure.errors import ZavaError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.endpoint import Endpoint
    from zava_server.infrastructure.cache.changes import Changes

    AnyConnection = asyncpg.Connection | PoolConnectionProxy

_CHANNEL = "zava_changed"

# A round trip that often proves that the connection still tells. The first change is passed on at
# once, further ones with the next beat: among hundreds of orders a minute nothing would last else.
_BEAT_SECONDS = 0.5
_ANSWER_SECONDS = 1.0
# From the moment a beat was sent. With it, a change is seen within two seconds of any failure.
_HEARD_SECONDS = 1.5
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 2.0

_HELLO = """
SELECT pg_backend_pid() AS pid,
    EXISTS (
        SELECT FROM pg_event_trigger
        WHERE evtname = 'zava_signals_schema' AND evtenabled IN ('O', 'A')
    ) AS tells_of_schema
"""

# When the schema was first made tells two databases apart, and its number one from its copy in the
# same server, both of one from its copy in another server.
_DATABASE = """
SELECT (SELECT min(applied_at) FROM zava.migrations)::text || ' ' || oid::text
FROM pg_database WHERE datname = current_database()
"""
_SERVER = "SELECT system_identifier::text FROM pg_control_system()"


class _NotTold(Exception):
    """This connection would not tell of changes; the text is one sentence."""


class _Heard:
    """What has come in on a connection and not been passed on yet."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.is_lost = False
        self._any = asyncio.Event()
        self._urgent = asyncio.Event()

    def take(self, _connection: object, _pid: int, _channel: str, topic: object) -> None:
        """What asyncpg calls."""
        self.topics.add(str(topic))
        self._any.set()
        # Somebody's rights may have been taken.
        if topic == PEOPLE:
            self._urgent.set()

    def end(self, _connection: object) -> None:
        """Likewise."""
        self.is_lost = True
        self._any.set()
        self._urgent.set()

    def given(self) -> set[str]:
        """The topics, which are forgotten here."""
        topics, self.topics = self.topics, set()
        if not self.is_lost:
            self._any.clear()
            self._urgent.clear()
        return topics

    async def something(self, until: float) -> None:
        """Waits for any news, until this time of the loop at most."""
        await _wait(self._any, until)

    async def something_urgent(self, until: float) -> None:
        """Waits for what must not wait."""
        await _wait(self._urgent, until)


class ChangeListener:
    """Listens as long as it can, and says so when it cannot: behind a pooler that lends each
    transaction another connection, on a standby, without a connection.
    """

    def __init__(self, endpoint: Endpoint, changes: Changes) -> None:
        self._endpoint = endpoint
        self._changes = changes
        self._pause = _FIRST_RETRY_SECONDS

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ChangeListener]:
        """Listens until the end of the context."""
        listening = asyncio.create_task(self._listen_always())
        try:
            yield self
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _listen_always(self) -> None:
        while True:
            try:
                connection = await self._endpoint.connect()
                try:
                    await self._listen(connection)
                finally:
                    connection.terminate()
            except (_NotTold, ZavaError) as error:
                self._changes.silent(str(error))
            except (*DRIVER_ERRORS, OSError):
                self._changes.silent("The connection for signals was lost.")
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_RETRY_SECONDS)

    async def _listen(self, connection: asyncpg.Connection) -> None:
        loop, heard = asyncio.get_running_loop(), _Heard()
        async with asyncio.timeout(_ANSWER_SECONDS):
            told = await _topics_told(connection)
            connection.add_termination_listener(heard.end)
            await connection.add_listener(_CHANNEL, heard.take)
        # Nobody knows what changed before.
        await self._changes.renew(TOPICS)
        while True:
            sent, end = time.monotonic(), loop.time() + _BEAT_SECONDS
            async with asyncio.timeout(_ANSWER_SECONDS):
                # Saying so again changes nothing, and counts among no queries.
                await connection.execute(f"LISTEN {_CHANNEL}")
            # Before it is trusted: it came before the answer.
            await self._changes.renew(heard.given())
            self._changes.heard(sent + _HEARD_SECONDS, told)
            self._pause = _FIRST_RETRY_SECONDS
            await heard.something(end)
            await self._changes.renew(heard.given())
            await heard.something_urgent(end)
            if heard.is_lost:
                raise _NotTold("The connection for signals was lost.")


async def database_id(connection: AnyConnection) -> str:
    """What tells this database from all others that may share a Redis. For zava_app."""
    parts = [await connection.fetchval(_DATABASE)]
    # Some providers keep it from everybody.
    with suppress(asyncpg.InsufficientPrivilegeError):
        parts.append(await connection.fetchval(_SERVER))
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


async def _topics_told(connection: asyncpg.Connection) -> frozenset[str]:
    if getattr(connection.get_settings(), "in_hot_standby", "off") == "on":
        raise _NotTold("A standby does not tell of changes.")
    row = await connection.fetchrow(_HELLO)
    if row is None or row["pid"] != connection.get_server_pid():
        raise _NotTold("A pooler lies between, which does not pass on signals of change.")
    return TOPICS if row["tells_of_schema"] else TOPICS - {SCHEMA}


async def _wait(event: asyncio.Event, until: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await event.wait()
