"""What holds for every call: it may be tried again, and the server does not stop in the midst."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

from zava_server.infrastructure.errors import DatabaseLost, DatabaseSilent
from zava_server.infrastructure.retries import again_when_lost
from zava_server.protocol.errors import cause_of

if TYPE_CHECKING:
    import mcp_types
    from fastmcp.resources import ResourceResult
    from fastmcp.tools.base import ToolResult

    from zava_server.infrastructure.calls import CallsUnderWay

T = TypeVar("T")
Result = TypeVar("Result")


class CallsMiddleware(Middleware):
    """Lets calls finish when the server stops."""

    def __init__(self, calls: CallsUnderWay) -> None:
        self._calls = calls

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Raises DatabaseUnavailable where the server stops first."""
        async with self._calls.one():
            return await call_next(context)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Likewise."""
        async with self._calls.one():
            return await call_next(context)


class RetryMiddleware(Middleware):
    """Makes a call again whose connection to the database was lost; the innermost of all.

    No part of an answer has been handed out by then.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Raises what the last attempt raised."""
        return await self._again(context, call_next)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Likewise."""
        return await self._again(context, call_next)

    async def _again(self, context: MiddlewareContext[T], call_next: CallNext[T, Result]) -> Result:
        by = asyncio.get_running_loop().time() + self._deadline_seconds
        return await again_when_lost(lambda: call_next(context), _is_loss, by=by)


def _is_loss(error: Exception) -> bool:
    cause = cause_of(error)
    # The silent have had their time.
    return isinstance(cause, DatabaseLost) and not isinstance(cause, DatabaseSilent)
