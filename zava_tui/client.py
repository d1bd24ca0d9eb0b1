"""The one place that speaks MCP: typed questions to the server, plain values back.

Importing the SDK takes the better part of a second, so nothing here imports it at module level:
`link.py` opens the session after the first paint and hands it in.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from zava_tui.answers import (
    DISCONNECTED,
    BrowsedColumn,
    Column,
    Filter,
    Hit,
    Identity,
    Page,
    PoolHealth,
    ResultTable,
    RowLink,
    SearchHits,
    SetupProgress,
    SlowQueries,
    SlowQuery,
    ToolError,
)
from zava_tui.store_answers import Performance, Trend, sellers_of, stock_alerts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import mcp

    from zava_tui.store_answers import Seller, StockAlert

REQUEST_SECONDS = 45.0
"""Above the server's own limit for a statement, so that its answer comes first."""
PAGE_ROWS = 100
FIRST_START_SECONDS = 600.0
"""The first call may wait for the making of the database."""


class Client(Protocol):
    """What the app asks. Every method raises ToolError."""

    async def whoami(self, report: Callable[[SetupProgress], None]) -> Identity:
        """Who we are; waits for the database to be made, and reports how far that is."""

    async def query(self, sql: str, max_rows: int = 1000) -> ResultTable:
        """Run one statement."""

    async def search(self, description: str, max_rows: int = 20) -> SearchHits:
        """Find products by what a customer describes."""

    async def browse(
        self,
        table: str,
        filters: Sequence[Filter] = (),
        sort: str | None = None,
        cursor: str | None = None,
    ) -> Page:
        """A page of a table's rows."""

    async def slow_queries(self, limit: int = 50) -> SlowQueries:
        """The statements that took the most time."""

    async def pool_health(self) -> PoolHealth:
        """The state of the server's database connections."""

    async def performance(self, period: str, store: str | None) -> Performance:
        """Figures of a period, of one store or of all of ours."""

    async def trend(self, period: str, store: str | None, step: str | None) -> Trend:
        """The course of revenue; the server chooses a `step` where there is none."""

    async def best_sellers(self, period: str, store: str | None, limit: int) -> tuple[Seller, ...]:
        """The products with most revenue."""

    async def stock_alerts(self, store: str | None, limit: int) -> tuple[StockAlert, ...]:
        """What is out, runs out or lies, `limit` of each at most."""


class McpClient:
    """A `Client` on an open MCP session."""

    def __init__(self, session: mcp.Client) -> None:
        self._session = session
        self.disconnected = asyncio.Event()
        """Set when a call has found the connection closed."""

    async def whoami(self, report: Callable[[SetupProgress], None]) -> Identity:
        """Who we are; waits for the database to be made, and reports how far that is."""

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            step, detail, place, *_ = [*(message or "").split(" · ", 2), "", ""]
            report(SetupProgress(step, progress / (total or 1.0), detail, place))

        answer = await self._call("whoami", {}, FIRST_START_SECONDS, on_progress)
        return Identity(
            user=answer["user"],
            display_name=answer["display_name"],
            role=answer["role"],
            stores=tuple(store["name"] for store in answer["stores"]),
        )

    async def query(self, sql: str, max_rows: int = 1000) -> ResultTable:
        """Run one statement."""
        answer = await self._call(
            "execute_sales_query", {"postgresql_query": sql, "max_rows": max_rows, "text": False}
        )
        return ResultTable(
            columns=tuple(Column(c["name"], c["type"]) for c in answer["columns"]),
            rows=answer["rows"],
            truncated=answer["truncated"],
            elapsed_ms=answer["elapsed_ms"],
        )

    async def search(self, description: str, max_rows: int = 20) -> SearchHits:
        """Find products by what a customer describes."""
        answer = await self._call(
            "semantic_search_products", {"query_description": description, "max_rows": max_rows}
        )
        hits = tuple(
            Hit(
                sku=hit["sku"],
                name=hit["name"],
                category=hit["category"],
                price=float(hit["price"]),
                similarity=hit["similarity"],
                stock=hit["stock"],
                weak=bool(hit["weak"]),
            )
            for hit in answer["hits"]
        )
        return SearchHits(hits, answer["notice"], answer["elapsed_ms"])

    async def browse(
        self,
        table: str,
        filters: Sequence[Filter] = (),
        sort: str | None = None,
        cursor: str | None = None,
    ) -> Page:
        """A page of a table's rows."""
        answer = await self._call(
            "browse_table",
            {
                "table": table,
                "filters": [asdict(condition) for condition in filters],
                "sort": sort,
                "cursor": cursor,
                "limit": PAGE_ROWS,
            },
        )
        return Page(
            table=answer["table"],
            columns=tuple(
                BrowsedColumn(c["name"], c["type"], c["label"], c["sortable"], tuple(c["filters"]))
                for c in answer["columns"]
            ),
            rows=answer["rows"],
            sort=answer["sort"],
            cursor=answer["next_cursor"],
            total=answer["total"],
            total_is_exact=answer["total_is_exact"],
            links=tuple(
                RowLink(
                    link["label"],
                    link["table"],
                    tuple((pair["column"], pair["from"]) for pair in link["filters"]),
                )
                for link in answer["links"]
            ),
            elapsed_ms=answer["elapsed_ms"],
        )

    async def slow_queries(self, limit: int = 50) -> SlowQueries:
        """The statements that took the most time."""
        answer = await self._call("get_slow_queries", {"limit": limit})
        queries = tuple(
            SlowQuery(
                query=query["query"],
                calls=query["calls"],
                errors=query["errors"],
                slow_calls=query["slow_calls"],
                mean_ms=query["mean_ms"],
                p95_ms=query["p95_ms"],
                total_ms=query["total_ms"],
            )
            for query in answer["queries"]
        )
        return SlowQueries(queries, answer["slow_threshold_ms"])

    async def pool_health(self) -> PoolHealth:
        """The state of the server's database connections."""
        answer = await self._call("get_pool_health", {})
        embedder = answer["embedder"]
        return PoolHealth(
            status=answer["status"],
            reason=answer["reason"],
            size=answer["size"],
            in_use=answer["in_use"],
            waiting=answer["waiting"],
            max_size=answer["max_size"],
            wait_p95_ms=answer["acquire_wait_ms"]["p95"] or 0.0,
            server_version=answer["server_version"] or "",
            database=answer["database"],
            in_use_history=tuple(sample["in_use"] for sample in answer["history"]),
            embedder=embedder["name"],
            dimensions=embedder["dimensions"],
            embedded=embedder["embedded"],
            products=embedder["products"],
        )

    async def performance(self, period: str, store: str | None) -> Performance:
        """Figures of a period, of one store or of all of ours."""
        asked = {"time_period": period, "store": store}
        return Performance.of(await self._call("get_store_performance", asked))

    async def trend(self, period: str, store: str | None, step: str | None) -> Trend:
        """The course of revenue; the server chooses a `step` where there is none."""
        asked = {"time_period": period, "store": store, "step": step}
        return Trend.of(await self._call("get_sales_trend", asked))

    async def best_sellers(self, period: str, store: str | None, limit: int) -> tuple[Seller, ...]:
        """The products with most revenue."""
        asked = {"time_period": period, "store": store, "limit": limit}
        return sellers_of(await self._call("get_top_products", asked))

    async def stock_alerts(self, store: str | None, limit: int) -> tuple[StockAlert, ...]:
        """What is out, runs out or lies, `limit` of each at most."""
        return stock_alerts_of(
            await self._call("get_stock_alerts", {"store": store, "limit": limit})
        )

    async def _call(
        self,
        tool: str,
        arguments: dict[str, Any],
        seconds: float = REQUEST_SECONDS,
        on_progress: Any = None,
    ) -> dict[str, Any]:
        """The structured content of a tool's answer."""
        import anyio
        from mcp import MCPError

        try:
            result = await self._session.call_tool(
                tool, arguments, read_timeout_seconds=seconds, progress_callback=on_progress
            )
        except MCPError as error:
            failure = _protocol_error(error)
            if failure.code == DISCONNECTED:
                self.disconnected.set()
            raise failure from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            self.disconnected.set()
            raise _disconnected() from error
        content: dict[str, Any] = result.structured_content or {}
        if result.is_error:
            raise _tool_error(
                content, next((c.text for c in result.content if c.type == "text"), "")
            )
        return content


def _disconnected() -> ToolError:
    return ToolError(DISCONNECTED, "The server is not connected.", "It is being restarted.")


def _protocol_error(error: mcp.MCPError) -> ToolError:
    from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

    if error.code == CONNECTION_CLOSED:
        return _disconnected()
    if error.code == REQUEST_TIMEOUT:
        return ToolError("QUERY_TIMEOUT", "The server did not answer in time.", "Try again.")
    return ToolError("INTERNAL_ERROR", f"The server answered: {error.message}")


def _tool_error(content: dict[str, Any], text: str) -> ToolError:
    error = content.get("error")
    if isinstance(error, dict):
        return ToolError(
            error.get("code", "INTERNAL_ERROR"), error.get("message", text), error.get("hint")
        )
    # A server of another kind, or one that says less: `CODE: sentence.` or just that.
    code, separator, rest = text.partition(": ")
    if separator and code.isupper():
        return ToolError(code, rest)
    return ToolError("INTERNAL_ERROR", text or "The server refused without giving a reason.")
