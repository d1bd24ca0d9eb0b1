"""The server's process beside one of FastMCP with nothing in it: its start and its memory."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psutil

from tests.bench.clients import QUIET, bare_command, over_stdio, stdio_command
from tests.bench.ground import Ground
from tests.bench.interleaved import equal, interleaved
from tests.bench.memory import call_all, mixed_calls
from tests.bench.result import Result, Target

_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
_SETTLE_SECONDS = 1
_WARM_UP, _CALLS = 2_000, 5_000


async def starts(ground: Ground) -> Sequence[Result]:
    """Each is asked to initialize at once; it answers when it has come so far."""
    what = "server, start to initialize answered, against an empty one"
    commands = stdio_command(ground, "seattle"), bare_command(ground, "--empty")
    answers: set[object] = set()

    async def once(command: Sequence[str]) -> None:
        async with _initialized(command) as (_, answer):
            answers.add(answer)

    pair = await interleaved(
        lambda: once(commands[0]),
        lambda: once(commands[1]),
        warm_up=ground.size.repeats(1, smoke=0),
        repeats=ground.size.repeats(9, smoke=1),
    )
    equal(len(answers), 1, what)
    return [pair.result(what, Target("ours", 3000))]


async def memory(ground: Ground) -> Sequence[Result]:
    """Resident memory: after one call, after a warm-up of mixed calls, after many more of them.

    `python -m tests.bench.memory` makes 100,000 calls.
    """
    async with _initialized(bare_command(ground, "--empty")) as (bare, _):
        await asyncio.sleep(_SETTLE_SECONDS)
        nothing = _resident(bare)
    warm_up = ground.size.repeats(_WARM_UP, smoke=24)
    calls = ground.size.repeats(_CALLS, smoke=24)
    async with over_stdio(stdio_command(ground, "seattle")) as client:
        await client.call_tool("whoami", {})
        (server,) = (
            child for child in psutil.Process().children() if "zava_server" in child.cmdline()
        )
        await asyncio.sleep(_SETTLE_SECONDS)
        at_rest = _resident(server)
        source = mixed_calls()
        began = time.monotonic()
        await call_all(client, itertools.islice(source, warm_up))
        first = _resident(server)
        await call_all(client, itertools.islice(source, calls))
        rate = (warm_up + calls) / (time.monotonic() - began)
        last = _resident(server)
    return [
        Result("server after one call, resident memory, against an empty one", at_rest, nothing,
               "MB"),
        Result(f"server after {calls:,} more calls, against {warm_up:,} before", last, first, "MB"),
        Result("mixed calls over stdio, eight at once", rate, None, "a second"),
    ]  # fmt: skip


@asynccontextmanager
async def _initialized(command: Sequence[str]) -> AsyncIterator[tuple[psutil.Process, object]]:
    """A server, and which protocol it has answered with; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **QUIET},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(_INITIALIZE).encode() + b"\n")
        answer = json.loads(await process.stdout.readline())
        yield psutil.Process(process.pid), answer["result"]["protocolVersion"]
    finally:
        process.kill()
        await process.wait()


def _resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6
