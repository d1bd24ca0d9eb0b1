"""Several servers on one database: one is killed under load, its clients go on at the others."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager

import psutil
import pytest

from tests.bench.crowd import Call, structured
from tests.integration.balancer import Balancer
from tests.integration.http_servers import HttpServer, get, http_server, id_of, issued
from tests.integration.states import until, until_it_is
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database
from zava_server.token_commands import end_token

STORES = ("bellevue", "everett", "kirkland", "online", "redmond", "seattle", "spokane", "tacoma")
CALLERS_EACH = 2
UNLIMITED = {"ZAVA_CALLS_PER_MINUTE": "0", "ZAVA_MAX_CONCURRENT_STATEMENTS": "0"}
SQL = "SELECT s.name, count(*) FROM orders JOIN stores AS s USING (store_id) GROUP BY 1"


@pytest.fixture(scope="module")
async def tokens(database: Database, settings: Settings) -> Mapping[str, str]:
    return {store: await issued(settings, store) for store in STORES}


@pytest.fixture(scope="module")
def servers(tokens: Mapping[str, str], settings: Settings) -> Iterator[Sequence[HttpServer]]:
    """Two on one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(http_server(settings, environment=UNLIMITED)) for _ in range(2)]


class Callers:
    """Call without a pause, each time over a new connection; whose call is cut repeats it once."""

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        self._calls = {
            store: Call(url, token, "execute_sales_query", {"postgresql_query": SQL})
            for store, token in tokens.items()
        }
        self.answered = dict.fromkeys(range(len(tokens) * CALLERS_EACH), 0)
        self.cut = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Callers]:
        """Ends with an error at the first wrong answer, and where a repeated call is cut again."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._work(number, store))
                for number, store in enumerate([*self._calls] * CALLERS_EACH)
            ]
            await self.all_answered(3)
            yield self
            for task in tasks:
                task.cancel()

    async def all_answered(self, more: int) -> None:
        """Returns when each caller got so many more answers."""
        wanted = {number: count + more for number, count in self.answered.items()}
        await until(lambda: all(self.answered[n] >= count for n, count in wanted.items()), 60)

    async def _work(self, number: int, store: str) -> None:
        while True:
            try:
                answer = await structured(self._calls[store])
            except (OSError, asyncio.IncompleteReadError):
                self.cut += 1
                answer = await structured(self._calls[store])
            assert [row[0].lower() for row in answer["rows"]] == [store], answer
            self.answered[number] += 1


async def test_clients_of_a_balancer_go_on_when_one_of_two_servers_is_killed(
    servers: Sequence[HttpServer], tokens: Mapping[str, str], settings: Settings
) -> None:
    with http_server(settings, environment=UNLIMITED) as killed:
        async with (
            Balancer([killed.base, servers[0].base]).running() as balancer,
            Callers(balancer.url, tokens).running() as callers,
        ):
            await until(lambda: balancer.held[killed.base] > 0)
            held = balancer.held[killed.base]
            _kill(killed.process)
            await callers.all_answered(10)
            print(f"the killed one held {held} calls, {callers.cut} were repeated")
            assert callers.cut <= held


async def test_calls_of_a_killed_worker_are_cut_and_it_is_replaced_under_load(
    tokens: Mapping[str, str], settings: Settings
) -> None:
    with http_server(settings, "--workers", "2", environment=UNLIMITED) as server:
        supervisor = psutil.Process(server.process.pid)
        async with Callers(server.mcp, tokens).running() as callers:
            (killed, other) = supervisor.children()
            # It takes no more connections from there on.
            killed.suspend()
            await until(lambda: killed.status() == psutil.STATUS_STOPPED)
            held = _connected(killed)
            _kill(killed)
            await callers.all_answered(10)
            assert callers.cut <= held
            await until(lambda: {*supervisor.children()} - {killed, other})
            (replacement,) = {*supervisor.children()} - {killed, other}
            await until(lambda: _connected(replacement), 60)
            await callers.all_answered(3)
            print(f"the killed one held {held} calls, {callers.cut} were repeated")


def _kill(process: psutil.Process | subprocess.Popen[bytes]) -> None:
    """Returns when it takes no connections any more."""
    process.kill()
    process.wait()


def _connected(server: psutil.Process) -> int:
    return sum(
        connection.status == psutil.CONN_ESTABLISHED for connection in server.net_connections("tcp")
    )


async def test_a_token_works_at_all_servers_until_it_is_revoked_at_all(
    servers: Sequence[HttpServer], settings: Settings
) -> None:
    token = await issued(settings, "seattle")

    async def are_answered(status: int) -> None:
        for server in servers:

            async def answer(server: HttpServer = server) -> int:
                return (await get(f"{server.base}/metrics", token)).status_code

            await until_it_is(answer, status, seconds=20)

    await are_answered(403)
    began = time.monotonic()
    await end_token(settings, id_of(token))
    await are_answered(401)
    print(f"refused by both after {time.monotonic() - began:.1f} s")
