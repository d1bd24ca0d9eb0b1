"""The logs of a real server and its PostgreSQL tell what happened, and nobody's literals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import open_database, prepare

SECRET = "hush-4711"
ADDRESS = "jane.doe@example.com"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("execute_sales_query", {"postgresql_query": f"SELECT '{SECRET}', '{ADDRESS}' -- {SECRET}"}),
    ("execute_sales_query", {"postgresql_query": f"SELECT '{SECRET}'::int"}),
    ("execute_sales_query", {"postgresql_query": f"SELECT pg_read_file('{SECRET}')"}),
    ("execute_sales_query", {"postgresql_query": f"SELECT '{SECRET}' FROM nowhere"}),
    ("execute_sales_query", {"postgresql_query": f"SELECT '{SECRET}", "max_rows": "many"}),
    ("execute_sales_query", {"query": SECRET}),
    ("semantic_search_products", {"query_description": f"{SECRET} {ADDRESS}"}),
    ("browse_table", {"table": SECRET}),
    ("browse_table", {"table": "customers", "filters": {"email": ADDRESS}}),
    ("explain_query", {"postgresql_query": f"SELECT '{SECRET}'::int", "analyze": True}),
    ("get_store_performance", {"store": SECRET, "time_period": "7d"}),
    ("no_such_tool", {"a": SECRET}),
]


@pytest.fixture(scope="module")
def alone(shared_directory: Path) -> Settings:
    return Settings(data_dir=shared_directory / "logged")


def everything(directory: Path) -> Iterator[tuple[Path, str]]:
    for file in (*(directory / "logs").iterdir(), *(directory / "postgres" / "log").iterdir()):
        yield file, file.read_text()


async def test_no_literal_key_or_address_is_in_any_log(alone: Settings) -> None:
    async with open_database(alone, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, alone, ignore_progress, demo_scale=0.01)
        arguments = ["-m", "zava_server", "stdio", "--user", "seattle"]
        transport = StdioTransport(
            sys.executable,
            [*arguments, "--data-dir", str(alone.data_dir)],
            env={
                **os.environ,
                "ZAVA_SLOW_QUERY_SECONDS": "0.0001",
                "ZAVA_STATEMENT_TIMEOUT_SECONDS": "5",
            },
            keep_alive=False,
        )
        async with Client(transport) as client:
            for tool, values in CALLS:
                try:
                    await client.call_tool(tool, values, raise_on_error=False)
                except ToolError:
                    assert tool == "no_such_tool"
            endless = (
                f"SELECT count(*) FROM order_items a, order_items b, order_items c "
                f"WHERE '{SECRET}' <> a.product_id::text || b.product_id || c.product_id"
            )
            observer = await database.owner.connect()
            calling = asyncio.create_task(
                client.call_tool(
                    "execute_sales_query", {"postgresql_query": endless}, raise_on_error=False
                )
            )
            async with asyncio.timeout(20):
                while not (
                    found := await observer.fetchrow(
                        "SELECT pid, application_name FROM pg_stat_activity WHERE state = 'active' "
                        "AND query LIKE '%product_id::text%' AND pid <> pg_backend_pid()"
                    )
                ):
                    assert not calling.done()
            # PostgreSQL says of a backend that was killed what it was running.
            os.kill(found["pid"], signal.SIGKILL)
            lost = (await calling).structured_content
            assert lost is not None
            # It may have been made again, and then run out of time.
            assert lost["error"]["code"] in {"DATABASE_UNAVAILABLE", "QUERY_TIMEOUT"}
            observer.terminate()
    logged = dict(everything(alone.data_dir))
    key = alone.key_file.read_text().strip()
    for file, text in logged.items():
        for secret in (SECRET, ADDRESS, key, key.rpartition(":")[2]):
            assert secret not in text, file
    server = (alone.data_dir / "logs" / "zava-server.log").read_text()
    lines = [json.loads(line) for line in server.splitlines()]
    slow = [line for line in lines if line["event"] == "slow query"]
    assert any(line["query"] == "SELECT $1, $2" for line in slow)
    assert all(line["request_id"] for line in slow if line["operation"] == "query")
    refused = {line["code"] for line in lines if line["event"] == "call refused"}
    assert {"DATABASE_ERROR", "QUERY_REJECTED", "VALIDATION_ERROR"} <= refused
    # The id of the call was to be seen in PostgreSQL while it ran.
    ids = {line.get("request_id") for line in lines}
    assert found["application_name"].removeprefix("zava ") in ids
    database_log = "".join(text for file, text in logged.items() if file.parent.name == "log")
    assert "was terminated by signal 9" in database_log
