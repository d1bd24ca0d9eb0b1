"""A TCP proxy that stalls, cuts and goes on again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PIECE = 64 * 1024


class TcpProxy:
    """Passes bytes between its clients and one server."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._flows = asyncio.Event()
        self._flows.set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._cut_after: int | None = None
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[TcpProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.sleep(0)

    def stall(self) -> None:
        """New clients are let in, and nothing passes in either direction."""
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def cut(self) -> None:
        """Resets all connections there are."""
        for client in list(self._clients):
            client.transport.abort()

    def cut_once_after(self, answered: int) -> None:
        """Resets the next connection over which so many bytes have been answered."""
        self._cut_after = answered

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        theirs: asyncio.StreamWriter | None = None
        try:
            answers, theirs = await asyncio.open_connection(*self._target)
            await asyncio.gather(
                self._pass(reader, theirs, answers=False), self._pass(answers, writer, answers=True)
            )
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._clients.discard(writer)
            for end in (writer, theirs):
                if end is not None:
                    end.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while piece := await source.read(_PIECE):
            await self._flows.wait()
            if answers and self._cut_after is not None:
                self._cut_after -= len(piece)
                if self._cut_after <= 0:
                    self._cut_after = None
                    raise ConnectionResetError
            sink.write(piece)
            await sink.drain()
        raise ConnectionResetError
