"""Lets calls wait for the database while it is being prepared, and tells the client how it goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

if TYPE_CHECKING:
    import mcp_types
    from fastmcp import Context
    from fastmcp.resources import ResourceResult
    from fastmcp.tools.base import ToolResult

    from zava_server.infrastructure.progress import Progress
    from zava_server.protocol.session import Session

_SECONDS_BETWEEN_REPORTS = 0.2

# How long the steps of a first start take, to make one bar of them. Calls are served when the demo
# data are there: the search index is made beside them.
_SHARES = {"database": (0.0, 0.18), "schema": (0.18, 0.22), "demo data": (0.22, 1.0)}


class ReadinessMiddleware(Middleware):
    """Holds tool calls back until the services are ready."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Waits with progress notifications, then goes on."""
        await self._wait(context.fastmcp_context)
        return await call_next(context)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Likewise."""
        await self._wait(context.fastmcp_context)
        return await call_next(context)

    async def _wait(self, client: Context | None) -> None:
        ready = asyncio.ensure_future(self._session.ready())
        reported: Progress | None = None
        try:
            # One that is ready already tells of no progress: the call has its own to tell of.
            await asyncio.wait({ready}, timeout=_SECONDS_BETWEEN_REPORTS)
            while not ready.done():
                now = self._session.progress
                if now != reported and client is not None:
                    reported = now
                    await client.report_progress(
                        progress=overall(now), total=1.0, message=_message(now)
                    )
                await asyncio.wait({ready}, timeout=_SECONDS_BETWEEN_REPORTS)
            await ready
        finally:
            ready.cancel()


def _message(progress: Progress) -> str:
    """`step · detail`, and of the database also where it is: `step · detail · place`."""
    parts = (progress.step, progress.detail, progress.place)
    return " · ".join(parts if progress.place else parts[:2])


def overall(progress: Progress) -> float:
    """The share of the preparation before the first answer that is done, 0 to 1."""
    before, after = _SHARES.get(progress.step, (1.0, 1.0))
    return before + (after - before) * progress.fraction
