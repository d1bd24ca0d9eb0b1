"""What `zava --connect` says of a server that will not have us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.ui.scripted import until_shown
from zava_tui.app import ZavaApp
from zava_tui.backend import RemoteBackend

SIZE = (120, 40)


@asynccontextmanager
async def server_that_answers(status: str) -> AsyncIterator[str]:
    """The address of an HTTP server that answers everything with this status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/mcp"


@pytest.mark.parametrize(
    ("token", "sentences"),
    [
        ("wrong", ("The token was refused by the server", "--token.")),
        (None, ("A token is wanted by the server", "or set ZAVA_TOKEN.")),
    ],
)
async def test_a_refused_token_is_said_to_be_that(
    token: str | None, sentences: tuple[str, str]
) -> None:
    async with server_that_answers("401 Unauthorized") as url:
        app = ZavaApp(RemoteBackend(url, token))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "✖ No server", *sentences, "r try again · q quit")


async def test_what_is_no_server_of_ours_cannot_be_reached() -> None:
    async with server_that_answers("404 Not Found") as url:
        app = ZavaApp(RemoteBackend(url, "any"))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "No server can be reached at", "Check the address")
