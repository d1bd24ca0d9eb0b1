"""Over HTTP too, a call that nobody waits for any more ends in the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

from tests.integration.http_servers import ERAS, Era, HttpServer, client_of, http_server
from tests.integration.test_cancellation import COUNTING, FETCHING, Activity
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

# It takes less than 200 ms (printed) where nothing else runs; this is for a busy machine.
_MOST_MS = 1500


@pytest.fixture(scope="module")
def server(database: Database, settings: Settings) -> Iterator[HttpServer]:
    with http_server(settings, "--user", "head-office") as server:
        yield server


@pytest.fixture
async def activity(database: Database) -> AsyncIterator[Activity]:
    assert database.owner is not None
    owner = await database.owner.connect()
    yield Activity(owner)
    await owner.close()


async def test_a_cancelled_call_ends_its_statement(server: HttpServer, activity: Activity) -> None:
    """In the era in which closing the answer's stream cancels; the older one needs a session."""
    async with client_of(server.mcp, server.token, "auto") as client:
        for sql in (COUNTING, FETCHING, COUNTING):
            arguments = {"postgresql_query": sql, "max_rows": 50_000}
            calling = asyncio.create_task(client.call_tool("execute_sales_query", arguments))
            await activity.starts()
            calling.cancel()
            await asyncio.wait({calling})
            assert calling.cancelled()
            took = await activity.ends()
            print(f"cancelled, the statement ended after {took:.0f} ms")
            assert took < _MOST_MS
        assert (await client.call_tool("whoami", {})).structured_content is not None


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("ending", ["closes", "aborts"])
async def test_a_client_that_disconnects_counts_as_cancelled(
    era: Era, ending: str, server: HttpServer, activity: Activity
) -> None:
    for _ in range(3):
        writer = await _begin(server, era)
        await activity.starts()
        if ending == "closes":
            writer.close()
        else:
            writer.transport.abort()
        took = await activity.ends()
        print(f"{era}: {ending}, the statement ended after {took:.0f} ms")
        assert took < _MOST_MS


async def _begin(server: HttpServer, era: Era) -> asyncio.StreamWriter:
    """A connection on which an endless call was sent."""
    params = {"name": "execute_sales_query", "arguments": {"postgresql_query": COUNTING}}
    headers = {
        "Host": urlsplit(server.base).netloc,
        "Authorization": f"Bearer {server.token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    if era == "auto":
        version = "2026-07-28"
        meta = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {**params, "_meta": meta}
        headers |= {
            "MCP-Protocol-Version": version,
            "Mcp-Method": "tools/call",
            "Mcp-Name": "execute_sales_query",
        }
    else:
        headers["MCP-Protocol-Version"] = "2025-11-25"
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    body = json.dumps(request).encode()
    headers["Content-Length"] = str(len(body))
    address = urlsplit(server.base)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body)
    await writer.drain()
    return writer
