"""Many rows on their way through the MCP SDK, which would otherwise copy each for nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic_core import SchemaSerializer, core_schema

MANY = 5_000
"""Rows from which on they are held."""


class HeldRows(list[Any]):
    """Rows that are passed on as they are.

    The SDK checks a result by writing all of it out as plain values, which for 50,000 rows holds
    the event loop for up to 200 ms; of these it writes nothing.
    """

    __pydantic_serializer__: ClassVar = SchemaSerializer(
        core_schema.any_schema(
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: None)
        )
    )


def hold_rows(message: Any) -> None:
    """Hold the rows of a tool's answer, where they are many."""
    match message:
        case {"result": {"structuredContent": {"rows": [*rows]} as content}} if len(rows) >= MANY:
            content["rows"] = HeldRows(rows)
