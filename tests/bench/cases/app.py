"""The app beside the smallest one there can be: starts, keys, rows, and what it costs at rest."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from statistics import median
from typing import Any
from unittest import mock

import psutil

from tests.bench.first_paint import FIRST_PAINT, KEYS, LIVE
from tests.bench.ground import Ground, directory
from tests.bench.interleaved import Pair, equal, spread
from tests.bench.result import Result, Target
from tests.bench.terminal import Terminal, terminal
from tests.ui.query_screen import querying, screen_of
from tests.ui.scripted import text_of
from zava_tui.answers import Column, ResultTable
from zava_tui.panels.results import Answer

_HELLO = [sys.executable, "-m", "tests.bench.hello"]
_HELLO_DRAWN = b"Hello, world"
_TYPED = "SELECT name, sum(total_amount) FROM orders JOIN stores USING (store_id) GROUP BY name "
_ROWS = 50_000


@contextmanager
def _zava(data_dir: object, user: str = "seattle") -> Iterator[Terminal]:
    command = [sys.executable, "-m", "zava_tui", "--user", user, "--data-dir", str(data_dir)]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state,
        terminal(command, {"XDG_STATE_HOME": state}) as shown,
    ):
        yield shown


async def starts(ground: Ground) -> Sequence[Result]:
    """From the start of the process. A run of each that is not counted goes first."""
    return await asyncio.to_thread(_starts, ground)


def _starts(ground: Ground) -> Sequence[Result]:
    ours: list[tuple[float, float, float]] = []
    hello: list[float] = []
    warm_up = ground.size.repeats(1, smoke=0)
    for turn in range(warm_up + ground.size.repeats(7, smoke=1)):
        with _zava(ground.data_dir) as shown:
            times = shown.wait_for(FIRST_PAINT), shown.wait_for(KEYS), shown.wait_for(*LIVE)
        with terminal(_HELLO, {}) as shown:
            alone = shown.wait_for(_HELLO_DRAWN)
        if turn >= warm_up:
            ours.append(times)
            hello.append(alone)
    painted, keys, live = zip(*ours, strict=True)
    return [
        Pair(painted, hello).result(
            "app, start to first paint, against hello world", Target("ours", 250)
        ),
        Pair(keys, hello).result("app, start to keys, against hello world", None),
        Result("app, start to all panels live", median(live), None, "ms", Target("ours", 3000),
               spread(live)),
    ]  # fmt: skip


async def cold(ground: Ground) -> Sequence[Result]:
    """From an empty directory to a database with the demo, its server and an app that is live."""
    return await asyncio.to_thread(_cold, ground)


def _cold(ground: Ground) -> Sequence[Result]:
    with ExitStack() as stack:
        # The demo cannot be made smaller from the app: a smoke run takes the one that is there.
        places = (
            [ground.data_dir]
            if ground.size.smoke
            else [stack.enter_context(directory()) for _ in range(2)]
        )
        times = []
        for data_dir in places:
            with _zava(data_dir) as shown:
                times.append(shown.wait_for(*LIVE) / 1000)
    return [
        Result("app, empty directory to all panels live", median(times), None, "s",
               Target("ours", 30), spread(times))
    ]  # fmt: skip


def _echo(shown: Terminal, key: bytes) -> float:
    shown.settle()
    shown.clear()
    pressed = time.perf_counter()
    shown.send(key)
    while key not in shown.drawn:
        shown.rest(0.001)
    return (time.perf_counter() - pressed) * 1000


async def use(ground: Ground) -> Sequence[Result]:
    """Processor time and memory at rest; then from a key to what it draws, in Query's editor."""
    return await asyncio.to_thread(_use, ground)


def _use(ground: Ground) -> Sequence[Result]:
    with _zava(ground.data_dir) as zava, terminal(_HELLO, {}) as hello:
        zava.wait_for(*LIVE)
        hello.wait_for(_HELLO_DRAWN)
        return [*_at_rest(ground, zava, hello), _typing(ground, zava, hello)]


def _at_rest(ground: Ground, zava: Terminal, hello: Terminal) -> Sequence[Result]:
    seconds = ground.size.repeats(15, smoke=1)
    zava.rest(seconds / 4)
    watched = [psutil.Process(shown.process) for shown in (zava, hello)]
    before = [_processor_seconds(process) for process in watched]
    began = time.perf_counter()
    zava.rest(seconds)
    elapsed = time.perf_counter() - began
    ours, alone = (
        100 * (_processor_seconds(process) - already) / elapsed
        for process, already in zip(watched, before, strict=True)
    )
    our_own, its_own = (process.memory_full_info().uss / 1e6 for process in watched)
    return [
        Result("app at rest, share of a core, against hello world", ours, alone, "%",
               Target("ours", 4)),
        Result("app at rest, memory of its own, against hello world", our_own, its_own, "MB"),
    ]  # fmt: skip


def _typing(ground: Ground, zava: Terminal, hello: Terminal) -> Result:
    zava.send(b"3")
    zava.wait_for(b"date_trunc")
    ours: list[float] = []
    baseline: list[float] = []
    for key in _TYPED[: ground.size.repeats(len(_TYPED), smoke=6)].encode():
        ours.append(_echo(zava, bytes([key])))
        baseline.append(_echo(hello, bytes([key])))
    what = "app, a key in the editor, against a text area alone"
    return Pair(ours, baseline).result(what, Target("ours", 50))


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def grid(ground: Ground) -> Sequence[Result]:
    """From the answer to 50,000 rows × 8 in the grid, and the longest stall meanwhile."""
    rows = ground.size.repeats(_ROWS, smoke=500)
    columns = [Column(name, "text") for name in ("order", "customer", "product", "status")]
    columns += [Column(name, "numeric") for name in ("quantity", "price", "discount", "total")]
    times: list[float] = []
    stalls: list[float] = []
    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        stack.enter_context(mock.patch.dict("os.environ", XDG_STATE_HOME=state))
        async with querying(120, 40) as (pilot, _):
            panel = screen_of(pilot).results
            for turn in range(1 + ground.size.repeats(7, smoke=1)):
                table = ResultTable(
                    tuple(columns), _some_rows(rows, turn), truncated=False, elapsed_ms=5.0
                )
                longest = _Stall()
                watching = asyncio.create_task(longest.watch())
                began = time.perf_counter()
                await panel.show(Answer("SELECT", table, 5.0, shown=table))
                await pilot.pause()
                elapsed = (time.perf_counter() - began) * 1000
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
                equal(panel.grid.row_count if panel.grid else 0, rows, "rows in the grid")
                equal(f"order {turn}-0 " in text_of(pilot), True, "the first row on the screen")
                if turn:
                    times.append(elapsed)
                    stalls.append(longest.milliseconds)
    return [
        Result("app, 50,000 rows × 8 in the grid", median(times), None, "ms", Target("ours", 600),
               spread(times)),
        Result("app, longest stall meanwhile", median(stalls), None, "ms", Target("ours", 50),
               spread(stalls)),
    ]  # fmt: skip


def _some_rows(count: int, turn: int) -> list[list[Any]]:
    return [
        [f"order {turn}-{n}", f"customer {n % 977}", f"product {n % 501}", "completed",
         n % 7, n % 9_973 / 100, n % 25, n % 99_991 / 100]
        for n in range(count)
    ]  # fmt: skip


class _Stall:
    """For how long the loop came to nothing else, at most."""

    def __init__(self) -> None:
        self.milliseconds = 0.0

    async def watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.milliseconds = max(self.milliseconds, (time.perf_counter() - began) * 1000)
