"""A balancer for tests: passes TCP connections to servers in turn, and drops one that is gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 64 * 1024
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """`held` counts the connections that each server has now. One that refused is asked no more."""

    def __init__(self, servers: Sequence[str]) -> None:
        """`servers` are addresses such as `http://127.0.0.1:8000`."""
        self._servers = list(servers)
        self.held: Counter[str] = Counter()
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Balancer]:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        self.url = "http://127.0.0.1:{1}/mcp".format(*listening.sockets[0].getsockname())
        try:
            yield self
        finally:
            listening.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self._servers:
            # Last from now on, for whoever comes meanwhile.
            self._servers.append(server := self._servers.pop(0))
            self.held[server] += 1
            try:
                address = urlsplit(server)
                streams = await asyncio.open_connection(address.hostname, address.port)
                await _join((reader, writer), streams)
                return
            except OSError:
                with suppress(ValueError):
                    self._servers.remove(server)
            finally:
                self.held[server] -= 1
        writer.close()


async def _join(client: Streams, server: Streams) -> None:
    """Until either side has closed its connection; then the other is closed as well."""
    there = asyncio.create_task(_pass(client[0], server[1]))
    back = asyncio.create_task(_pass(server[0], client[1]))
    await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
    for task, (_, writer) in ((there, server), (back, client)):
        task.cancel()
        writer.close()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
