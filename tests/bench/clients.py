"""Clients of the real server and of the bare one, over stdio and HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import TextContent

from tests.bench.ground import Ground
from tests.integration.http_servers import HttpServer, client_of, http_server

# The bench is one caller who calls without a pause.
NO_LIMITS = {"ZAVA_CALLS_PER_MINUTE": "0", "ZAVA_MAX_CONCURRENT_STATEMENTS": "0"}
# Lines drawn in colour would cost the bare server more than its answers.
QUIET = {"FASTMCP_LOG_LEVEL": "ERROR", "ZAVA_LOG_LEVEL": "ERROR"}


def stdio_command(ground: Ground, user: str) -> list[str]:
    return [
        *(sys.executable, "-m", "zava_server", "stdio"),
        *("--user", user, "--data-dir", str(ground.data_dir)),
    ]


def bare_command(ground: Ground, *words: str) -> list[str]:
    owner = ground.database.owner
    assert owner is not None
    login = {"host": owner.host, "port": owner.port, "user": owner.user, "database": owner.database}
    return [sys.executable, "-m", "tests.bench.bare_server", "--owner", json.dumps(login), *words]


@asynccontextmanager
async def over_stdio(command: Sequence[str]) -> AsyncIterator[Client[Any]]:
    program, *arguments = command
    transport = StdioTransport(program, arguments, env={**os.environ, **QUIET}, keep_alive=False)
    async with Client(transport) as client:
        yield client


@contextmanager
def zava_over_http(ground: Ground, *words: str) -> Iterator[HttpServer]:
    with http_server(ground.settings, *words, environment=NO_LIMITS) as server:
        yield server


@contextmanager
def bare_over_http(ground: Ground) -> Iterator[str]:
    """Its address."""
    process = subprocess.Popen(
        bare_command(ground, "--http"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **QUIET},
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def both_over_http(
    ground: Ground, user: str
) -> AsyncIterator[tuple[Client[Any], Client[Any]]]:
    with zava_over_http(ground, "--user", user) as server, bare_over_http(ground) as url:
        async with (
            client_of(server.mcp, server.token) as ours,
            client_of(url, None) as bare,
        ):
            yield ours, bare


async def query(client: Client[Any], sql: str) -> list[list[Any]]:
    """The rows that the real server gives."""
    result = await client.call_tool("execute_sales_query", {"postgresql_query": sql})
    content: Mapping[str, Any] = result.structured_content or {}
    rows: list[list[Any]] = content["rows"]
    return rows


async def fetch(client: Client[Any], sql: str) -> list[list[Any]]:
    """The rows that the bare one gives."""
    result = await client.call_tool("fetch", {"sql": sql})
    (part,) = result.content
    assert isinstance(part, TextContent)
    rows: list[list[Any]] = json.loads(part.text)
    return rows


async def one(client: Client[Any]) -> list[list[Any]]:
    """What the bare one knows without asking anybody."""
    result = await client.call_tool("one", {})
    assert result.structured_content is not None
    return [[result.structured_content["result"]]]


def plain(rows: Sequence[Sequence[Any]]) -> list[list[Decimal | str]]:
    """Values as they mean the same, whether an amount came as a number or as text."""
    return [[_plain(value) for value in row] for row in rows]


def _plain(value: object) -> Decimal | str:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)
