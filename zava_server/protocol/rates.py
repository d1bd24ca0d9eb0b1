"""Holds each caller to its share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

if TYPE_CHECKING:
    import mcp_types
    from fastmcp.tools.base import ToolResult

    from zava_server.infrastructure.rates import Rates
    from zava_server.protocol.session import Session

# Tools that run what a caller wrote. What the others ask the database is ours, short, and asked by
# a screen full of panels at once.
_STATEMENT_TOOLS = frozenset({"execute_sales_query", "explain_query"})


class RateMiddleware(Middleware):
    """Counts calls and running statements per identity; comes after readiness, which knows it."""

    def __init__(self, session: Session, rates: Rates) -> None:
        self._session = session
        self._rates = rates

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Goes on unless the caller is over a limit; raises RateLimited then."""
        caller = self._session.identity.user_id
        self._rates.count_call(caller)
        if context.message.name not in _STATEMENT_TOOLS:
            return await call_next(context)
        with self._rates.statement(caller):
            return await call_next(context)
