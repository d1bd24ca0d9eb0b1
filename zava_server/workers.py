"""Several server processes on one socket: started together, started again, stopped together."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from zava_server.infrastructure.errors import ZavaError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable

_log = structlog.get_logger(__name__)

READY = b"ready\n"
"""What a worker says when it listens."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# One that served this long begins with the shortest pause again.
_STEADY_SECONDS = 60.0
# More than a worker allows its calls and connections to end.
_STOP_SECONDS = 15.0


class WorkersFailed(ZavaError):
    """A worker could not begin to serve; it has said itself why."""


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """What a worker is told on its standard input, where nobody else can read it."""

    data_dir: Path
    user: str | None
    descriptor: int
    """Of the socket, which it inherits."""
    token_key: str | None
    options: dict[str, Any]

    def as_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps({**asdict(self), "data_dir": str(self.data_dir)}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> WorkerOrder:
        """The same again."""
        values = json.loads(line)
        return cls(**{**values, "data_dir": Path(values["data_dir"])})


async def supervise(order: WorkerOrder, count: int, announce: Callable[[], None]) -> None:
    """Keeps `count` workers until it is cancelled, and calls `announce` when all of them serve.

    Raises WorkersFailed when one cannot begin.
    """
    crew = [_Post(order) for _ in range(count)]
    try:
        async with asyncio.TaskGroup() as group:
            for post in crew:
                group.create_task(post.keep())
            for post in crew:
                await post.first_ready.wait()
            announce()
    except* WorkersFailed as failures:
        raise failures.exceptions[0] from None


class _Post:
    """A worker, and whoever follows when it dies."""

    def __init__(self, order: WorkerOrder) -> None:
        self._order = order
        self.first_ready = asyncio.Event()

    async def keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            code = await self._serve()
            if not self.first_ready.is_set():
                raise WorkersFailed(f"A worker ended with code {code} before it served.")
            if loop.time() - started > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            _log.warning("a worker has died and is started again", code=code)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _serve(self) -> int:
        """One worker from its start to its end; stops it when cancelled."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "zava_server", "http-worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[self._order.descriptor],
            # Ctrl-C in a terminal is ours to pass on.
            start_new_session=True,
        )
        try:
            if worker.stdin is None or worker.stdout is None:
                raise WorkersFailed("A worker has no pipes.")
            # It stays open: a worker whose supervisor has gone ends by itself.
            worker.stdin.write(self._order.as_line())
            if await worker.stdout.readline() == READY:
                self.first_ready.set()
            return await worker.wait()
        finally:
            await asyncio.shield(asyncio.create_task(_stop(worker)))


async def _stop(worker: Process) -> None:
    if worker.returncode is not None:
        return
    worker.terminate()
    try:
        await asyncio.wait_for(worker.wait(), _STOP_SECONDS)
    except TimeoutError:
        worker.kill()
        await worker.wait()
