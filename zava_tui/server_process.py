"""The server as a child process: started, spoken to over its pipes, ended in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

    Streams = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception],
        MemoryObjectSendStream[SessionMessage],
    ]

LONGEST_LINE = 64 * 2**20
"""Bytes; a message is one line, and the server caps its results well below this."""
GRACE_SECONDS = 0.7
"""How long a child may take to end by itself after its input was closed."""
KILL_SECONDS = 0.2
"""How long it may take after a SIGTERM before it is killed."""
TRACEBACK = "Traceback (most recent call last)"
LOG_LIMIT = 2**20
"""Bytes; a longer log is started afresh."""


def server_command(*arguments: str) -> list[str]:
    """The command that runs the server with `arguments` in this very Python.

    `-P` keeps the working directory off the module path, where a stray `mcp.py` would be taken.
    """
    return [sys.executable, "-P", "-m", "zava_server", *arguments]


def open_log(name: str) -> IO[bytes]:
    """A file in the user's log directory to append to, or an anonymous one where none may be."""
    from platformdirs import user_log_path

    try:
        path = user_log_path("zava", appauthor=False) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        too_long = path.exists() and path.stat().st_size > LOG_LIMIT
        return path.open("w+b" if too_long else "a+b")
    except OSError:
        return tempfile.TemporaryFile()


class ServerProcess:
    """A running child whose stdout carries one message a line. Use it as a context manager."""

    def __init__(self, command: Sequence[str], log_name: str = "server.log") -> None:
        self._command = command
        self._log = open_log(log_name)
        self._log_start = self._log.seek(0, os.SEEK_END)
        self._child: asyncio.subprocess.Process | None = None
        self.output_ended = asyncio.Event()
        """Set when the child has closed its stdout: it has ended, or is about to."""

    async def __aenter__(self) -> ServerProcess:
        self._child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            limit=LONGEST_LINE,
            # Out of the terminal's process group: ctrl+c there is the app's alone.
            start_new_session=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        # Cancelling this would leave the child behind, and quitting cancels twice; the waits in
        # it are bounded.
        stopping = asyncio.create_task(self._stop())
        cancelled = False
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                cancelled = True
        self._log.close()
        if cancelled:
            raise asyncio.CancelledError

    @property
    def log_name(self) -> str:
        """Where the child's stderr goes."""
        return str(self._log.name)

    @property
    def child(self) -> asyncio.subprocess.Process:
        """The running process."""
        if self._child is None:
            raise RuntimeError("the server process has not been started")
        return self._child

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of the child's stdout until it closes it."""
        stdout = self.child.stdout
        if stdout is None:
            return
        with contextlib.suppress(ConnectionError):
            while line := await stdout.readline():
                yield line
        self.output_ended.set()

    async def write_line(self, text: str) -> None:
        """Send one line; raises ConnectionError when the child no longer reads."""
        stdin = self.child.stdin
        if stdin is None or stdin.is_closing():
            raise ConnectionError("the server's input is closed")
        stdin.write(text.encode() + b"\n")
        await stdin.drain()

    async def ended_within(self, seconds: float) -> bool:
        """Whether the child ends in that time.

        Polled, since `Process.wait` also waits for the pipes, which a grandchild may hold open.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while self.child.returncode is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    def last_words(self) -> str | None:
        """Why a child that gave up by itself did so: the last line that it wrote to stderr.

        None when it ended well, was killed, said nothing, or fell over with a traceback.
        """
        if self.child.returncode is None or self.child.returncode <= 0:
            return None
        self._log.seek(self._log_start)
        text = self._log.read().decode(errors="replace")
        if TRACEBACK in text:
            return None
        said = (line.strip() for line in reversed(text.split("\n")))
        return next((line.removeprefix("zava-server: ") for line in said if line), None)

    async def _stop(self) -> None:
        """Close the input; terminate and then kill a child that does not end by itself."""
        child = self.child
        if child.stdin is not None:
            child.stdin.close()
        drain = asyncio.create_task(self._drain())
        try:
            for patience, last_resort in (
                (GRACE_SECONDS, signal.SIGTERM),
                (KILL_SECONDS, signal.SIGKILL),
            ):
                if await self.ended_within(patience):
                    return
                with contextlib.suppress(ProcessLookupError):
                    child.send_signal(last_resort)
            await self.ended_within(KILL_SECONDS)
        finally:
            drain.cancel()

    async def _drain(self) -> None:
        """Read on, so that a child with a full pipe can still end."""
        async for _ in self.lines():
            pass

    @contextlib.asynccontextmanager
    async def streams(self) -> AsyncIterator[Streams]:
        """The child's pipes as an MCP transport.

        The SDK's own stdio transport waits up to four seconds for a server to end and starts it
        only after the SDK has been imported; this one lets both happen at once.
        """
        import anyio
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        received, to_session = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        from_session, to_send = anyio.create_memory_object_stream[SessionMessage](0)
        gone = (anyio.BrokenResourceError, anyio.ClosedResourceError)

        async def read() -> None:
            async with received:
                with contextlib.suppress(*gone):
                    async for line in self.lines():
                        await received.send(parse(line))

        def parse(line: bytes) -> SessionMessage | Exception:
            try:
                return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError as error:
                return error

        async def write() -> None:
            async with to_send:
                with contextlib.suppress(ConnectionError):
                    async for message in to_send:
                        await self.write_line(
                            message.message.model_dump_json(by_alias=True, exclude_unset=True)
                        )
            await received.aclose()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            tasks.start_soon(write)
            try:
                yield to_session, from_session
            finally:
                tasks.cancel_scope.cancel()
