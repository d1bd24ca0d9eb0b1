"""Holds each caller to its share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

if TYPE_CHECKING:
    from collections.abc import Hashable
    from contextlib import AbstractAsyncContextManager

    import mcp_types
    from fastmcp.tools.base import ToolResult

    from zava_server.protocol.session import Session

# Tools that run what a caller wrote. What the others ask the database is ours, short, and asked by
# a screen full of panels at once.
_STATEMENT_TOOLS = frozenset({"execute_sales_query", "explain_query"})


class Admitting(Protocol):
    """What counts, in this process or in a place that many share."""

    def admitted(self, identity: Hashable, *, statement: bool) -> AbstractAsyncContextManager[None]:
        """A call; raises RateLimited."""


class RateMiddleware(Middleware):
    """Counts calls and running statements per identity; comes after readiness, which knows it."""

    def __init__(self, session: Session, rates: Admitting) -> None:
        self._session = session
        self._rates = rates

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Goes on unless the caller is over a limit; raises RateLimited then."""
        caller, statement = self._session.identity.user_id, context.message.name in _STATEMENT_TOOLS
        async with self._rates.admitted(caller, statement=statement):
            return await call_next(context)
