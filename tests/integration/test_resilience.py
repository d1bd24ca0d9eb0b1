"""The database is restarted, killed, hung, cut off and replaced; calls go on by themselves."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from fastmcp import Client
from pydantic import SecretStr

from tests.integration.in_memory import in_memory
from tests.integration.postgres_servers import HOST, PostgresServer, copy_of
from tests.integration.tcp_proxy import TcpProxy
from zava_server.data import hosts, pool, transactions
from zava_server.infrastructure import retries
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

WORKERS = 6
COUNT = "SELECT count(*) AS n FROM orders"
LONG = (
    "SELECT count(*) AS to_be_ended FROM orders AS o, products AS p, stores "
    "WHERE o.total_amount < p.base_price"
)
SECONDS_BEYOND = 2.0

Tool = Client[Any]


@pytest.fixture(scope="module")
async def primary(database: Database) -> AsyncIterator[PostgresServer]:
    """A server of one's own with the retailer in it: a backup of the embedded one."""
    async with copy_of(database) as server:
        yield server


@pytest.fixture
def standby(primary: PostgresServer, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    server = primary.standby(request.node.name[:30]).start()
    yield server
    server.stop(signal.SIGQUIT)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, but shorter."""
    monkeypatch.setattr(transactions, "_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(retries, "_MOST_SECONDS_SINCE_LOSS", 1.0)
    monkeypatch.setattr(hosts, "SECONDS_A_HOST", 1.0)
    monkeypatch.setattr(pool, "_SECONDS_BETWEEN_SEARCHES", 0.2)


@asynccontextmanager
async def serving(settings: Settings, *places: str, options: str = "") -> AsyncIterator[Tool]:
    """A client of a server over the database at these hosts and ports."""
    url = f"postgresql://zava_app@{','.join(places)}/zava{options}"
    settings = settings.model_copy(
        update={"database_url": SecretStr(url), "user": "seattle", "pool_acquire_seconds": 2.5}
    )
    async with in_memory(settings) as client:
        yield client


async def outcome(client: Tool, sql: str = COUNT) -> str:
    """`ok`, or the code of the error."""
    result = await client.call_tool(
        "execute_sales_query", {"postgresql_query": sql}, raise_on_error=False
    )
    content = result.structured_content
    assert content is not None
    return content["error"]["code"] if result.is_error else "ok"


async def becomes_ok(client: Tool, seconds: float = 20) -> float:
    """The seconds until a call succeeds."""
    started = time.monotonic()
    while await outcome(client) != "ok":
        assert time.monotonic() < started + seconds
    return time.monotonic() - started


class Load:
    """Calls one after the other, by several workers, with when each ended and how."""

    def __init__(self, client: Tool) -> None:
        self._client = client
        self._working = True
        self.outcomes: list[tuple[float, str]] = []

    async def work(self) -> None:
        while self._working:
            code = await outcome(self._client)
            self.outcomes.append((time.monotonic(), code))
            # As a client that is told of a failure, and so no busy loop.
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        workers = [asyncio.create_task(self.work()) for _ in range(WORKERS)]
        try:
            yield self
        finally:
            self._working = False
            await asyncio.gather(*workers)

    async def more(self, calls: int) -> None:
        """Waits for so many further successes."""
        wanted = len(self._successes()) + calls
        async with asyncio.timeout(30):
            while len(self._successes()) < wanted:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.01)

    def _successes(self) -> list[float]:
        return [at for at, code in self.outcomes if code == "ok"]

    def failures_after(self, moment: float) -> list[tuple[float, str]]:
        return [(at - moment, code) for at, code in self.outcomes if code != "ok" and at > moment]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_restart_under_load_is_over_two_seconds_later(
    how: signal.Signals, primary: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place) as client, Load(client).running() as load:
        await load.more(20)
        await asyncio.to_thread(primary.stop, how)
        await asyncio.to_thread(primary.start)
        again = time.monotonic()
        await load.more(20)
        while time.monotonic() < again + SECONDS_BEYOND:
            await load.more(5)
        await load.more(20)
    failures = load.failures_after(0)
    assert {code for _, code in failures} <= {"DATABASE_UNAVAILABLE"}
    assert load.failures_after(again + SECONDS_BEYOND) == []
    print(f"{len(load.outcomes)} calls, {len(failures)} failed")


async def test_while_there_is_no_database_calls_say_so_and_then_go_on(
    primary: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place) as client:
        primary.stop()
        assert await outcome(client) == "DATABASE_UNAVAILABLE"
        primary.start()
        assert await outcome(client) == "ok"


async def test_a_call_whose_backend_is_terminated_is_made_again(
    primary: PostgresServer, settings: Settings
) -> None:
    owner = await asyncpg.connect(host=HOST, port=primary.port, user="zava_owner", database="zava")
    async with serving(settings, primary.place) as client:
        call = asyncio.create_task(outcome(client, LONG))
        ended = 0
        async with asyncio.timeout(10):
            while not ended:
                ended = await owner.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE state = 'active' AND query LIKE '%row_to_json%to_be_ended%' "
                    "AND pid <> pg_backend_pid()"
                )
        assert await call == "ok"
    await owner.close()


async def test_an_answer_that_is_cut_off_is_fetched_again_and_whole(
    primary: PostgresServer, settings: Settings
) -> None:
    async with (
        TcpProxy(HOST, primary.port).running() as proxy,
        serving(settings, f"{HOST}:{proxy.port}") as client,
    ):
        proxy.cut_once_after(100_000)
        result = await client.call_tool(
            "execute_sales_query",
            {"postgresql_query": "SELECT n, repeat('x', 200) FROM generate_series(1, 1000) AS n"},
        )
        assert result.structured_content is not None
        assert [row[0] for row in result.structured_content["rows"]] == list(range(1, 1001))


async def test_a_hung_database_is_told_in_time_and_used_again_when_it_answers(
    primary: PostgresServer, settings: Settings, impatient: None
) -> None:
    async with (
        TcpProxy(HOST, primary.port).running() as proxy,
        serving(settings, f"{HOST}:{proxy.port}") as client,
    ):
        proxy.stall()
        started = time.monotonic()
        codes = await asyncio.gather(*(outcome(client) for _ in range(3 * WORKERS)))
        assert set(codes) == {"DATABASE_UNAVAILABLE"}
        # The first try, a second one, and what cleaning up after each may take.
        assert time.monotonic() - started < 10
        proxy.flow()
        await becomes_ok(client)
        assert set(await asyncio.gather(*(outcome(client) for _ in range(WORKERS)))) == {"ok"}


async def test_a_standby_stands_in_for_a_hung_primary_until_that_answers(
    primary: PostgresServer, standby: PostgresServer, settings: Settings, impatient: None
) -> None:
    places = (primary.place, standby.place)
    async with serving(settings, *places) as client:
        assert not await is_on_standby(client)
        primary.pause()
        started = time.monotonic()
        assert await outcome(client) == "ok"
        assert time.monotonic() - started < 6
        assert await is_on_standby(client)
        primary.resume()
        async with asyncio.timeout(20):
            while await is_on_standby(client):
                assert await outcome(client) == "ok"


async def test_a_promoted_standby_takes_over(
    primary: PostgresServer, settings: Settings, impatient: None
) -> None:
    """The first server is killed; the one after it follows the second, as after a real failover."""
    first = primary.standby("first").start()
    first.promote()
    second = first.standby("second").start()
    try:
        places = (first.place, second.place)
        async with (
            serving(settings, *places) as any_host,
            serving(settings, *places, options="?target_session_attrs=read-write") as primary_only,
        ):
            first.kill()
            assert await outcome(any_host) == "ok"
            assert await outcome(primary_only) == "DATABASE_UNAVAILABLE"
            second.promote()
            await becomes_ok(primary_only)
            assert await outcome(any_host) == "ok"
    finally:
        first.stop(signal.SIGQUIT)
        second.stop(signal.SIGQUIT)


async def is_on_standby(client: Tool) -> bool:
    health = await client.call_tool("get_pool_health", {})
    assert health.structured_content is not None
    return health.structured_content["replica_lag"] is not None
