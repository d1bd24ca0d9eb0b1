"""`browse_table` over MCP: what a client gets, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from fastmcp import Client

from tests.integration.test_stdio_server import call, text_of, transport
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database


@pytest.fixture(scope="module")
async def client(database: Database, settings: Settings) -> AsyncIterator[Client[Any]]:
    async with Client(transport(settings, "tacoma")) as client:
        yield client


async def browse(client: Client[Any], table: str, **arguments: Any) -> dict[str, Any]:
    return await call(client, "browse_table", table=table, **arguments)


def named(page: dict[str, Any]) -> list[dict[str, Any]]:
    names = [column["name"] for column in page["columns"]]
    return [dict(zip(names, row, strict=True)) for row in page["rows"]]


async def test_a_page_says_what_its_columns_are_and_can_do(client: Client[Any]) -> None:
    page = await browse(client, "orders", limit=3)
    assert page["table"] == "orders"
    assert page["row_count"] == len(page["rows"]) == 3
    columns = {column["name"]: column for column in page["columns"]}
    assert columns["total_amount"] == {
        "name": "total_amount",
        "type": "numeric",
        "label": "Total",
        "sortable": True,
        "filters": ["=", ">=", "<=", ">", "<"],
    }
    assert page["sort"] == "order_date desc"
    assert page["elapsed_ms"] > 0


async def test_cells_are_plain_json_with_times_where_the_shop_is(client: Client[Any]) -> None:
    (order,) = named(await browse(client, "orders", limit=1))
    assert order["store"] == "Tacoma"
    assert isinstance(order["total_amount"], float)
    assert UUID(order["order_id"])
    offset = datetime.fromisoformat(order["order_date"]).utcoffset()
    assert offset is not None
    assert offset.total_seconds() / 3600 in (-8, -7)


async def test_the_next_page_follows_with_the_cursor(client: Client[Any]) -> None:
    first = await browse(client, "orders", limit=5)
    second = await browse(client, "orders", limit=5, cursor=first["next_cursor"])
    both = await browse(client, "orders", limit=10)
    assert first["rows"] + second["rows"] == both["rows"]


async def test_filters_hold_and_the_last_page_has_no_cursor(client: Client[Any]) -> None:
    page = await browse(
        client,
        "orders",
        filters=[
            {"column": "total_amount", "operator": ">=", "value": 200},
            {"column": "status", "value": "completed"},
        ],
        sort="total_amount",
        limit=500,
    )
    totals = [order["total_amount"] for order in named(page)]
    assert totals == sorted(totals)
    assert totals[0] >= 200
    assert page["next_cursor"] is None
    assert (page["total"], page["total_is_exact"]) == (len(totals), True)


async def test_the_links_of_an_order_lead_to_its_lines_and_on_to_a_product(
    client: Client[Any],
) -> None:
    table, wanted = "orders", ["order_items", "products", "inventory"]
    page = await browse(client, table, limit=1)
    for target in wanted:
        row = named(page)[0]
        (link,) = [link for link in page["links"] if link["table"] == target]
        filters = [
            {"column": f["column"], "operator": f["operator"], "value": row[f["from"]]}
            for f in link["filters"]
        ]
        page = await browse(client, target, filters=filters)
        assert page["row_count"] >= 1, target


async def test_the_text_part_is_a_table_and_says_how_to_go_on(client: Client[Any]) -> None:
    result = await client.call_tool("browse_table", {"table": "products", "limit": 2})
    assert result.structured_content is not None
    lines = text_of(result).splitlines()
    assert lines[0] == f"2 rows. There is more: cursor {result.structured_content['next_cursor']}"
    assert lines[1].startswith("sku,name,category")
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"table": "users"}, "VALIDATION_ERROR"),
        ({"table": "orders", "cursor": "nonsense"}, "VALIDATION_ERROR"),
        ({"table": "orders", "filters": [{"column": "status"}]}, "VALIDATION_ERROR"),
        ({"table": "orders", "filters": [{"column": "status", "value": None}]}, "VALIDATION_ERROR"),
        (
            {"table": "orders", "filters": [{"column": "status", "operator": "~", "value": "c"}]},
            "VALIDATION_ERROR",
        ),
        (
            {"table": "orders", "filters": [{"column": "store", "value": "Seattle"}]},
            "AUTHORIZATION_ERROR",
        ),
    ],
)
async def test_what_makes_no_sense_is_an_error_with_a_way_out(
    client: Client[Any], arguments: dict[str, Any], code: str
) -> None:
    answer = await call(client, "browse_table", **arguments)
    assert answer["error"]["code"] == code
    assert answer["error"]["hint"]
    assert "Traceback" not in json.dumps(answer)
