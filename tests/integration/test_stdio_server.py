"""A real client talks to the real server over real stdio, in both protocol eras."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastmcp import Client
from fastmcp.client.client import CallToolResult
from fastmcp.client.transports import StdioTransport
from mcp_types import TextContent

from tests.conftest import Staff
from zava_server.data.sessions import session
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, open_database, prepare

TOOLS = {
    "browse_table",
    "execute_sales_query",
    "explain_query",
    "get_multiple_table_schemas",
    "semantic_search_products",
    "similar_products",
    "get_current_utc_date",
    "whoami",
    "list_stores",
    "get_store_performance",
    "get_sales_trend",
    "get_top_products",
    "get_stock_alerts",
    "get_slow_queries",
    "get_pool_health",
    "get_server_health",
}


def command(settings: Settings, *words: str) -> list[str]:
    return [sys.executable, "-m", "zava_server", *words, "--data-dir", str(settings.data_dir)]


def transport(settings: Settings, user: str) -> StdioTransport:
    program, *arguments = command(settings, "stdio", "--user", user)
    return StdioTransport(program, arguments, env=dict(os.environ), keep_alive=False)


@pytest.fixture(scope="module")
async def client(database: Database, settings: Settings) -> AsyncIterator[Client[Any]]:
    async with Client(transport(settings, "seattle")) as client:
        yield client


def text_of(result: CallToolResult) -> str:
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text if result.is_error else undelimited(part.text)


def undelimited(text: str) -> str:
    """What stands between the tags that mark a result as data."""
    start, _, rest = text.partition("\n")
    data, _, end = rest.rpartition("\n")
    assert re.fullmatch(r"<untrusted-data-[0-9a-f]{16}>", start)
    assert end == start.replace("<", "</")
    return data


async def call(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert result.structured_content is not None
    return result.structured_content


async def test_it_lists_its_tools_as_read_only_with_descriptions(client: Client[Any]) -> None:
    tools = {tool.name: tool for tool in await client.list_tools()}
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint


async def test_it_says_who_the_user_is(client: Client[Any], staff: Staff) -> None:
    me = await call(client, "whoami")
    assert (me["user"], me["role"]) == ("seattle", "store_manager")
    assert me["stores"] == [{"store_id": str(staff["seattle"].store_ids[0]), "name": "Seattle"}]


async def test_a_query_comes_back_as_text_and_as_a_table(client: Client[Any]) -> None:
    result = await client.call_tool(
        "execute_sales_query",
        {"postgresql_query": "SELECT name, 1.5 AS n, NULL AS x FROM stores WHERE name = 'Tacoma'"},
    )
    assert result.structured_content is not None
    elapsed = result.structured_content.pop("elapsed_ms")
    assert elapsed > 0
    assert result.structured_content == {
        "columns": [
            {"name": "name", "type": "text"},
            {"name": "n", "type": "numeric"},
            {"name": "x", "type": "text"},
        ],
        "rows": [["Tacoma", 1.5, None]],
        "row_count": 1,
        "truncated": False,
    }
    assert text_of(result) == "1 row.\nname,n,x\nTacoma,1.5,"


async def test_the_table_can_be_left_out_of_the_text(client: Client[Any]) -> None:
    result = await client.call_tool(
        "execute_sales_query",
        {
            "postgresql_query": "SELECT n FROM generate_series(1, 5) AS n",
            "max_rows": 3,
            "text": False,
        },
    )
    assert text_of(result) == "The first 3 rows of more."
    assert result.structured_content is not None
    assert result.structured_content["truncated"]


async def test_only_the_users_store_is_in_the_figures(client: Client[Any], staff: Staff) -> None:
    table = await call(
        client, "execute_sales_query", postgresql_query="SELECT DISTINCT store_id FROM orders"
    )
    assert table["rows"] == [[str(staff["seattle"].store_ids[0])]]


async def test_an_error_has_a_code_a_sentence_and_a_hint(client: Client[Any]) -> None:
    result = await client.call_tool(
        "execute_sales_query",
        {"postgresql_query": "SELECT nme FROM stores"},
        raise_on_error=False,
    )
    assert result.is_error
    assert result.structured_content == {
        "error": {
            "code": "DATABASE_ERROR",
            "message": 'column "nme" does not exist (line 1, column 8).',
            "hint": 'Perhaps you meant to reference the column "stores.name".',
        }
    }
    assert 'column "nme" does not exist' in text_of(result)
    assert text_of(result).startswith("DATABASE_ERROR: ")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("execute_sales_query", {"postgresql_query": "SELECT 1", "max_rows": 0}),
        ("execute_sales_query", {"postgresql_query": "SELECT 1", "max_rows": 50_001}),
        ("execute_sales_query", {"postgresql_query": 7}),
        ("execute_sales_query", {}),
        ("get_multiple_table_schemas", {"table_names": ["pg_class"]}),
        ("semantic_search_products", {"query_description": "  "}),
        ("semantic_search_products", {"query_description": "x", "similarity_threshold": 2}),
        ("get_slow_queries", {"limit": -1}),
        ("get_slow_queries", {"sort": "colour"}),
    ],
)
async def test_bad_arguments_are_a_validation_error(
    tool: str, arguments: dict[str, Any], client: Client[Any]
) -> None:
    assert (await call(client, tool, **arguments))["error"]["code"] == "VALIDATION_ERROR"


async def test_schemas_tell_columns_meaning_joins_and_samples(client: Client[Any]) -> None:
    found = await call(client, "get_multiple_table_schemas", table_names=["retail.orders"])
    (orders,) = found["tables"]
    assert orders["name"] == "retail.orders"
    assert orders["primary_key"] == ["store_id", "order_id"]
    assert "(store_id) → retail.stores(store_id)" in orders["joins"]
    columns = {column["name"]: column for column in orders["columns"]}
    assert columns["total_amount"]["type"] == "numeric(10,2)"
    assert "completed" in columns["status"]["samples"]
    assert all(column["comment"] for column in orders["columns"])


async def test_a_misspelt_table_is_answered_with_the_right_name(client: Client[Any]) -> None:
    found = await call(client, "get_multiple_table_schemas", table_names=["order_item"])
    assert found["error"]["hint"] == "Did you mean order_items?"


async def test_search_by_meaning_finds_the_product_with_price_and_stock(
    client: Client[Any],
) -> None:
    answer = await call(
        client,
        "semantic_search_products",
        query_description="something to stop water leaking under the sink",
        max_rows=5,
    )
    assert answer["mode"] == "semantic"
    assert answer["row_count"] == len(answer["hits"]) == 5
    assert all(hit["category"] == "Plumbing" for hit in answer["hits"][:3])
    similarities = [hit["similarity"] for hit in answer["hits"]]
    assert similarities == sorted(similarities, reverse=True)
    assert all(hit["price"] > 0 and hit["stock"] >= 0 for hit in answer["hits"])


async def test_search_finds_a_sku(client: Client[Any]) -> None:
    table = await call(
        client,
        "execute_sales_query",
        postgresql_query="SELECT sku FROM products ORDER BY 1 LIMIT 1",
    )
    ((sku,),) = table["rows"]
    answer = await call(client, "semantic_search_products", query_description=sku.lower())
    assert [(hit["sku"], hit["match"]) for hit in answer["hits"]] == [(sku, "sku")]


async def test_stores_are_listed_with_ones_own_marked(client: Client[Any]) -> None:
    stores = (await call(client, "list_stores"))["stores"]
    assert len(stores) == 8
    assert [store["name"] for store in stores if store["mine"]] == ["Seattle"]


async def test_the_date_is_utc(client: Client[Any]) -> None:
    utc = datetime.fromisoformat((await call(client, "get_current_utc_date"))["utc"])
    assert abs((datetime.now(UTC) - utc).total_seconds()) < 5


async def test_slow_queries_show_ones_own_statements_without_literals(client: Client[Any]) -> None:
    for number in range(3):
        await call(
            client,
            "execute_sales_query",
            postgresql_query=f"SELECT count(*) + {number} FROM customers",
        )
    found = await call(client, "get_slow_queries", limit=200)
    (mine,) = [q for q in found["queries"] if "customers" in q["query"]]
    assert mine["query"] == "SELECT count(*) + $1 FROM customers"
    assert (mine["calls"], mine["rows"], mine["errors"]) == (3, 3, 0)
    assert 0 < mine["min_ms"] <= mine["p50_ms"] * 1.02
    assert mine["p50_ms"] <= mine["p95_ms"] <= mine["max_ms"] * 1.02


async def test_pool_health_tells_the_load_and_the_search_index(client: Client[Any]) -> None:
    health = await call(client, "get_pool_health")
    assert (health["status"], health["reason"], health["database"]) == ("ok", None, "embedded")
    assert health["size"] == health["idle"] + health["in_use"]
    embedder = health["embedder"]
    assert embedder["coverage"] == 1.0
    assert embedder["embedded"] == embedder["products"] > 400
    assert health["server_version"].startswith("18")


async def test_a_plan_is_a_tree_that_a_run_fills_with_rows_times_and_shares(
    client: Client[Any],
) -> None:
    sql = "SELECT status, count(*) FROM orders GROUP BY status"
    before = await call(client, "explain_query", postgresql_query=sql)
    assert before["execution_ms"] is None
    assert before["plan"]["rows"] is None
    result = await client.call_tool("explain_query", {"postgresql_query": sql, "analyze": True})
    assert result.structured_content is not None
    plan = result.structured_content["plan"]
    assert set(plan) == {"node", "on", "rows", "time_ms", "share", "details", "children"}
    assert 1 <= plan["rows"] <= 3
    assert result.structured_content["execution_ms"] > 0
    assert text_of(result).startswith(plan["node"])


async def test_server_health_tells_each_part_and_to_a_manager_no_more(client: Client[Any]) -> None:
    health = await call(client, "get_server_health")
    assert (health["status"], health["ready"]) == ("ok", True)
    assert [part["name"] for part in health["parts"]] == [
        *("database", "schema", "identity key", "embedder", "cache", "disk")
    ]
    assert "versions" not in health


async def test_an_internal_error_is_found_in_the_log_by_the_id_that_is_told(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """With a mistake put into the server."""
    log = tmp_path / "server.log"
    program, *arguments = command(settings, "stdio", "--user", "seattle")
    environment = {**os.environ, "ZAVA_LOG_FILE": str(log)}
    code = (
        "import sys, runpy, zava_server.business.operations as o; "
        "o.judged = lambda pool: 1 / 0; sys.argv[:] = sys.argv[1:]; "
        "runpy.run_module('zava_server', run_name='__main__', alter_sys=True)"
    )
    broken = StdioTransport(
        program, ["-c", code, *arguments[1:]], env=environment, keep_alive=False
    )
    async with Client(broken) as client:
        error = (await call(client, "get_pool_health"))["error"]
    assert error["code"] == "INTERNAL_ERROR"
    request_id = error["hint"].rstrip(".").rpartition(" ")[2]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == request_id]
    assert line["event"] == "internal error"
    assert line["exception"][0].startswith("ZeroDivisionError at ")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_both_protocol_eras_are_served(
    mode: str, database: Database, settings: Settings
) -> None:
    async with Client(transport(settings, "tacoma"), mode=mode) as client:
        assert (await call(client, "whoami"))["user"] == "tacoma"


async def test_cancelling_a_call_ends_the_statement_and_the_server_serves_on(
    client: Client[Any], database: Database
) -> None:
    slow = (
        "SELECT count(*) FROM order_items a, order_items b, order_items endless "
        "WHERE a.unit_price < b.unit_price + endless.unit_price"
    )
    assert database.owner is not None
    observer = await database.owner.connect()

    async def running() -> bool:
        found: bool = await observer.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' "
            "AND query LIKE '%endless%' AND pid <> pg_backend_pid())"
        )
        return found

    calling = asyncio.create_task(call(client, "execute_sales_query", postgresql_query=slow))
    async with asyncio.timeout(10):
        while not await running():
            assert not calling.done()
    calling.cancel()
    await asyncio.wait({calling})
    async with asyncio.timeout(5):
        while await running():
            assert calling.cancelled()
    await observer.close()
    assert (await call(client, "whoami"))["user"] == "seattle"


def test_an_unknown_user_is_told_the_handles_and_exits_2(
    database: Database, settings: Settings
) -> None:
    ended = subprocess.run(
        command(settings, "stdio", "--user", "nobody"), capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("zava-server: There is no user nobody. Pass --user")
    assert "seattle" in last
    assert "head-office" in last


def test_a_misspelt_user_is_told_the_right_one(database: Database, settings: Settings) -> None:
    ended = subprocess.run(
        command(settings, "stdio", "--user", "Seatle"), capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert "There is no user Seatle. Did you mean seattle? Pass --user" in ended.stderr


def test_no_user_is_told_the_handles_and_exits_2(database: Database, settings: Settings) -> None:
    ended = subprocess.run(command(settings, "stdio"), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "No user is given. Pass --user or set ZAVA_USER to one of: bellevue" in ended.stderr


def test_an_unknown_setting_exits_2_with_the_right_name(settings: Settings) -> None:
    ended = subprocess.run(
        command(settings, "stdio", "--user", "seattle"),
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "ZAVA_MAXROWS": "5"},
    )
    assert ended.returncode == 2
    assert "Did you mean ZAVA_MAX_ROWS?" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://zava_app@127.0.0.1:1/zava", "127.0.0.1:1/zava cannot be reached"),
        ("mysql://zava_app@127.0.0.1/zava", "no PostgreSQL URL"),
        ("nonsense", "no PostgreSQL URL"),
    ],
)
def test_a_wrong_database_url_is_one_clear_sentence(
    url: str, says: str, settings: Settings
) -> None:
    ended = subprocess.run(
        command(settings, "stdio", "--user", "seattle"),
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "ZAVA_DATABASE_URL": url},
    )
    assert ended.returncode in (1, 2)
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("ending", ["eof", signal.SIGTERM, signal.SIGINT])
def test_it_ends_without_leaving_a_process(
    ending: str | signal.Signals, database: Database, settings: Settings
) -> None:
    server = subprocess.Popen(
        command(settings, "stdio", "--user", "seattle"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    initialize = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    server.stdin.write(json.dumps(initialize).encode() + b"\n")
    server.stdin.flush()
    assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "zava"
    children = psutil.Process(server.pid).children(recursive=True)
    if isinstance(ending, signal.Signals):
        server.send_signal(ending)
    else:
        server.stdin.close()
    assert server.wait(timeout=5) == 0
    assert not [
        child for child in children if child.is_running() and "postgres" not in child.name()
    ]
    server.stdout.close()


async def test_search_says_so_while_the_index_is_being_made_and_then_finds_everything(
    shared_directory: Path,
) -> None:
    fresh = Settings(data_dir=shared_directory / "unindexed")
    async with open_database(fresh, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, fresh, ignore_progress, demo_scale=0.01)
        async with session(database.owner) as connection:
            # The vectors that come with the demo are for its own texts.
            await connection.execute("UPDATE retail.products SET description = description || '!'")
        async with Client(transport(fresh, "seattle")) as client:
            answers: list[dict[str, Any]] = []
            async with asyncio.timeout(60):
                while not answers or answers[-1]["notice"]:
                    answers.append(
                        await call(
                            client,
                            "semantic_search_products",
                            query_description="my tap drips at night",
                        )
                    )
    assert "The search index is being made" in answers[0]["notice"]
    assert answers[-1]["hits"][0]["category"] == "Plumbing"


async def test_it_recovers_when_the_postmaster_is_killed(shared_directory: Path) -> None:
    """With a database of its own, since the other tests share theirs."""
    alone = Settings(data_dir=shared_directory / "killed")
    async with open_database(alone, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, alone, ignore_progress, demo_scale=0.1)
        async with Client(transport(alone, "seattle")) as client:
            count = "SELECT count(*) FROM orders"
            before = await call(client, "execute_sales_query", postgresql_query=count)
            pid = int((alone.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                while "rows" not in (
                    after := await call(client, "execute_sales_query", postgresql_query=count)
                ):
                    assert after["error"]["code"] == "DATABASE_UNAVAILABLE"
            assert after["rows"] == before["rows"]
