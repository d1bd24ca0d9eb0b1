"""The one place that speaks MCP: typed questions to the server, plain values back.

Importing the SDK takes the better part of a second, so nothing here imports it at module level:
`link.py` opens the session after the first paint and hands it in.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from zava_tui import answer_forms as forms
from zava_tui.answers import (
    DISCONNECTED,
    UNAUTHORISED,
    SetupProgress,
    ToolError,
)
from zava_tui.sent_statements import SentStatements
from zava_tui.store_answers import Performance, Trend, sellers_of, stock_alerts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import mcp
    from mcp_types import CallToolResult

    from zava_tui.answers import (
        Filter,
        Identity,
        Page,
        Plan,
        PoolHealth,
        ResultTable,
        SearchFilters,
        SearchHits,
        ServerHealth,
        SlowQueries,
    )
    from zava_tui.store_answers import Seller, StockAlert

REQUEST_SECONDS = 45.0
"""Above the server's own limit for a statement, so that its answer comes first."""
PAGE_ROWS = 100
_BEHIND = "zava/behind_seconds"
FIRST_START_SECONDS = 600.0
"""The first call may wait for the making of the database."""


class Client(Protocol):
    """What the app asks. Every method raises ToolError."""

    sent: SentStatements
    """What `query` was asked to run."""

    async def whoami(self, report: Callable[[SetupProgress], None]) -> Identity:
        """Who we are; waits for the database to be made, and reports how far that is."""

    async def query(self, sql: str, max_rows: int = 1000) -> ResultTable:
        """Run one statement."""

    async def explain(self, sql: str, *, analyze: bool = False) -> Plan:
        """How a SELECT runs; it does run to `analyze` it."""

    async def search(
        self, description: str, max_rows: int = 20, filters: SearchFilters | None = None
    ) -> SearchHits:
        """Find products by what a customer describes."""

    async def similar(self, sku: str, max_rows: int = 5) -> SearchHits:
        """Find products that serve a like purpose."""

    async def browse(
        self,
        table: str,
        filters: Sequence[Filter] = (),
        sort: str | None = None,
        cursor: str | None = None,
    ) -> Page:
        """A page of a table's rows."""

    async def slow_queries(self, limit: int = 50, sort: str = "total") -> SlowQueries:
        """The statements that cost most by `sort`: total, mean, p95 or calls."""

    async def pool_health(self) -> PoolHealth:
        """The state of the server's database connections."""

    async def server_health(self) -> ServerHealth:
        """How the server and what it leans on do."""

    async def columns_by_table(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of every table that we may read, by its name without the schema."""

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
        self.sent = SentStatements()
        self.disconnected = asyncio.Event()
        """Set when a call has found the connection closed."""

    async def whoami(self, report: Callable[[SetupProgress], None]) -> Identity:
        """Who we are; waits for the database to be made, and reports how far that is."""

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            step, detail, place, *_ = [*(message or "").split(" · ", 2), "", ""]
            report(SetupProgress(step, progress / (total or 1.0), detail, place))

        return forms.identity(await self._call("whoami", {}, FIRST_START_SECONDS, on_progress))

    async def query(self, sql: str, max_rows: int = 1000) -> ResultTable:
        """Run one statement."""
        self.sent.note(sql)
        arguments = {"postgresql_query": sql, "max_rows": max_rows, "text": False}
        answer = await self._answer("execute_sales_query", arguments)
        behind_seconds = (answer.meta or {}).get(_BEHIND)
        return forms.result_table(answer.structured_content or {}, behind_seconds)

    async def explain(self, sql: str, *, analyze: bool = False) -> Plan:
        """How a SELECT runs; it does run to `analyze` it."""
        arguments = {"postgresql_query": sql, "analyze": analyze}
        return forms.plan(await self._call("explain_query", arguments))

    async def search(
        self, description: str, max_rows: int = 20, filters: SearchFilters | None = None
    ) -> SearchHits:
        """Find products by what a customer describes."""
        arguments = {"query_description": description, "max_rows": max_rows}
        if filters is not None:
            arguments |= asdict(filters)
        return forms.search_hits(await self._call("semantic_search_products", arguments))

    async def similar(self, sku: str, max_rows: int = 5) -> SearchHits:
        """Find products that serve a like purpose."""
        arguments = {"sku": sku, "max_rows": max_rows}
        return forms.search_hits(await self._call("similar_products", arguments))

    async def browse(
        self,
        table: str,
        filters: Sequence[Filter] = (),
        sort: str | None = None,
        cursor: str | None = None,
    ) -> Page:
        """A page of a table's rows."""
        arguments = {
            "table": table,
            "filters": [asdict(condition) for condition in filters],
            "sort": sort,
            "cursor": cursor,
            "limit": PAGE_ROWS,
        }
        return forms.page(await self._call("browse_table", arguments))

    async def slow_queries(self, limit: int = 50, sort: str = "total") -> SlowQueries:
        """The statements that cost most by `sort`: total, mean, p95 or calls."""
        arguments = {"limit": limit, "sort": sort}
        return forms.slow_queries(await self._call("get_slow_queries", arguments))

    async def pool_health(self) -> PoolHealth:
        """The state of the server's database connections."""
        return forms.pool_health(await self._call("get_pool_health", {}))

    async def server_health(self) -> ServerHealth:
        """How the server and what it leans on do."""
        return forms.server_health(await self._call("get_server_health", {}))

    async def columns_by_table(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of every table that we may read, by its name without the schema."""
        answer = await self._call("get_multiple_table_schemas", {"table_names": []})
        return {
            table["name"].removeprefix("retail."): tuple(c["name"] for c in table["columns"])
            for table in answer["tables"]
        }

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
        answer = await self._answer(tool, arguments, seconds, on_progress)
        return answer.structured_content or {}

    async def _answer(
        self,
        tool: str,
        arguments: dict[str, Any],
        seconds: float = REQUEST_SECONDS,
        on_progress: Any = None,
    ) -> CallToolResult:
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
        if result.is_error:
            said = next((c.text for c in result.content if c.type == "text"), "")
            raise _tool_error(result.structured_content or {}, said)
        return result


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
    if text.startswith("Unknown tool"):
        # What a token does not open is as if it were not there.
        return ToolError(
            UNAUTHORISED,
            "Your token does not open this part of the server.",
            "Ask whoever gave it to you for one with more scopes; what is for operators also wants "
            "a user with the permission ops.",
        )
    # A server of another kind, or one that says less: `CODE: sentence.` or just that.
    code, separator, rest = text.partition(": ")
    if separator and code.isupper():
        return ToolError(code, rest)
    return ToolError("INTERNAL_ERROR", text or "The server refused without giving a reason.")
