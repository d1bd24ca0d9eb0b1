"""The tools, resources and prompts about how stores do, over MCP."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import TextContent, TextResourceContents

from tests.conftest import Staff
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

METRICS = {
    "revenue", "orders", "units", "average_order_value", "discount_share", "gross_margin",
    "margin_coverage", "returns_rate", "new_customers", "returning_customers",
}  # fmt: skip


@pytest.fixture(scope="module")
async def client(database: Database, settings: Settings) -> AsyncIterator[Client[Any]]:
    arguments = ["-m", "zava_server", "stdio", "--user", "puget-sound"]
    arguments += ["--data-dir", str(settings.data_dir)]
    transport = StdioTransport(sys.executable, arguments, env=dict(os.environ), keep_alive=False)
    async with Client(transport) as client:
        yield client


async def call(client: Client[Any], tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    (part,) = result.content
    assert isinstance(part, TextContent)
    assert result.structured_content is not None
    return result.structured_content, part.text


async def read(client: Client[Any], uri: str) -> str:
    (content,) = await client.read_resource(uri)
    assert isinstance(content, TextResourceContents)
    return content.text


async def test_a_stores_performance(client: Client[Any], staff: Staff) -> None:
    answer, text = await call(client, "get_store_performance", store="seattle", time_period="12m")
    me = staff["puget-sound"]
    assert answer["store"] == "Seattle"
    assert answer["store_id"] == str(me.store_ids[me.store_names.index("Seattle")])
    assert answer["period"]["name"] == "12m"
    assert answer["period"]["time_zone"] == "America/Los_Angeles"
    assert answer["period"]["start"] < answer["period"]["end"]
    assert set(answer["metrics"]) == {"current", "previous", "last_year"}
    assert all(set(figures) == METRICS for figures in answer["metrics"].values())
    assert sum(part["share"] for part in answer["by_category"]) == pytest.approx(1, abs=1e-4)
    assert [part["hour"] for part in answer["by_hour"]] == sorted(
        part["hour"] for part in answer["by_hour"]
    )
    assert answer["by_weekday"][0]["weekday"] == "Monday"
    for insight in answer["insights"]:
        assert set(insight) == {"kind", "sentence", "metric", "value", "baseline", "significance"}
        assert insight["sentence"] in text
    assert f"revenue,{answer['metrics']['current']['revenue']}" in text


async def test_without_a_store_it_is_all_of_ones_own(client: Client[Any]) -> None:
    answer, _ = await call(client, "get_store_performance", time_period="2025")
    assert (answer["store_id"], answer["store"]) == (None, "6 stores")


async def test_a_period_without_data_has_no_figures(client: Client[Any]) -> None:
    answer, _ = await call(client, "get_store_performance", store="Seattle", time_period="1999")
    assert set(answer["metrics"]["current"].values()) == {None}
    assert answer["by_category"] == []
    assert answer["insights"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("get_store_performance", {"store": "Spokane"}, "AUTHORIZATION_ERROR"),
        ("get_sales_trend", {"store": "Atlantis"}, "AUTHORIZATION_ERROR"),
        ("get_top_products", {"store": "Spokane"}, "AUTHORIZATION_ERROR"),
        ("get_stock_alerts", {"store": "Spokane"}, "AUTHORIZATION_ERROR"),
        ("get_store_performance", {"time_period": "soon"}, "VALIDATION_ERROR"),
        ("get_sales_trend", {"step": "year"}, "VALIDATION_ERROR"),
        ("get_sales_trend", {"step": "day", "time_period": "120m"}, "VALIDATION_ERROR"),
        ("get_top_products", {"by": "colour"}, "VALIDATION_ERROR"),
        ("get_top_products", {"limit": 0}, "VALIDATION_ERROR"),
        ("get_stock_alerts", {"kind": "gone"}, "VALIDATION_ERROR"),
    ],
)
async def test_what_cannot_be_answered_is_said(
    tool: str, arguments: dict[str, Any], code: str, client: Client[Any]
) -> None:
    answer, text = await call(client, tool, **arguments)
    assert answer["error"]["code"] == code
    assert text.startswith(f"{code}: ")


async def test_the_course_of_sales(client: Client[Any]) -> None:
    answer, _ = await call(client, "get_sales_trend", store="Seattle", time_period="12m")
    assert answer["step"] == "month"
    assert answer["row_count"] == len(answer["points"]) in (12, 13)
    assert answer["points"][-1]["partial"]


async def test_the_top_products_of_a_category(client: Client[Any]) -> None:
    answer, _ = await call(
        client, "get_top_products", time_period="12m", category="power tools", limit=5
    )
    assert [product["rank"] for product in answer["products"]] == [1, 2, 3, 4, 5]
    assert {product["category"] for product in answer["products"]} == {"Power Tools"}
    revenue = [product["revenue"] for product in answer["products"]]
    assert revenue == sorted(revenue, reverse=True)


async def test_stock_alerts_say_what_to_order(client: Client[Any]) -> None:
    answer, _ = await call(client, "get_stock_alerts", kind="reorder", limit=500)
    assert answer["row_count"] > 0
    for alert in answer["alerts"]:
        assert 0 < alert["stock_level"] <= alert["reorder_point"]
        assert alert["suggested_order"] >= 1
        assert alert["days_of_cover"] > 0
    answer, _ = await call(client, "get_stock_alerts", kind="slow_mover")
    assert all(alert["suggested_order"] is None for alert in answer["alerts"])


async def test_resources_tell_what_the_tools_tell(client: Client[Any]) -> None:
    listed = {str(resource.uri) for resource in await client.list_resources()}
    assert listed == {"zava://stores", "zava://health", "zava://slow-queries"}
    for uri, tool in [
        ("zava://stores", "list_stores"),
        ("zava://slow-queries", "get_slow_queries"),
    ]:
        assert set(json.loads(await read(client, uri))) == set((await call(client, tool))[0])
    assert json.loads(await read(client, "zava://health"))["database"] == "embedded"
    assert "discount_value numeric(18,6)" in await read(client, "zava://schema/daily_totals")


async def test_a_schema_that_is_not_there_is_said_so(client: Client[Any]) -> None:
    with pytest.raises(Exception, match=r"VALIDATION_ERROR.*daily_totals"):
        await client.read_resource("zava://schema/daily_totalz")


async def test_prompts_name_the_tools_there_are(client: Client[Any]) -> None:
    tools = {tool.name for tool in await client.list_tools()}
    prompts = {prompt.name: prompt for prompt in await client.list_prompts()}
    assert set(prompts) == {"weekly_review", "stock_check", "investigate_drop", "tune_slow_query"}
    for name in prompts:
        (message,) = (await client.get_prompt(name, {})).messages
        assert isinstance(message.content, TextContent)
        words = {word.strip(".,:;()") for word in message.content.text.split()}
        named = {word for word in words if word.startswith(("get_", "explain_", "execute_"))}
        assert named
        assert named <= tools


async def test_prompts_speak_of_the_store_that_is_given(client: Client[Any]) -> None:
    given = {"store": "Seattle", "time_period": "2026-Q3"}
    (message,) = (await client.get_prompt("investigate_drop", given)).messages
    assert isinstance(message.content, TextContent)
    assert 'store "Seattle", time_period "2026-Q3"' in message.content.text
