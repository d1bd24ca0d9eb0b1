"""How much one identity may ask of all servers that share a Redis."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from zava_server.infrastructure.rates import WINDOW_SECONDS, too_many_calls, too_many_statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Hashable

    from zava_server.infrastructure.cache.redis_or_memory import RedisOrMemory
    from zava_server.infrastructure.rates import Rates

# Calls and running statements are members of sorted sets, by when they came and when they end at
# the latest, in the time of Redis. Answers 0, the milliseconds until the next call, or -1 for too
# many statements.
_ADMIT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local calls, window, statements, lease = unpack(ARGV, 2)
if tonumber(calls) > 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - window)
    if redis.call('ZCARD', KEYS[1]) >= tonumber(calls) then
        local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
        return math.max(1, first[2] + window - ms)
    end
    redis.call('ZADD', KEYS[1], ms, ARGV[1])
    redis.call('PEXPIRE', KEYS[1], window)
end
if tonumber(statements) > 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ms)
    if redis.call('ZCARD', KEYS[2]) >= tonumber(statements) then
        return -1
    end
    redis.call('ZADD', KEYS[2], ms + lease, ARGV[1])
    redis.call('PEXPIRE', KEYS[2], lease)
end
return 0
"""
_END = "return redis.call('ZREM', KEYS[1], ARGV[1])"


class SharedRates:
    """Counts in Redis, one round trip a call; in this process while there is none."""

    def __init__(
        self, local: Rates, redis: Callable[[], RedisOrMemory | None], *, lease_seconds: float
    ) -> None:
        """A statement whose server was killed counts until `lease_seconds` after its start."""
        self._local = local
        self._redis = redis
        self._lease_ms = int(lease_seconds * 1000)
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def admitted(self, identity: Hashable, *, statement: bool) -> AsyncIterator[None]:
        """A call, which runs a caller's statement or does not; raises RateLimited."""
        calls = self._local.calls_per_minute
        statements = self._local.concurrent_statements if statement else 0
        redis = self._redis() if calls or statements else None
        keys, member = [f"calls:{identity}", f"statements:{identity}"], secrets.token_hex(8)
        limits = [calls, int(WINDOW_SECONDS * 1000), statements, self._lease_ms]
        if redis is None:
            async with self._local.admitted(identity, statement=statement):
                yield
            return
        # To its end, whatever becomes of the call: what was counted must be given back after that.
        asking = asyncio.create_task(redis.run(_ADMIT, keys, [member, *limits]))
        try:
            answer = await asyncio.shield(asking)
            if answer is None:
                async with self._local.admitted(identity, statement=statement):
                    yield
                return
            if answer > 0:
                raise too_many_calls(calls, answer / 1000)
            if answer < 0:
                raise too_many_statements(statements)
            yield
        finally:
            if statements:
                self._in_background(_give_back(redis, asking, keys[1], member))

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _give_back(
    redis: RedisOrMemory, asking: asyncio.Task[int | None], key: str, member: str
) -> None:
    await asyncio.wait({asking})
    await redis.run(_END, [key], [member])
