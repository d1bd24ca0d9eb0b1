"""The server as a child process: started, spoken to over its pipes, ended in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from zava_tui.child import Child
from zava_tui.long_json import parsed_in_slices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

    from zava_tui.child import Start

    Streams = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception],
        MemoryObjectSendStream[SessionMessage],
    ]

LONGEST_LINE = 64 * 2**20
"""Bytes; a message is one line, and the server caps its results well below this."""
LONG_LINE = 2**18
"""Bytes from which on parsing a message at once would hold the event loop for milliseconds."""
GRACE_SECONDS = 0.7
"""How long a child may take to end by itself after its input was closed."""
KILL_SECONDS = 5.0
"""How long it may take after a SIGTERM before it is killed: it may have a database to stop, which
would be left behind. Whoever quits does not wait for it."""


class ServerProcess:
    """A running child whose stdout carries one message a line. Use it as a context manager."""

    def __init__(self, command: Sequence[str], start: Start = Child) -> None:
        self._command = command
        self._start = start
        self._child: Child | None = None
        self._stdin: asyncio.StreamWriter | None = None
        self._stdout: asyncio.StreamReader | None = None
        self._pipes: list[asyncio.BaseTransport] = []
        self.output_ended = asyncio.Event()
        """Set when the child has closed its stdout: it has ended, or is about to."""

    async def __aenter__(self) -> ServerProcess:
        self._child = self._start(self._command)
        try:
            await self._connect(self._child)
        except BaseException:
            self._child.send_signal(signal.SIGKILL)
            self._close()
            raise
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
        self._close()
        if cancelled:
            raise asyncio.CancelledError

    @property
    def child(self) -> Child:
        """The running process."""
        if self._child is None:
            raise RuntimeError("the server process has not been started")
        return self._child

    async def _connect(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        self._stdout = asyncio.StreamReader(limit=LONGEST_LINE)
        reading = asyncio.StreamReaderProtocol(self._stdout)
        output, _ = await loop.connect_read_pipe(lambda: reading, child.stdout)
        self._pipes.append(output)
        # A protocol that knows when the pipe is full; it reads nothing.
        writing = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        to_input, _ = await loop.connect_write_pipe(lambda: writing, child.stdin)
        self._pipes.append(to_input)
        self._stdin = asyncio.StreamWriter(to_input, writing, None, loop)

    def _close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        self.child.close()

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of the child's stdout until it closes it."""
        if self._stdout is None:
            return
        with contextlib.suppress(ConnectionError):
            while line := await self._stdout.readline():
                yield line
        self.output_ended.set()

    async def write_line(self, text: str) -> None:
        """Send one line; raises ConnectionError when the child no longer reads."""
        if self._stdin is None or self._stdin.is_closing():
            raise ConnectionError("the server's input is closed")
        self._stdin.write(text.encode() + b"\n")
        await self._stdin.drain()

    async def ended_within(self, seconds: float) -> bool:
        """Whether the child ends in that time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.child.returncode is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    async def _stop(self) -> None:
        """Close the input; terminate and then kill a child that does not end by itself."""
        child = self.child
        if self._stdin is not None:
            self._stdin.close()
        drain = asyncio.create_task(self._drain())
        try:
            for patience, last_resort in (
                (GRACE_SECONDS, signal.SIGTERM),
                (KILL_SECONDS, signal.SIGKILL),
            ):
                if await self.ended_within(patience):
                    return
                child.send_signal(last_resort)
            await self.ended_within(GRACE_SECONDS)
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

        from zava_tui.held_rows import hold_rows

        received, to_session = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        from_session, to_send = anyio.create_memory_object_stream[SessionMessage](0)
        gone = (anyio.BrokenResourceError, anyio.ClosedResourceError)

        async def read() -> None:
            async with received:
                with contextlib.suppress(*gone):
                    async for line in self.lines():
                        await received.send(await parse(line))

        async def parse(line: bytes) -> SessionMessage | Exception:
            try:
                if len(line) < LONG_LINE:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                else:
                    parts = await parsed_in_slices(line.decode())
                    hold_rows(parts)
                    message = jsonrpc_message_adapter.validate_python(parts, by_name=False)
                return SessionMessage(message)
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
