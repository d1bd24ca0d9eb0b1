"""What one client sends, however much or slowly, costs the others nothing."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.integration.http_servers import (
    HttpServer,
    bearer,
    client_of,
    content,
    get,
    http_server,
    issued,
    post,
)
from tests.integration.states import until_it_is
from tests.integration.test_cancellation import SOON_COUNTED
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.http import connections, limits
from zava_server.startup import Database

CALLERS = 64
CONNECTED = 1000
USERS = ("bellevue", "everett", "kirkland", "online", "redmond", "seattle", "spokane", "tacoma")
# Half a second or so of work in a small shop.
HEAVY = "SELECT count(*) FROM customers AS a, customers AS b WHERE a.created_at < b.created_at"


@pytest.fixture(scope="module")
async def operator(database: Database, settings: Settings) -> str:
    return await issued(settings, "head-office", "query,search,metrics,ops")


@pytest.fixture(scope="module")
def server(operator: str, settings: Settings) -> Iterator[HttpServer]:
    with http_server(settings) as server:
        yield server


async def test_a_large_request_is_refused_whole_or_in_pieces(
    server: HttpServer, operator: str
) -> None:
    large = b'"' + b"x" * limits.MOST_BODY_BYTES + b'"'
    assert (await post(server.mcp, large, operator)).status_code == 413
    assert (await post(server.mcp, large)).status_code == 401

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 16_384

    async with httpx2.AsyncClient() as http:
        answer = await http.post(server.mcp, content=pieces(), headers=bearer(operator))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/health/live", {"X-Much": "x" * 17_000}, 431),
        (f"/health/live?{'x' * 17_000}", {}, 431),
        ("/health/live", {f"X-{n}": "x" * 100 for n in range(170)}, 431),
        ("/health/live", {"X-Much": "x" * 8_000}, 200),
    ],
    ids=["header", "query", "many headers", "what may be"],
)
async def test_a_large_head_is_refused(
    path: str, headers: dict[str, str], status: int, server: HttpServer
) -> None:
    assert (await get(f"{server.base}{path}", **headers)).status_code == status


async def test_a_head_without_an_end_is_cut_off(server: HttpServer) -> None:
    # Before or after the answer is read, as it happens.
    with suppress(httpx2.TransportError):
        answer = await get(f"{server.base}/health/live", **{"X-Much": "x" * 400_000})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"[" * 200_000, b'{"a":' * 40_000, b"[1e999999]", b"9" * 100_000, b"\xff\xfe"],
    ids=["empty", "nul", "deep list", "deep object", "infinite", "digits", "no utf-8"],
)
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_nonsense_is_refused_and_the_server_serves_on(
    body: bytes, version: str, server: HttpServer, operator: str
) -> None:
    answer = await post(server.mcp, body, operator, **{"MCP-Protocol-Version": version})
    assert answer.status_code == 400
    assert (await get(f"{server.base}/health/live")).status_code == 200
    assert "Traceback" not in server.said()


async def test_calls_a_minute_are_counted_for_each_user(settings: Settings, operator: str) -> None:
    other = await issued(settings, "seattle")
    again = await issued(settings, "head-office")
    with http_server(settings, environment={"ZAVA_CALLS_PER_MINUTE": "5"}) as server:
        async with client_of(server.mcp, operator) as client:
            for _ in range(5):
                assert "error" not in await content(client, "whoami")
            assert (await content(client, "whoami"))["error"]["code"] == "RATE_LIMITED"
        # Another token gives the same user nothing more.
        async with client_of(server.mcp, again) as client:
            assert (await content(client, "whoami"))["error"]["code"] == "RATE_LIMITED"
        async with client_of(server.mcp, other) as client:
            assert (await content(client, "whoami"))["user"] == "seattle"


async def call(http: httpx2.AsyncClient, url: str, token: str, tool: str, **arguments: Any) -> Any:
    """The structured content of an answer over a connection that is kept."""
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }
    headers = {"Accept": "application/json, text/event-stream", **bearer(token)}
    answer = await http.post(url, json=request, headers=headers)
    answer.raise_for_status()
    (line,) = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    return json.loads(line.removeprefix("data: "))["result"]["structuredContent"]


async def test_a_user_has_four_statements_running_at_most(
    server: HttpServer, operator: str
) -> None:
    sql = SOON_COUNTED
    async with httpx2.AsyncClient(timeout=60) as http:
        answers = await asyncio.gather(
            *(
                call(http, server.mcp, operator, "execute_sales_query", postgresql_query=sql)
                for _ in range(7)
            )
        )
    codes = Counter(answer.get("error", {"code": "ok"})["code"] for answer in answers)
    assert codes == {"ok": 4, "RATE_LIMITED": 3}


async def test_a_thousand_clients_connect_while_64_call(
    server: HttpServer, settings: Settings, operator: str
) -> None:
    tokens = [await issued(settings, user) for user in USERS]
    process = psutil.Process(server.process.pid)
    outcomes: Counter[str] = Counter()

    async def connect() -> asyncio.StreamWriter:
        """A client that asks for nothing hard and stays."""
        address = urlsplit(server.base)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"GET /health/live HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
        writer.write(head.encode())
        assert b"200" in await asyncio.wait_for(reader.readline(), 60)
        return writer

    async def caller(number: int, http: httpx2.AsyncClient) -> None:
        token = tokens[number % len(tokens)]
        for _ in range(3):
            answer = await call(
                http, server.mcp, token, "execute_sales_query", postgresql_query=HEAVY
            )
            outcomes[answer.get("error", {"code": "ok"})["code"]] += 1

    before = process.memory_info().rss
    limit = httpx2.Limits(max_connections=CALLERS)
    async with httpx2.AsyncClient(timeout=100, limits=limit) as http:
        connecting = asyncio.gather(*(connect() for _ in range(CONNECTED)))
        await asyncio.gather(*(caller(number, http) for number in range(CALLERS)))
        writers = await connecting
        assert len(process.net_connections()) >= CONNECTED
    for writer in writers:
        writer.close()
    print(dict(outcomes), f"{(process.memory_info().rss - before) / 1e6:.0f} MB more")
    assert outcomes.total() == 3 * CALLERS
    assert set(outcomes) <= {"ok", "BUSY", "RATE_LIMITED"}
    assert outcomes["ok"] > 0
    async with client_of(server.mcp, operator) as client:

        async def busy() -> tuple[int, int]:
            pool = await content(client, "get_pool_health")
            return pool["in_use"], pool["waiting"]

        await until_it_is(busy, (0, 0), seconds=10)
        rows = await content(client, "execute_sales_query", postgresql_query="SELECT 1")
        assert rows["rows"] == [[1]]


async def test_clients_for_whom_there_are_no_files_are_told_so_and_the_others_served(
    settings: Settings, operator: str
) -> None:
    with http_server(settings, open_files=256) as server:
        assert "Raise it by LimitNOFILE" in server.said()
        address = urlsplit(server.base)
        asking = f"GET /health/live HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()

        async def ask(client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
            reader, writer = client
            writer.write(asking)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            (length,) = re.findall(rb"content-length: (\d+)", head)
            await reader.readexactly(int(length))
            return head.split()[1]

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection(address.hostname, address.port)

        async with client_of(server.mcp, operator) as client:
            assert (await content(client, "whoami"))["user"] == "head-office"
            clients = await asyncio.gather(*(connect() for _ in range(200)))
            answers = Counter([await ask(client) for client in clients])
            assert set(answers) == {b"200", b"503"}
            # Whoever is in stays in.
            (first, *_) = clients
            assert await ask(first) == b"200"
            assert (await content(client, "list_stores"))["stores"]
            for _, writer in clients:
                writer.close()
            await until_it_is(lambda: status_of(server), 200, seconds=20)
        assert "Traceback" not in server.said()
        assert "Too many open files" not in server.said()


async def status_of(server: HttpServer) -> int:
    return (await get(f"{server.base}/health/live")).status_code


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that reads all it is sent; `/large` answers more than a socket holds."""
    if scope["type"] != "http":
        return
    request = Request(scope, receive)
    await request.body()
    large = scope["path"] == "/large"
    response: Response = PlainTextResponse(b"x" * (32_000_000 if large else 1))
    await response(scope, receive, send)


@asynccontextmanager
async def impatient(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """A server with the same limits, but shorter."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.4)
    monkeypatch.setattr(connections, "WRITE_SECONDS", 0.4)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    server = uvicorn.Server(
        uvicorn.Config(
            limits.BodyLimits(echo),
            port=0,
            http=connections.GuardedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=1,
        )
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        await serving


async def drip(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Sends a byte now and then, until nobody listens."""
    for byte in text:
        writer.write(bytes([byte]))
        try:
            await writer.drain()
        except OSError:
            return
        await asyncio.sleep(0.05)


Sending = Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]
_POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


async def silence(writer: asyncio.StreamWriter) -> None:
    """Sends nothing."""


async def slow_head(writer: asyncio.StreamWriter) -> None:
    await drip(writer, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100)


async def second_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await drip(writer, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100)


async def slow_body(writer: asyncio.StreamWriter) -> None:
    writer.write(_POST)
    await drip(writer, b"x" * 400)


@pytest.mark.parametrize(
    ("sending", "answer"),
    [(silence, b""), (slow_head, b""), (second_head, b"200"), (slow_body, b"408")],
)
async def test_a_client_that_is_too_slow_is_left(
    sending: Sending, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with impatient(monkeypatch) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        sender = asyncio.create_task(sending(writer))
        said = b""
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                said = await reader.read()
            await sender
        assert answer in said
        writer.close()


async def test_a_client_that_takes_no_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async with impatient(monkeypatch) as (host, port):
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()
        # It reads no more, and the server would wait for ever.
        await asyncio.sleep(1)
        received = 0
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                while chunk := await reader.read(65_536):
                    received += len(chunk)
        assert received < 32_000_000
        writer.close()


async def test_a_client_that_sends_in_time_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    async with impatient(monkeypatch) as (host, port), httpx2.AsyncClient() as http:
        for _ in range(3):
            answer = await http.post(f"http://{host}:{port}/", content=b"x" * 200_000)
            assert answer.text == "x"
