"""Tools that query sales."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from fastmcp.tools.base import ToolResult
from pydantic import Field

from zava_server.protocol.rendering import TABLE_SCHEMA, table_result

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from zava_server.data.schemas import TableSchema
    from zava_server.protocol.session import Session


def add_sales_tools(server: FastMCP, session: Session, *, default_rows: int) -> None:
    """Adds `execute_sales_query` and `get_multiple_table_schemas`."""

    @server.tool(
        title="Query sales",
        output_schema=TABLE_SCHEMA,
        annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    )
    async def execute_sales_query(
        postgresql_query: Annotated[
            str,
            Field(
                description="One SELECT in PostgreSQL's dialect over the schema `retail`, for "
                "example: SELECT p.name, sum(i.quantity) AS units FROM retail.order_items i "
                "JOIN retail.products p USING (product_id) GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
            ),
        ],
        max_rows: Annotated[
            int, Field(description="Rows to return at most, 1 to 50,000.")
        ] = default_rows,
        text: Annotated[
            bool, Field(description="false leaves the table out of the text part.")
        ] = True,
    ) -> ToolResult:
        """Run one read-only SQL SELECT over the sales of the stores you may see.

        Call get_multiple_table_schemas first to learn tables and columns. Rows of other stores
        are never visible; no filter on the user is needed. Prefer aggregates over raw rows, and
        retail.daily_sales over retail.order_items for revenue by day. Only orders with status
        'completed' count as sales.
        """
        answer = await session.services.sales_queries.execute(
            session.identity, postgresql_query, max_rows
        )
        return await table_result(answer.table, answer.elapsed_ms, text=text)

    @server.tool(
        title="Describe tables",
        output_schema={"type": "object", "properties": {"tables": {"type": "array"}}},
        annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    )
    async def get_multiple_table_schemas(
        table_names: Annotated[
            list[str],
            Field(description="Such as retail.orders; an empty list means every table."),
        ],
    ) -> ToolResult:
        """Describe tables: columns, types, meaning, keys, joins, and sample values you may see."""
        tables = await session.services.schemas.describe(session.identity, table_names)
        return ToolResult(
            content="\n\n".join(schema_text(table) for table in tables),
            structured_content={"tables": [asdict(table) for table in tables]},
        )


def schema_text(table: TableSchema) -> str:
    """A table as a model reads it."""
    lines = [f"{table.name}: {table.comment}"]
    for column in table.columns:
        samples = f" E.g. {', '.join(column.samples)}" if column.samples else ""
        null = "" if column.nullable else " not null"
        lines.append(f"  {column.name} {column.type}{null}: {column.comment}{samples}")
    lines.append(f"  primary key ({', '.join(table.primary_key)})")
    lines.extend(f"  join {join}" for join in table.joins)
    return "\n".join(lines)
