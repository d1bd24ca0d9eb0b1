"""Servers that share a Redis hold an identity to one share; without it each counts by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.integration.redis_server import RedisServer, redis_server
from tests.integration.states import until
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.cache.redis_or_memory import RedisOrMemory
from zava_server.infrastructure.errors import RateLimited
from zava_server.infrastructure.rates import Rates
from zava_server.infrastructure.shared_rates import SharedRates


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@asynccontextmanager
async def server(
    redis: RedisServer,
    *,
    calls: int = 0,
    statements: int = 0,
    database: str = "zava",
    lease_seconds: float = 30,
) -> AsyncIterator[SharedRates]:
    """What one server counts with, once it has reached Redis."""
    place = RedisOrMemory(redis.url, database, MemoryStore())
    async with place.running():
        await until(lambda: place.trouble is None)
        local = Rates(calls_per_minute=calls, concurrent_statements=statements)
        yield SharedRates(local, lambda: place, lease_seconds=lease_seconds)


async def call(rates: SharedRates, who: str = "seattle") -> None:
    async with rates.admitted(who, statement=False):
        pass


async def test_calls_at_any_server_count_for_all(redis: RedisServer) -> None:
    async with server(redis, calls=3) as one, server(redis, calls=3) as other:
        await call(one)
        await call(other)
        await call(one)
        for rates in (one, other):
            with pytest.raises(RateLimited) as error:
                await call(rates)
            assert "More than 3 calls" in error.value.message
            assert error.value.hint in {"Try again in 59 s.", "Try again in 60 s."} or (
                "Try again in 5" in str(error.value.hint)
            )
        await call(one, "tacoma")


async def test_statements_running_at_any_server_count_for_all_until_they_end(
    redis: RedisServer,
) -> None:
    async with server(redis, statements=2) as one, server(redis, statements=2) as other:
        async with AsyncExitStack() as running:
            for rates in (one, other):
                await running.enter_async_context(rates.admitted("seattle", statement=True))
            with pytest.raises(RateLimited, match="2 statements are running already"):
                await running.enter_async_context(one.admitted("seattle", statement=True))
            # What runs no statement of a caller's goes on.
            await call(other)
        await becomes_free(other)


async def becomes_free(rates: SharedRates) -> None:
    """Returns when a statement is admitted."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with rates.admitted("seattle", statement=True):
                    return
            except RateLimited:
                await asyncio.sleep(0.01)


async def test_a_call_that_is_cancelled_gives_its_place_back(redis: RedisServer) -> None:
    async with server(redis, statements=1) as rates:

        async def endless() -> None:
            async with rates.admitted("seattle", statement=True):
                await asyncio.Event().wait()

        for patience in (0, 0.0005, 0.001, 0.01):
            task = asyncio.create_task(endless())
            await asyncio.sleep(patience)
            task.cancel()
            await asyncio.wait({task})
        await becomes_free(rates)


async def test_the_statements_of_a_server_that_was_killed_end_by_themselves(
    redis: RedisServer,
) -> None:
    async with server(redis, statements=1, lease_seconds=0.5) as rates, AsyncExitStack() as killed:
        await killed.enter_async_context(rates.admitted("seattle", statement=True))
        await becomes_free(rates)


async def test_two_databases_in_one_redis_share_nothing(redis: RedisServer) -> None:
    async with server(redis, calls=1) as one, server(redis, calls=1, database="copy") as other:
        await call(one)
        await call(other)


async def test_without_redis_each_server_counts_by_itself_and_together_again_later(
    redis: RedisServer,
) -> None:
    async with server(redis, calls=2) as one, server(redis, calls=2) as other:
        redis.kill()
        for rates in (one, other):
            await call(rates)
            await call(rates)
            with pytest.raises(RateLimited):
                await call(rates)
        redis.start()

        async def together() -> bool:
            try:
                await call(one)
            except RateLimited:
                return False
            return True

        async with asyncio.timeout(20):
            while not await together():  # noqa: ASYNC110 - Redis tells nobody that it is back
                await asyncio.sleep(0.02)
        await call(one)
        with pytest.raises(RateLimited):
            await call(other)


async def test_a_redis_that_hangs_holds_up_one_call_for_half_a_second_at_most(
    redis: RedisServer,
) -> None:
    async with server(redis, calls=100) as rates:
        redis.pause()
        async with asyncio.timeout(15):
            for _ in range(50):
                await call(rates)
