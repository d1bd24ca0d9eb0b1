"""Says with each result how old what it shows may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp_types import TextContent

from zava_server.infrastructure.staleness import reading

if TYPE_CHECKING:
    import mcp_types
    from fastmcp.tools.base import ToolResult

BEHIND = "zava/behind_seconds"
"""In a result's metadata: how far the replica it was read from is behind, in seconds."""
# Below that a model need not know.
_WORTH_A_SENTENCE_SECONDS = 1.0


class StalenessMiddleware(Middleware):
    """Outside of what makes a call again: a replica that failed it is not asked again."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The result, with how old it may be where a replica was read."""
        with reading() as read:
            result = await call_next(context)
        seconds = read.behind_seconds
        if seconds is not None:
            result.meta = {**(result.meta or {}), BEHIND: round(seconds, 3)}
            if seconds >= _WORTH_A_SENTENCE_SECONDS:
                sentence = f"Read from a replica that is {seconds:.0f} s behind."
                result.content.append(TextContent(type="text", text=sentence))
        return result
