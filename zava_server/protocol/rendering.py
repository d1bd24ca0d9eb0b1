"""Results as compact text for a model and structured content for a program."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import TYPE_CHECKING, Any

from fastmcp.tools.base import ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zava_server.data.statements import Table

TABLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "columns": {"type": "array", "description": "Objects with name and type."},
        "rows": {"type": "array", "description": "One array of cells a row."},
        "row_count": {"type": "integer"},
        "truncated": {"type": "boolean", "description": "Whether there were more rows."},
        "elapsed_ms": {"type": "number"},
    },
}
"""Shallow on purpose: checking 1,000 rows cell by cell costs the client 50 ms and more."""


# The text is for a model, which reads no megabytes; copies of it on its way out take five times
# its size.
_MOST_TEXT = 1024 * 1024


async def table_result(table: Table, elapsed_ms: float, *, text: bool) -> ToolResult:
    """A table; without `text` the text part says only how many rows there are."""
    count = len(table.rows)
    summary = f"{count:,} {'row' if count == 1 else 'rows'}"
    if table.truncated:
        summary = f"The first {summary} of more"
    body = f"\n{as_csv([c.name for c in table.columns], table.rows)}" if text and count else ""
    # The text, the content and the message are each written at one go: 10 to 50 ms for 8 MiB.
    await asyncio.sleep(0)
    return ToolResult(
        content=f"{summary}.{body}",
        structured_content={
            "columns": [{"name": c.name, "type": c.type} for c in table.columns],
            "rows": table.rows,
            "row_count": count,
            "truncated": table.truncated,
            "elapsed_ms": round(elapsed_ms, 2),
        },
    )


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Comma separated values; NULL is empty, JSON values are JSON. Cut, and said so, at 1 MB."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        if out.tell() > _MOST_TEXT:
            shown = out.getvalue()[:_MOST_TEXT]
            return f"{shown}...\nThe text ends here, the structured content goes on.\n"
    return out.getvalue()


_AS_JSON = frozenset({list, dict, bool})


def _cell(value: Any) -> Any:
    return json.dumps(value) if type(value) in _AS_JSON else value
