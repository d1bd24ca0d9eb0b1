"""A call that nobody waits for any more ends in the database too."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import asyncpg
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

# The joins never come to an end; the second one brings rows from the start.
COUNTING = (
    "SELECT count(*) AS endless FROM order_items a, order_items b, order_items c "
    "WHERE a.unit_price < b.unit_price + c.unit_price"
)
SOON_COUNTED = (
    "SELECT count(*) AS endless FROM orders AS o, products AS p WHERE o.total_amount < p.base_price"
)
FETCHING = (
    "SELECT a.line_no AS endless FROM order_items a, order_items b "
    "WHERE a.unit_price + b.unit_price < 1.5"
)
DEADLINE_SECONDS = 10


def command(settings: Settings) -> list[str]:
    words = ["-m", "zava_server", "stdio", "--user", "head-office"]
    return [sys.executable, *words, "--data-dir", str(settings.data_dir)]


class Activity:
    """What runs in the database, as its owner sees it."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def running(self) -> int:
        found: int = await self._owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%endless%' "
            "AND state <> 'idle' AND pid <> pg_backend_pid()"
        )
        return found

    async def becomes(self, wanted: Callable[[int], bool]) -> float:
        """The milliseconds until so many statements run."""
        started = time.perf_counter()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not wanted(await self.running()):  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.002)
        return (time.perf_counter() - started) * 1000

    async def starts(self) -> None:
        await self.becomes(lambda running: running > 0)

    async def ends(self) -> float:
        return await self.becomes(lambda running: running == 0)


@pytest.fixture
async def activity(database: Database) -> AsyncIterator[Activity]:
    assert database.owner is not None
    owner = await database.owner.connect()
    yield Activity(owner)
    await owner.close()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_cancelled_call_ends_its_statement(
    mode: Literal["legacy", "auto"], activity: Activity, settings: Settings
) -> None:
    program, *arguments = command(settings)
    transport = StdioTransport(program, arguments, env=dict(os.environ), keep_alive=False)
    async with Client(transport, mode=mode) as client:
        for sql in (COUNTING, FETCHING):
            calling = asyncio.create_task(
                client.call_tool(
                    "execute_sales_query", {"postgresql_query": sql, "max_rows": 50_000}
                )
            )
            await activity.starts()
            calling.cancel()
            await asyncio.wait({calling})
            print(f"{mode}: the statement ended after {await activity.ends():.0f} ms")
            assert calling.cancelled()
        assert (await client.call_tool("whoami", {})).structured_content is not None


async def test_calls_that_wait_for_a_connection_are_cancelled_as_well(
    activity: Activity, settings: Settings
) -> None:
    program, *arguments = command(settings)
    environment = {**os.environ, "ZAVA_POOL_MIN_SIZE": "1", "ZAVA_POOL_MAX_SIZE": "1"}
    transport = StdioTransport(program, arguments, env=environment, keep_alive=False)
    async with Client(transport) as client:
        calls = [
            asyncio.create_task(
                client.call_tool("execute_sales_query", {"postgresql_query": COUNTING})
            )
            for _ in range(3)
        ]
        await activity.starts()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        await activity.ends()
        # The connection is cleared before it counts as given back.
        async with asyncio.timeout(5):
            while True:
                health = (await client.call_tool("get_pool_health", {})).structured_content
                if health is not None and (health["waiting"], health["in_use"]) == (0, 0):
                    break


@pytest.mark.parametrize("ending", ["eof", "SIGTERM", "SIGKILL"])
async def test_a_client_that_vanishes_counts_as_cancelled(
    ending: str, activity: Activity, settings: Settings
) -> None:
    with started_server(settings) as server:
        send(server, "tools/call", name="execute_sales_query", arguments=query(COUNTING))
        await activity.starts()
        if ending == "eof":
            assert server.stdin is not None
            server.stdin.close()
        else:
            server.send_signal(signal.Signals[ending])
        print(f"{ending}: the statement ended after {await activity.ends():.0f} ms")
        started = time.perf_counter()
        # Not five seconds and not the statement's time limit of thirty.
        code = await asyncio.to_thread(server.wait, 5)
        print(f"{ending}: the server left {(time.perf_counter() - started) * 1000:.0f} ms later")
    assert code == (-signal.SIGKILL if ending == "SIGKILL" else 0)


@pytest.mark.parametrize(
    ("sql", "ends"),
    [(SOON_COUNTED, "rows"), (COUNTING, "error")],
    ids=["soon", "never"],
)
async def test_a_call_is_answered_before_a_server_that_is_stopped_leaves(
    sql: str, ends: str, activity: Activity, settings: Settings
) -> None:
    with started_server(settings) as server:
        send(server, "tools/call", name="execute_sales_query", arguments=query(sql))
        await activity.starts()
        server.send_signal(signal.SIGTERM)
        assert server.stdout is not None
        answer = json.loads(await asyncio.to_thread(server.stdout.readline))
        assert await asyncio.to_thread(server.wait, 5) == 0
    content = answer["result"]["structuredContent"]
    assert ends in content
    if ends == "error":
        assert content["error"]["code"] == "DATABASE_UNAVAILABLE"
        assert content["error"]["message"] == "The server is stopping."


def query(sql: str) -> dict[str, Any]:
    return {"postgresql_query": sql}


@contextmanager
def started_server(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    server = subprocess.Popen(
        command(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        send(
            server,
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo={"name": "test", "version": "1"},
        )
        assert server.stdout is not None
        server.stdout.readline()
        yield server
    finally:
        server.kill()
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                pipe.close()


def send(server: subprocess.Popen[bytes], method: str, **parameters: Any) -> None:
    request = {"jsonrpc": "2.0", "id": method, "method": method, "params": parameters}
    assert server.stdin is not None
    server.stdin.write(json.dumps(request).encode() + b"\n")
    server.stdin.flush()
