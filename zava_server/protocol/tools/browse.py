"""The tool that shows tables page by page."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastmcp.tools.base import ToolResult
from pydantic import BaseModel, ConfigDict, Field

from zava_server.business.browsing import MOST_ROWS, Filter
from zava_server.protocol.rendering import as_csv

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from fastmcp import FastMCP

    from zava_server.business.browsing import Page
    from zava_server.data.browsable import Browsable
    from zava_server.protocol.session import Session

_PAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "table": {"type": "string"},
        "columns": {
            "type": "array",
            "description": "Objects with name, type, label, sortable and the filters it has.",
        },
        "rows": {"type": "array", "description": "One array of cells a row."},
        "sort": {"type": "string"},
        "next_cursor": {"type": ["string", "null"], "description": "null at the end."},
        "row_count": {"type": "integer"},
        "total": {"type": ["integer", "null"], "description": "On a first page, if it is cheap."},
        "total_is_exact": {"type": "boolean", "description": "If not, there are at least so many."},
        "links": {
            "type": "array",
            "description": "Where to go on from a row: the table, and for each of its columns the "
            "column of this table whose value to filter by.",
        },
        "elapsed_ms": {"type": "number"},
    },
}


class FilterArgument(BaseModel):
    """A filter as callers send it."""

    model_config = ConfigDict(extra="forbid")

    column: str
    operator: Literal["=", ">=", "<=", ">", "<", "in", "contains", "starts_with"] = "="
    value: str | int | float | bool | list[str | int | float]


def add_browse_tools(server: FastMCP, session: Session) -> None:
    """Adds `browse_table`."""

    @server.tool(
        title="Browse a table",
        output_schema=_PAGE_SCHEMA,
        annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    )
    async def browse_table(
        table: Annotated[
            str,
            Field(description="orders, order_items, customers, products, inventory or stores."),
        ],
        filters: Annotated[
            list[FilterArgument] | None,
            Field(
                description="All must hold. Operators: = >= <= > < in (a list) contains (in any "
                'case) starts_with. For example: {"column": "total_amount", "operator": ">=", '
                '"value": 500}. A date such as 2026-01-31 is that whole day. The columns of each '
                "answer say which filters they have; store takes a name."
            ),
        ] = None,
        sort: Annotated[
            str | None,
            Field(description="A sortable column, maybe with asc or desc: total_amount desc."),
        ] = None,
        cursor: Annotated[
            str | None, Field(description="next_cursor of the page before, all else unchanged.")
        ] = None,
        limit: Annotated[int, Field(description=f"Rows at most, 1 to {MOST_ROWS}.")] = 100,
    ) -> ToolResult:
        """Look through the rows of a table you may see, page by page, without SQL.

        Use it to find single orders, customers, products or stock. For sums and counts use
        execute_sales_query. A filter that no index serves is looked for within a part of the table
        a page: such a page may be short, even empty, and still have a next_cursor to go on with.
        `links` say how to go on from a row, such as from an order to its lines.
        """
        page = await session.services.browsing.browse(
            session.identity,
            table,
            [Filter(f.column, f.operator, f.value) for f in filters or ()],
            sort,
            cursor,
            limit,
        )
        return _result(page)


def _result(page: Page) -> ToolResult:
    content = page.content
    rows = [[_cell(value, page.zone) for value in row] for row in content.rows]
    return ToolResult(
        content=_as_text(page, rows),
        structured_content={
            "table": page.table.name,
            "columns": _columns(page.table),
            "rows": rows,
            "sort": page.sort,
            "next_cursor": page.cursor,
            "row_count": len(rows),
            "total": content.total,
            "total_is_exact": content.total_is_exact,
            "links": [
                {
                    "label": link.label,
                    "table": link.table,
                    "filters": [
                        {"column": theirs, "operator": "=", "from": ours}
                        for theirs, ours in link.filters
                    ],
                }
                for link in page.table.links
            ],
            "elapsed_ms": round(page.elapsed_ms, 2),
        },
    )


def _cell(value: Any, zone: ZoneInfo) -> Any:
    match value:
        case datetime():
            return value.astimezone(zone).isoformat()
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
    return value


def _columns(table: Browsable) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": column.kind.value,
            "label": column.label,
            "sortable": bool(column.sort),
            "filters": list(column.filters),
        }
        for column in table.columns
    ]


def _as_text(page: Page, rows: list[list[Any]]) -> str:
    count = f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
    more = f"There is more: cursor {page.cursor}" if page.cursor else "That is all."
    header = [column.name for column in page.table.columns]
    return f"{count}. {more}\n{as_csv(header, rows) if rows else ''}".rstrip()
