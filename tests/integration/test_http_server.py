"""A real server over real HTTP, in both protocol eras, with one process and with several."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from mcp.shared.exceptions import MCPError

from tests.conftest import skip_without
from tests.integration.http_servers import (
    ERAS,
    Era,
    HttpServer,
    client_of,
    content,
    get,
    http_command,
    http_server,
    issued,
    post,
)
from tests.integration.states import until
from tests.integration.test_cancellation import COUNTING, SOON_COUNTED, Activity
from tests.integration.test_stdio_server import TOOLS
from zava_server.infrastructure.settings import Settings
from zava_server.protocol import scopes
from zava_server.startup import Database

OPS_TOOLS = {"get_slow_queries", "get_pool_health", "get_server_health"}
ALWAYS = {"whoami", "list_stores", "get_current_utc_date"}


@pytest.fixture(scope="module")
async def seattle(database: Database, settings: Settings) -> str:
    return await issued(settings, "seattle")


@pytest.fixture(scope="module")
async def tacoma(database: Database, settings: Settings) -> str:
    return await issued(settings, "tacoma")


@pytest.fixture(scope="module")
async def operator(database: Database, settings: Settings) -> str:
    return await issued(settings, "head-office", "query,search,metrics,ops")


@pytest.fixture(scope="module")
def server(seattle: str, settings: Settings) -> Iterator[HttpServer]:
    with http_server(settings) as server:
        yield server


@pytest.fixture
async def activity(database: Database) -> AsyncIterator[Activity]:
    assert database.owner is not None
    owner = await database.owner.connect()
    yield Activity(owner)
    await owner.close()


@pytest.mark.parametrize("era", ERAS)
async def test_each_request_is_its_tokens_users(
    era: Era, server: HttpServer, seattle: str, tacoma: str
) -> None:
    sql = "SELECT DISTINCT store_id::text FROM orders"
    async with (
        client_of(server.mcp, seattle, era) as one,
        client_of(server.mcp, tacoma, era) as other,
    ):
        for _ in range(3):
            stores = {}
            for client, user in ((one, "seattle"), (other, "tacoma")):
                me = await content(client, "whoami")
                assert me["user"] == user
                seen = await content(client, "execute_sales_query", postgresql_query=sql)
                assert seen["rows"] == [[me["stores"][0]["store_id"]]]
                stores[user] = me["stores"][0]["name"]
            assert stores == {"seattle": "Seattle", "tacoma": "Tacoma"}


async def test_no_header_names_a_user(server: HttpServer, seattle: str) -> None:
    headers = {"X-User": "tacoma", "X-Forwarded-User": "tacoma", "Zava-User": "tacoma"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"}}
    answer = await post(server.mcp, json.dumps(call).encode(), seattle, **headers)
    assert '"user":"seattle"' in answer.text


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("user", "scopes", "tools"),
    [
        ("seattle", "query", {"execute_sales_query", "explain_query", "browse_table"}),
        ("seattle", "search", {"semantic_search_products", "similar_products"}),
        ("seattle", "metrics", {"get_store_performance", "get_stock_alerts"}),
        ("head-office", "ops", OPS_TOOLS),
        ("head-office", "query,search,metrics", TOOLS - OPS_TOOLS),
        ("head-office", "query,search,metrics,ops", TOOLS),
    ],
)
async def test_a_tool_outside_the_scopes_is_neither_listed_nor_callable(
    era: Era, user: str, scopes: str, tools: set[str], server: HttpServer, settings: Settings
) -> None:
    token = await issued(settings, user, scopes)
    async with client_of(server.mcp, token, era) as client:
        listed = {tool.name for tool in await client.list_tools()}
        assert ALWAYS | tools <= listed
        for name in TOOLS - listed:
            refused = await client.call_tool(name, {}, raise_on_error=False)
            unknown = await client.call_tool(f"no_{name}", {}, raise_on_error=False)
            assert refused.is_error
            assert str(refused.content).replace(name, "") == str(unknown.content).replace(
                f"no_{name}", ""
            )


async def test_resources_are_closed_like_tools(
    server: HttpServer, seattle: str, operator: str
) -> None:
    async with client_of(server.mcp, seattle) as client:
        assert {str(r.uri) for r in await client.list_resources()} == {"zava://stores"}
        assert "orders" in str(await client.read_resource("zava://schema/orders"))
        for uri in ("zava://health", "zava://slow-queries", "zava://nothing"):
            with pytest.raises(MCPError, match="not found"):
                await client.read_resource(uri)
    async with client_of(server.mcp, operator) as client:
        assert len(await client.list_resources()) == 3
        assert "acquire_wait_ms" in str(await client.read_resource("zava://health"))


async def test_the_permission_ops_takes_the_scope_as_well(
    server: HttpServer, settings: Settings, operator: str
) -> None:
    token = await issued(settings, "head-office", "query")
    async with client_of(server.mcp, token) as client:
        assert (await content(client, "whoami"))["permissions"] == []
        plan = await content(client, "explain_query", postgresql_query="SELECT 1 FROM orders")
        assert "estimated" not in str(plan)
    async with client_of(server.mcp, operator) as client:
        assert (await content(client, "whoami"))["permissions"] == ["ops"]


@pytest.mark.parametrize(("path", "word"), [("live", "live"), ("ready", "ready")])
async def test_short_health_is_open_and_one_word(path: str, word: str, server: HttpServer) -> None:
    answer = await get(f"{server.base}/health/{path}")
    assert (answer.status_code, answer.text) == (200, word)


@pytest.mark.parametrize("path", ["health", "metrics"])
async def test_details_and_metrics_are_for_ops(
    path: str, server: HttpServer, seattle: str, operator: str
) -> None:
    url = f"{server.base}/{path}"
    assert (await get(url)).status_code == 401
    assert (await get(url, seattle)).status_code == 403
    answer = await get(url, operator)
    assert answer.status_code == 200
    assert ("zava_query_total" if path == "metrics" else '"versions"') in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost:5173"}, 200),
        ({}, 200),
    ],
)
async def test_strange_hosts_and_origins_are_refused(
    headers: dict[str, str], status: int, server: HttpServer
) -> None:
    assert (await get(f"{server.base}/health/live", **headers)).status_code == status


async def test_what_is_allowed_by_name_passes(settings: Settings, seattle: str) -> None:
    words = ("--allowed-host", "zava.example", "--allowed-origin", "https://app.example")
    public = {"ZAVA_HTTP_PUBLIC_URL": "https://public.example"}
    with http_server(settings, *words, environment=public) as server:
        for host, origin, status in (
            ("zava.example", "https://app.example", 200),
            ("public.example", "https://public.example", 200),
            ("public.example", "https://evil.example", 403),
            ("evil.example", "https://app.example", 421),
        ):
            answer = await get(f"{server.base}/health/live", Host=host, Origin=origin)
            assert answer.status_code == status, (host, origin)


async def test_a_user_named_at_the_start_gets_a_token_that_ends_with_the_server(
    settings: Settings, database: Database
) -> None:
    with http_server(settings, "--user", "tacoma") as server:
        assert server.token is not None
        async with client_of(server.mcp, server.token) as client:
            assert (await content(client, "whoami"))["user"] == "tacoma"
        assert await server.stop() == 0
    with http_server(settings, "--user", "tacoma") as again:
        assert (await post(again.mcp, b"{}", server.token)).status_code == 401


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--user", "nobody"), "There is no user nobody."),
        (("--user", "seattle", "--host", "0.0.0.0"), "gives a token for this machine only."),
        (("--host", "192.0.2.1"), "cannot be listened on"),
        (("--host", "no.such.host.invalid"), "There is no address no.such.host.invalid."),
        (("--ssl-keyfile", "/dev/null"), "without --ssl-certfile"),
        (("--ssl-certfile", "/dev/null"), "The TLS files cannot be used"),
        (("--workers", "0"), "workers"),
    ],
)
def test_what_cannot_be_served_is_said_and_ends_the_command(
    words: tuple[str, ...], says: str, settings: Settings, seattle: str
) -> None:
    ended = subprocess.run(
        http_command(settings, *words), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode in (1, 2)
    assert says in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("127.0.0.1", "No token has been issued, so that nobody could be served."),
        ("0.0.0.0", "The server does not listen beyond this machine without tokens."),
    ],
)
def test_nothing_is_served_without_tokens(
    host: str, says: str, settings: Settings, database: Database, seattle: str
) -> None:
    without = {**os.environ, "ZAVA_TOKEN_KEY_FILE": "/nonexistent/token.key"}
    ended = subprocess.run(
        http_command(settings, "--host", host),
        capture_output=True,
        text=True,
        timeout=60,
        env=without,
    )
    assert ended.returncode == 2
    assert says in ended.stderr


def test_a_port_that_is_taken_is_said(server: HttpServer, settings: Settings) -> None:
    command = http_command(settings)
    command[command.index("--port") + 1] = server.base.rpartition(":")[2]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "cannot be listened on: Address already in use. Choose another" in ended.stderr


async def test_beyond_this_machine_without_tls_is_warned_of_loudly(
    settings: Settings, seattle: str
) -> None:
    with http_server(settings, "--host", "0.0.0.0") as server:
        assert "UNENCRYPTED" in server.said()
    behind = {"ZAVA_HTTP_PUBLIC_URL": "https://zava.example"}
    with http_server(settings, "--host", "0.0.0.0", environment=behind) as server:
        assert "UNENCRYPTED" not in server.said()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Signed by itself, and its key."""
    if shutil.which("openssl") is None:
        skip_without("openssl")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    return chain, key


async def test_it_speaks_tls_with_the_files_it_is_given(
    settings: Settings, seattle: str, certificate: tuple[Path, Path]
) -> None:
    chain, key = certificate
    words = ("--ssl-certfile", str(chain), "--ssl-keyfile", str(key))
    with http_server(settings, *words) as server:
        assert server.base.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(chain))
        async with httpx2.AsyncClient(verify=trust) as http:
            answer = await http.get(f"{server.base}/health/live")
        assert answer.text == "live"


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("sql", "ends"), [(SOON_COUNTED, "rows"), (COUNTING, "error")], ids=["soon", "never"]
)
async def test_calls_are_answered_before_a_server_that_is_stopped_leaves(
    workers: str, sql: str, ends: str, settings: Settings, operator: str, activity: Activity
) -> None:
    with http_server(settings, "--workers", workers) as server:
        async with client_of(server.mcp, operator) as client:
            # A client that knows no schema asks for it after the answer, when nobody is there.
            await content(client, "execute_sales_query", postgresql_query="SELECT 1")
            calling = asyncio.create_task(
                content(client, "execute_sales_query", postgresql_query=sql)
            )
            await activity.starts()
            stopping = asyncio.create_task(server.stop())
            answer = await calling
            assert ends in answer
            if ends == "error":
                assert answer["error"]["message"] == "The server is stopping."
            assert await stopping == 0


async def test_workers_end_with_their_supervisor(settings: Settings, operator: str) -> None:
    with http_server(settings, "--workers", "2") as server:
        workers = psutil.Process(server.process.pid).children()
        server.process.send_signal(signal.SIGKILL)
        await until(lambda: not any(worker.is_running() for worker in workers))


async def test_a_worker_that_cannot_begin_ends_the_command(
    settings: Settings, seattle: str
) -> None:
    ended = await asyncio.to_thread(
        subprocess.run,
        http_command(settings, "--workers", "2", "--user", "nobody"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "There is no user nobody." in ended.stderr


async def test_every_tool_and_resource_is_open_to_some_scope_and_no_more_are(
    server: HttpServer, operator: str
) -> None:
    """A tool that is added must be given a scope, or nobody sees it."""
    assert set(scopes.TOOLS) == TOOLS
    async with client_of(server.mcp, operator) as client:
        listed = {str(resource.uri) for resource in await client.list_resources()}
        templates = {template.uri_template for template in await client.list_resource_templates()}
    assert set(scopes.RESOURCES) == listed | templates
