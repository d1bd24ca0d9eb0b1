"""What the docs tell users to paste into their clients is what works."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.integration.http_servers import client_of, http_server, issued
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def _servers() -> list[Any]:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    pages = [json.loads(block) for block in blocks]
    return [(page.get("mcpServers") or page["servers"])["zava"] for page in pages]


OVER_STDIO = [server for server in _servers() if "command" in server]
OVER_HTTP = [server for server in _servers() if "url" in server]


def test_there_is_one_for_each_way_of_each_client() -> None:
    assert (len(OVER_STDIO), len(OVER_HTTP)) == (3, 2)


@pytest.mark.parametrize("server", OVER_STDIO)
async def test_the_official_client_starts_what_the_page_says(
    server: Any, database: Database, settings: Settings
) -> None:
    assert server["command"] == "zava-server"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "zava_server", *server["args"]],
        env={**os.environ, "ZAVA_DATA_DIR": str(settings.data_dir)},
    )
    async with stdio_client(parameters) as streams, ClientSession(*streams) as client:
        await client.initialize()
        listed = {tool.name for tool in (await client.list_tools()).tools}
        me = await client.call_tool("whoami", {})
    assert "execute_sales_query" in listed
    assert me.structured_content is not None
    assert me.structured_content["user"] == "seattle"


async def test_the_headers_and_path_of_the_page_open_the_server(
    database: Database, settings: Settings
) -> None:
    token = await issued(settings, "seattle")
    with http_server(settings) as running:
        for server in OVER_HTTP:
            assert server["headers"] == {"Authorization": "Bearer TOKEN"}
            url = server["url"].replace("http://127.0.0.1:8000", running.base)
            async with client_of(url, token) as client:
                assert {tool.name for tool in await client.list_tools()} >= {"whoami"}
