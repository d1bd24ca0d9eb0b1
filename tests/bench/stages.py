"""Where the time of one call goes: `python -m tests.bench.stages [--calls 2000] [--data-dir DIR]`.

`SELECT 1` through the tool, in process and with the transport in memory, with a stopwatch around
each stage. What a stage took for other stages within it is theirs. Prints medians of a call in
milliseconds; the stopwatches themselves cost some microseconds each.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from tests.bench.ground import directory
from tests.integration.in_memory import in_memory
from zava_server.business.sales_queries import SalesQueryService
from zava_server.data import sales_queries
from zava_server.data.chunks import Chunks
from zava_server.data.guard import SqlGuard
from zava_server.data.measured_connection import MeasuredConnection
from zava_server.data.pool import Pool
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.tools import sales

Async = Callable[..., Awaitable[Any]]

_BEGIN, _CLEAN = "BEGIN", "ROLLBACK, and nothing left behind"
_STAGES = (
    (SqlGuard, "check_aside", "the guard"),
    (Pool, "_acquire", "a connection of the pool"),
    (MeasuredConnection, "execute", _BEGIN),
    (ReadTransactions, "_assume", "identity, role and limits, checked in the database"),
    (MeasuredConnection, "prepare", "the statement and its rendering, parsed and planned"),
    (Chunks, "next", "bound, run, fetched"),
    (sales_queries, "run_statement", "rows as cells"),
    (Pool, "_give_back", _CLEAN),
    (SalesQueryService, "execute", "the rest of the service: statistics, log"),
    (sales, "table_result", "the answer as text and as structure"),
)
_REST = "FastMCP and the MCP SDK, server and client, in memory"
_WARM_UP = 200


class Stopwatches:
    """Time of each stage of each call, without that of stages within it."""

    def __init__(self) -> None:
        self._calls: list[dict[str, float]] = []
        self._within: ContextVar[list[float] | None] = ContextVar("within", default=None)

    @contextmanager
    def call(self) -> Iterator[None]:
        stages: dict[str, float] = defaultdict(float)
        self._calls.append(stages)
        began = time.perf_counter()
        yield
        stages[_REST] = (time.perf_counter() - began) * 1000 - sum(stages.values())

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, stage in _STAGES:
                timed = self._around(stage, getattr(owner, name))
                stack.enter_context(mock.patch.object(owner, name, timed))
            yield

    def medians(self) -> Mapping[str, float]:
        stages = [*dict.fromkeys(stage for _, _, stage in _STAGES), _REST]
        counted = self._calls[_WARM_UP:]
        return {stage: median(call[stage] for call in counted) for stage in stages}

    def _around(self, stage: str, doing: Async) -> Async:
        @functools.wraps(doing)
        async def timed(*arguments: Any, **options: Any) -> Any:
            outer, inner = self._within.get(), [0.0]
            token = self._within.set(inner)
            began = time.perf_counter()
            try:
                return await doing(*arguments, **options)
            finally:
                elapsed = time.perf_counter() - began
                self._within.reset(token)
                if outer is not None:
                    outer[0] += elapsed
                if self._calls:
                    # What begins a transaction also ends it.
                    begins = stage != _BEGIN or arguments[1].startswith(_BEGIN)
                    self._calls[-1][stage if begins else _CLEAN] += (elapsed - inner[0]) * 1000

        return timed


async def measure(settings: Settings, calls: int) -> Mapping[str, float]:
    watches = Stopwatches()
    with watches.running():
        async with in_memory(settings) as client:
            for _ in range(_WARM_UP + calls):
                with watches.call():
                    await client.call_tool("execute_sales_query", {"postgresql_query": "SELECT 1"})
    return watches.medians()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        place = options.data_dir or stack.enter_context(directory())
        stages = asyncio.run(measure(Settings(data_dir=place, user="seattle"), options.calls))
    for stage, milliseconds in stages.items():
        print(f"{milliseconds:6.3f} ms  {stage}")
    print(f"{sum(stages.values()):6.3f} ms  together, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
