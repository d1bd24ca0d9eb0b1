"""Redis while it answers, memory while it does not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from zava_server.infrastructure.cache.changes import TOPICS
from zava_server.infrastructure.cache.store import StoreLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from zava_server.infrastructure.cache.memory import MemoryStore
    from zava_server.infrastructure.cache.redis_store import RedisStore
    from zava_server.infrastructure.cache.store import Found

_log = structlog.get_logger(__name__)

_PING_SECONDS = 1.0
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 2.0


class RedisOrMemory:
    """Entries in Redis; in memory until it can be reached and whenever it cannot."""

    def __init__(self, url: str, database: str, memory: MemoryStore) -> None:
        """`database` is the id of the database, since several may share a Redis."""
        self._url = url
        self._database = database
        self._memory = memory
        self._redis: RedisStore | None = None
        self._trouble: str | None = "Redis has not been reached yet."
        self._renewals = 0
        self._lost = asyncio.Event()

    @property
    def name(self) -> str:
        """`redis`, or `memory` while that stands in."""
        return "memory" if self._trouble else "redis"

    @property
    def entries(self) -> int:
        """How many are kept in memory."""
        return self._memory.entries

    @property
    def size(self) -> int:
        """How many bytes these take, about."""
        return self._memory.size

    @property
    def trouble(self) -> str | None:
        """Why memory stands in for Redis; None while it does not."""
        return self._trouble

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RedisOrMemory]:
        """Looks for Redis, and for its return whenever it is lost, until the end."""
        keeper = asyncio.create_task(self._keep_connected())
        try:
            yield self
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def find(self, key: str, topics: Sequence[str]) -> Found:
        """The entry, if there is one of these topics' generations."""
        if (redis := self._redis) is not None:
            async with self._watched(redis):
                return await redis.find(key, topics)
            # Lost just now.
        return await self._memory.find(key, topics)

    async def keep(self, key: str, found: Found, entry: bytes, seconds: float) -> None:
        """Keeps an entry where it was looked for, unless that is lost meanwhile."""
        if found.store is self._memory:
            await self._memory.keep(key, found, entry, seconds)
        elif (redis := self._redis) is found.store and redis is not None:
            async with self._watched(redis):
                await redis.keep(key, found, entry, seconds)

    async def renew(self, topics: Iterable[str]) -> None:
        """Begins new generations in both."""
        changed = list(topics)
        self._renewals += 1
        await self._memory.renew(changed)
        if (redis := self._redis) is not None:
            async with self._watched(redis):
                await redis.renew(changed)

    async def run(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> int | None:
        """What a script answers in Redis; None while there is none."""
        if (redis := self._redis) is not None:
            async with self._watched(redis):
                return await redis.run(script, keys, arguments)
        return None

    async def _keep_connected(self) -> None:
        # Half a second of imports, for those who use it.
        store = await asyncio.to_thread(_redis_store)
        pause = _FIRST_RETRY_SECONDS
        while True:
            try:
                async with store.opened(self._url, self._database) as redis:
                    await self._begin(redis)
                    pause = _FIRST_RETRY_SECONDS
                    while not await self._is_lost_within(_PING_SECONDS):
                        await redis.ping()
            except StoreLost as lost:
                self._drop(lost)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_RETRY_SECONDS)

    async def _begin(self, redis: RedisStore) -> None:
        """Uses it from now on; what changed while it was lost was not told to it."""
        # Of whoever has not logged in, Redis refuses longer commands without saying why.
        await redis.ping()
        await redis.run("return 0", [], [])
        seen = None
        while seen != self._renewals:
            seen = self._renewals
            await redis.renew(TOPICS)
        self._lost.clear()
        self._redis, self._trouble = redis, None
        _log.info("answers and rates are kept in Redis")

    async def _is_lost_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._lost.wait()
        return self._lost.is_set()

    @asynccontextmanager
    async def _watched(self, redis: RedisStore) -> AsyncIterator[None]:
        try:
            yield
        except StoreLost as lost:
            # It may have been lost and found again since.
            if self._redis is redis:
                self._drop(lost)

    def _drop(self, lost: StoreLost) -> None:
        if str(lost) != self._trouble:
            _log.warning("answers are kept in memory for the time being", reason=str(lost))
        self._redis, self._trouble = None, str(lost)
        self._lost.set()


def _redis_store() -> type[RedisStore]:
    from zava_server.infrastructure.cache.redis_store import RedisStore

    return RedisStore
