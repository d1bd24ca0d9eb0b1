"""Whether the server's memory grows: mixed calls over stdio, its resident memory along the way.

    python -m tests.bench.memory --calls 100000

The first 10,000 calls, at most a third, are to warm up; what is resident after that must stay
within 5 %. Exits with 1 where it does not.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import choose_embedder, index_catalogue, open_database, prepare

WARM_UP = 10_000
WITHIN = 0.05
AT_ONCE = 8
SAMPLES = 20

Call = tuple[str, dict[str, Any]]


def mixed_calls() -> Iterator[Call]:
    """Queries of ever new texts and of few, errors, searches, pages, dashboards, health."""
    words = ("hammer", "deck stain", "copper pipe", "led bulb", "garden hose", "drill bits")
    for number in itertools.count():
        yield sql("SELECT count(*), sum(total_amount) FROM orders WHERE status = 'completed'")
        yield sql(f"SELECT {number} AS a{number}, name FROM products LIMIT {number % 50 + 1}")
        yield sql(f"SELECT * FROM orders ORDER BY order_id LIMIT {number % 200 + 1}")
        yield sql(f"SELECT nothing_{number} FROM orders")
        yield sql(f"DELETE FROM orders WHERE {number} = 1")
        yield "whoami", {}
        yield "list_stores", {}
        yield (
            "semantic_search_products",
            {"query_description": f"{words[number % len(words)]} {number}", "max_rows": 5},
        )
        yield "browse_table", {"table": "orders", "limit": 20}
        yield "get_pool_health", {}
        if number % 5 == 0:
            yield "get_store_performance", {"store": "Seattle", "time_period": "30d"}
            yield "get_multiple_table_schemas", {"table_names": ["retail.orders"]}
            yield "get_slow_queries", {"limit": 20}
            yield "get_server_health", {}


def sql(text: str) -> Call:
    return "execute_sales_query", {"postgresql_query": text}


async def call_all(client: Client[Any], calls: Iterator[Call]) -> int:
    """How many of them ended in an error."""
    errors = 0

    async def work() -> None:
        nonlocal errors
        # One after the other: the iterator is shared by all workers.
        for tool, arguments in calls:
            result = await client.call_tool(tool, arguments, raise_on_error=False)
            errors += result.is_error

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return errors


async def measure(directory: Path, calls: int) -> bool:
    settings = Settings(data_dir=directory)
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=0.02)
        embedder = choose_embedder(settings)
        await index_catalogue(database.owner, embedder)
        await embedder.close()
        arguments = ["-m", "zava_server", "stdio", "--user", "seattle", "--data-dir"]
        transport = StdioTransport(
            sys.executable, [*arguments, str(directory)], env=dict(os.environ), keep_alive=False
        )
        async with Client(transport) as client:
            await client.call_tool("whoami", {})
            server = the_server()
            source = mixed_calls()
            warm_up = min(WARM_UP, calls // 3)
            await call_all(client, itertools.islice(source, warm_up))
            first = most = report(server, warm_up, 0, 0.0)
            step = max(1, (calls - warm_up) // SAMPLES)
            for done in range(warm_up, calls, step):
                started = time.monotonic()
                count = min(step, calls - done)
                errors = await call_all(client, itertools.islice(source, count))
                rate = count / (time.monotonic() - started)
                most = max(most, report(server, done + count, errors, rate))
    grown = most / first - 1
    print(f"grown by {grown:+.1%} at most since the first {warm_up:,} calls")
    return grown <= WITHIN


def the_server() -> psutil.Process:
    (server,) = (child for child in psutil.Process().children() if "zava_server" in child.cmdline())
    return server


def report(server: psutil.Process, done: int, errors: int, rate: float) -> float:
    resident: float = server.memory_info().rss / 1e6
    print(f"{done:>8,} calls  {resident:7.1f} MB  {errors:>5} errors  {rate:5.0f}/s", flush=True)
    return resident


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    calls: int = parser.parse_args().calls
    with tempfile.TemporaryDirectory(prefix="zava-bench-") as place:
        Path(place).chmod(0o755)
        sys.exit(0 if asyncio.run(measure(Path(place) / "data", calls)) else 1)


if __name__ == "__main__":
    main()
