"""The database goes away under an HTTP server: callers are told of it, and not of their tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.integration.http_servers import HttpServer, client_of, content, get, http_server, issued
from tests.integration.postgres_servers import PostgresServer, copy_of
from tests.integration.states import until_it_is
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database


@dataclass(frozen=True)
class Tokens:
    """One that the server has seen before the database goes, and one that it has not."""

    seen: str
    unseen: str


@pytest.fixture(scope="module")
async def tokens(database: Database, settings: Settings) -> Tokens:
    return Tokens(await issued(settings, "seattle"), await issued(settings, "tacoma"))


@pytest.fixture(scope="module")
async def postgres(database: Database, tokens: Tokens) -> AsyncIterator[PostgresServer]:
    """A server of one's own with the retailer in it: a backup of the embedded one."""
    async with copy_of(database) as server:
        yield server


@pytest.fixture
def server(postgres: PostgresServer, settings: Settings) -> Iterator[HttpServer]:
    url = f"postgresql://zava_app@{postgres.place}/zava"
    with http_server(settings, environment={"ZAVA_DATABASE_URL": url}) as server:
        yield server


async def status(server: HttpServer, token: str) -> int:
    return (await get(f"{server.base}/metrics", token)).status_code


async def readiness(server: HttpServer) -> str:
    return (await get(f"{server.base}/health/ready")).text


async def test_a_database_that_goes_and_returns_is_told_and_found_again(
    server: HttpServer, postgres: PostgresServer, tokens: Tokens
) -> None:
    async with client_of(server.mcp, tokens.seen) as client:
        assert (await content(client, "whoami"))["user"] == "seattle"
        await asyncio.to_thread(postgres.stop)
        await until_it_is(lambda: readiness(server), "unready", seconds=10)
        assert (await get(f"{server.base}/health/live")).text == "live"
        failed = await content(
            client, "execute_sales_query", postgresql_query="SELECT count(*) FROM orders"
        )
        assert failed["error"]["code"] == "DATABASE_UNAVAILABLE"
        # Nobody knows whether it is good, which is not to say that it is not.
        answer = await get(f"{server.base}/metrics", tokens.unseen)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "DATABASE_UNAVAILABLE"
        assert answer.headers["Retry-After"]
        # A token that is none is that, database or not.
        assert await status(server, "x") == 401
        await asyncio.to_thread(postgres.start)
        await until_it_is(lambda: readiness(server), "ready", seconds=20)
        await until_it_is(lambda: status(server, tokens.unseen), 403, seconds=5)
        answered = await content(
            client, "execute_sales_query", postgresql_query="SELECT count(*) FROM orders"
        )
        assert answered["row_count"] == 1


async def test_a_database_that_hangs_does_not_hang_the_door(
    server: HttpServer, postgres: PostgresServer, tokens: Tokens
) -> None:
    assert await status(server, tokens.seen) == 403
    postgres.pause()
    try:
        async with asyncio.timeout(20):
            assert await status(server, tokens.unseen) == 503
    finally:
        postgres.resume()
    await until_it_is(lambda: status(server, tokens.unseen), 403, seconds=20)
