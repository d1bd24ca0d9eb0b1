"""A thousand clients connect at once and stay, each with a call; 64 others call without a pause.

    python -m tests.bench.thousand --data-dir DIR --seconds 20

Says how the calls ended, how long they took, what became of the pool and of the server's memory.
Exits with 1 where a call ended in anything but an answer, BUSY or RATE_LIMITED, or the pool is not
whole afterwards.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles

import psutil

from tests.bench.crowd import Call, Caller, structured
from tests.bench.ground import Size, directory, ground
from tests.integration.http_servers import http_server, issued
from zava_server.infrastructure.settings import Settings

CONNECTED = 1000
CALLING = 64
STORES = ("bellevue", "everett", "kirkland", "online", "redmond", "seattle", "spokane", "tacoma")
EXPECTED = {"answered", "BUSY", "RATE_LIMITED"}
_QUICK = {"postgresql_query": "SELECT 1"}
_SLOW = {
    "postgresql_query": "SELECT store_id, sum(quantity * unit_price) FROM order_items GROUP BY 1"
}
# One in so many of the 64 asks for the slow one.
_SLOW_ONE_IN = 8
_CALM_SECONDS = 10
_ROUNDS = 2


class Outcomes:
    """How calls ended, and how many milliseconds each took."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.times: list[float] = []

    async def call(self, caller: Caller) -> None:
        began = time.perf_counter()
        answer = await caller.call()
        self.times.append((time.perf_counter() - began) * 1000)
        error: Mapping[str, str] = answer.get("error", {"code": "answered"})
        self.counts[error["code"]] += 1

    def __str__(self) -> str:
        cuts = quantiles(self.times, n=100)
        times = f"p50 {cuts[49]:,.0f} ms, p99 {cuts[98]:,.0f} ms, longest {max(self.times):,.0f} ms"
        return f"{dict(self.counts)}, {times}"


async def measure(settings: Settings, seconds: float, environment: Mapping[str, str]) -> bool:
    """Whether all ended well, twice: memory that is only kept at hand does not grow again."""
    tokens = [await issued(settings, store) for store in STORES]
    operator = await issued(settings, "head-office", "query,ops")
    with http_server(settings, environment=environment) as server:
        process = psutil.Process(server.process.pid)
        health = Call(server.mcp, operator, "get_pool_health", {})
        await structured(Call(server.mcp, tokens[0], "execute_sales_query", _SLOW))
        well = True
        for _ in range(_ROUNDS):
            print(f"before: {_taken(process)}")
            once, without_pause = Outcomes(), Outcomes()
            async with AsyncExitStack() as stack:
                await _crowd(stack, server.mcp, tokens, seconds, once, without_pause)
                print(f"{CONNECTED} that connect and ask once: {once}")
                print(f"{CALLING} that call for {seconds:g} s: {without_pause}")
                print(f"while all are connected: {_taken(process)}")
            pool = await structured(health)
            print({name: pool[name] for name in ("size", "in_use", "waiting", "closed_because")})
            well &= pool["in_use"] == pool["waiting"] == 0
            well &= {*once.counts, *without_pause.counts} <= EXPECTED
            await asyncio.sleep(_CALM_SECONDS)
            print(f"{_CALM_SECONDS} s later: {_taken(process)}")
    return well


def _taken(process: psutil.Process) -> str:
    return f"{process.memory_info().rss / 1e6:.0f} MB, {process.num_fds()} files"


async def _crowd(
    stack: AsyncExitStack,
    url: str,
    tokens: Sequence[str],
    seconds: float,
    once: Outcomes,
    without_pause: Outcomes,
) -> None:
    """All of them; the thousand stay connected as long as `stack` is open."""
    until = time.perf_counter() + seconds

    async def connect(number: int) -> None:
        whoami = Call(url, tokens[number % len(tokens)], "whoami", {})
        await once.call(await stack.enter_async_context(Caller(whoami)))

    async def keep_calling(number: int) -> None:
        arguments = _SLOW if number < CALLING / _SLOW_ONE_IN else _QUICK
        token = tokens[number % len(tokens)]
        async with Caller(Call(url, token, "execute_sales_query", arguments)) as caller:
            while time.perf_counter() < until:
                await without_pause.call(caller)

    async with asyncio.TaskGroup() as group:
        for number in range(CALLING):
            group.create_task(keep_calling(number))
        for number in range(CONNECTED):
            group.create_task(connect(number))


async def run(data_dir: Path, seconds: float, settings: Sequence[str]) -> bool:
    async with ground(Size(1), data_dir) as found:
        environment = dict(setting.split("=", 1) for setting in settings)
        return await measure(found.settings, seconds, environment)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--set", action="append", default=[], metavar="ZAVA_NAME=VALUE")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with directory() as place:
        found = run(options.data_dir or place, options.seconds, options.set)
        sys.exit(0 if asyncio.run(found) else 1)


if __name__ == "__main__":
    main()
