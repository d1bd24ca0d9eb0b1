"""Which scope opens which tool and resource. What is not listed here is closed to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmcp.exceptions import NotFoundError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

from zava_server.data.tokens import METRICS, OPS, QUERY, SEARCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import mcp_types
    from fastmcp.resources import Resource, ResourceResult
    from fastmcp.resources.template import ResourceTemplate
    from fastmcp.tools.base import Tool, ToolResult

    from zava_server.protocol.session import Session

_ANY = None

TOOLS: Mapping[str, str | None] = {
    "whoami": _ANY,
    "list_stores": _ANY,
    "get_current_utc_date": _ANY,
    "execute_sales_query": QUERY,
    "explain_query": QUERY,
    "get_multiple_table_schemas": QUERY,
    "browse_table": QUERY,
    "semantic_search_products": SEARCH,
    "similar_products": SEARCH,
    "get_store_performance": METRICS,
    "get_sales_trend": METRICS,
    "get_top_products": METRICS,
    "get_stock_alerts": METRICS,
    "get_slow_queries": OPS,
    "get_pool_health": OPS,
    "get_server_health": OPS,
}

_SCHEMAS = "zava://schema/"
RESOURCES: Mapping[str, str | None] = {
    "zava://stores": _ANY,
    "zava://health": OPS,
    "zava://slow-queries": OPS,
    f"{_SCHEMAS}{{table}}": QUERY,
}


class ScopeMiddleware(Middleware):
    """Shows and calls only what is open to the caller; all else is as if it were not there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """The tools that may be called."""
        return [tool for tool in await call_next(context) if self._opens(TOOLS, tool.name)]

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Raises NotFoundError as for a tool that does not exist."""
        name = context.message.name
        if not self._opens(TOOLS, name):
            raise NotFoundError(f"Unknown tool: {name!r}")
        return await call_next(context)

    async def on_list_resources(
        self,
        context: MiddlewareContext[mcp_types.ListResourcesRequest],
        call_next: CallNext[mcp_types.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """The resources that may be read."""
        return [r for r in await call_next(context) if self._opens(RESOURCES, str(r.uri))]

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mcp_types.ListResourceTemplatesRequest],
        call_next: CallNext[mcp_types.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """Likewise."""
        return [t for t in await call_next(context) if self._opens(RESOURCES, t.uri_template)]

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Raises NotFoundError as for a resource that does not exist."""
        uri = str(context.message.uri)
        known = f"{_SCHEMAS}{{table}}" if uri.startswith(_SCHEMAS) else uri
        if not self._opens(RESOURCES, known):
            raise NotFoundError(f"Unknown resource: {uri!r}")
        return await call_next(context)

    def _opens(self, doors: Mapping[str, str | None], name: str) -> bool:
        if name not in doors:
            return False
        scope = doors[name]
        return scope is None or scope in self._session.scopes
