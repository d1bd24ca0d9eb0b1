"""Marks text from the database as data, so that none of it can pose as instructions."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp_types import TextContent

if TYPE_CHECKING:
    import mcp_types
    from fastmcp.tools.base import ToolResult

_TAG = "untrusted-data"


def delimited(text: str) -> str:
    """The text between two tags that it cannot close: their number is drawn after it was made."""
    tag = f"{_TAG}-{secrets.token_hex(8)}"
    end = "" if text.endswith("\n") else "\n"
    return f"<{tag}>\n{text}{end}</{tag}>"


class UntrustedMiddleware(Middleware):
    """Delimits the text of results, and of resources that are plain text.

    Structured content and resources of JSON are left: their values are quoted.
    """

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The result with each part of its text delimited."""
        result = await call_next(context)
        for part in result.content:
            if isinstance(part, TextContent):
                part.text = delimited(part.text)
        return result

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Likewise."""
        result = await call_next(context)
        return ResourceResult([_marked(part) for part in result.contents], meta=result.meta)


def _marked(part: ResourceContent) -> ResourceContent:
    if isinstance(part.content, str) and part.mime_type == "text/plain":
        return ResourceContent(delimited(part.content), part.mime_type, part.meta)
    return part
