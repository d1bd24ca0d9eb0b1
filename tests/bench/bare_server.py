"""A FastMCP server with nothing in front of its tools: what the real one is measured against.

    python -m tests.bench.bare_server [--http] [--owner JSON] [--empty]

Over HTTP it prints the port it listens on. With `--owner` it serves that database's rows as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import uvicorn
from fastmcp import FastMCP


def build(owner: asyncpg.Connection | None, *, empty: bool) -> FastMCP:
    server = FastMCP("bare")
    if empty:
        return server

    @server.tool
    async def one() -> int:
        return 1

    @server.tool
    async def fetch(sql: str) -> str:
        assert owner is not None
        return json.dumps([list(row) for row in await owner.fetch(sql)], default=str)

    return server


async def serve(*, http: bool, owner: dict[str, Any] | None, empty: bool) -> None:
    async with AsyncExitStack() as stack:
        connection = None
        if owner is not None:
            connection = await asyncpg.connect(**owner)
            stack.push_async_callback(connection.close)
        server = build(connection, empty=empty)
        if not http:
            await server.run_stdio_async(show_banner=False)
            return
        # As the real one: stateless, answers as events, h11.
        app = server.http_app(path="/mcp", stateless_http=True, json_response=False)
        # Asyncio sends small answers at once only on sockets that are said to be TCP: 40 ms a call.
        with socket.socket(proto=socket.IPPROTO_TCP) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1024)
            print(listener.getsockname()[1], flush=True)
            configuration = uvicorn.Config(
                app, http="h11", ws="none", lifespan="on", log_config=None, access_log=False
            )
            await uvicorn.Server(configuration).serve(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--owner", type=json.loads, help="how to log in, as JSON")
    parser.add_argument("--empty", action="store_true", help="no tools")
    options = parser.parse_args()
    asyncio.run(serve(http=options.http, owner=options.owner, empty=options.empty))


if __name__ == "__main__":
    main()
