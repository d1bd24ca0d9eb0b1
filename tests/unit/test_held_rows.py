"""Many rows pass through the SDK's check of a result, and come out as they were."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import CallToolResult, jsonrpc_message_adapter
from mcp_types.methods import serialize_server_result

from zava_tui.held_rows import MANY, HeldRows, hold_rows


def message_with(rows: list[Any]) -> dict[str, Any]:
    content = {"columns": ["n", "text"], "rows": rows}
    result = {"content": [], "structuredContent": content, "isError": False}
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def test_the_sdk_writes_none_of_many_rows() -> None:
    message = message_with([[n, "text"] for n in range(MANY)])
    hold_rows(message)
    written = serialize_server_result("tools/call", "2025-11-25", message["result"])
    assert written["structuredContent"] == {"columns": ["n", "text"], "rows": None}


def test_they_come_out_as_they_were() -> None:
    rows = [[n, "text"] for n in range(MANY)]
    message = message_with(rows)
    hold_rows(message)
    answer = jsonrpc_message_adapter.validate_python(message, by_name=False)
    result = CallToolResult.model_validate(answer.result, by_name=False)  # type: ignore[union-attr] # a response
    assert result.structured_content is not None
    assert result.structured_content["rows"] == rows


def test_few_rows_are_left() -> None:
    message = message_with([[1, "a"]])
    hold_rows(message)
    assert not isinstance(message["result"]["structuredContent"]["rows"], HeldRows)


@pytest.mark.parametrize("message", [{"result": {}}, {"method": "ping"}, [], None])
def test_a_message_without_rows_is_left(message: Any) -> None:
    before = repr(message)
    hold_rows(message)
    assert repr(message) == before
