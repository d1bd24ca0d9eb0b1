"""Turns errors into MCP tool errors: a code, a sentence, the next step, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from fastmcp.exceptions import NotFoundError, ResourceError, ToolError
from fastmcp.exceptions import ValidationError as ArgumentError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from pydantic import ValidationError as PydanticValidationError

from zava_server.infrastructure.errors import DatabaseError, ValidationError, ZavaError, code_of
from zava_server.infrastructure.request_ids import request
from zava_server.protocol.untrusted import delimited

if TYPE_CHECKING:
    import mcp_types
    from fastmcp.resources import ResourceResult

    from zava_server.infrastructure.error_counts import ErrorCounts

_log = structlog.get_logger(__name__)


def error_result(error: ZavaError) -> ToolResult:
    """The tool error that callers see."""
    return _result(error.code, error.message, error.hint)


class ErrorMiddleware(Middleware):
    """The outermost edge: the one place that catches everything, and gives each call its id."""

    def __init__(self, counts: ErrorCounts) -> None:
        self._counts = counts

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Answers with a tool error where the call raised."""
        with request(context.message.name) as request_id:
            try:
                return await call_next(context)
            except Exception as error:
                # The outermost edge.
                cause = cause_of(error)
                if isinstance(cause, NotFoundError):
                    raise
                return self._answer(context.message.name, cause, request_id)

    def _answer(self, tool: str, cause: BaseException, request_id: str) -> ToolResult:
        if isinstance(cause, PydanticValidationError | ArgumentError):
            cause = _bad_arguments(cause)
        self._counts.add(tool, code_of(cause))
        if isinstance(cause, ZavaError):
            _log.info("call refused", code=cause.code)
            return error_result(cause)
        _log.error("internal error", exc_info=cause)
        return _result(
            ZavaError.code,
            "Something went wrong in the server.",
            f"The log has it under {request_id}.",
        )

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Says of a resource that could not be read what a tool would have said."""
        with request("resource"):
            try:
                return await call_next(context)
            except (ResourceError, ZavaError) as error:
                cause = cause_of(error)
                if not isinstance(cause, ZavaError):
                    raise
                self._counts.add("resource", cause.code)
                _log.info("resource refused", code=cause.code)
                raise ResourceError(f"{cause.code}: {cause}") from cause


def cause_of(error: BaseException) -> BaseException:
    """What was raised in a tool or resource, without what FastMCP wraps around it."""
    if isinstance(error, ToolError | ResourceError | ArgumentError) and error.__cause__ is not None:
        return error.__cause__
    return error


def _bad_arguments(error: PydanticValidationError | ArgumentError) -> ValidationError:
    if isinstance(error, ArgumentError):
        return ValidationError("The arguments do not fit the tool.", "See its input schema.")
    first = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "arguments"
    return ValidationError(f"{name}: {first['msg']}.", "See the tool's input schema.")


def _result(code: str, message: str, hint: str | None) -> ToolResult:
    structured: dict[str, Any] = {"error": {"code": code, "message": message, "hint": hint}}
    # The database's own messages quote the values that they complain of.
    said = delimited(message) if code == DatabaseError.code else message
    text = f"{code}: {said} {hint}" if hint else f"{code}: {said}"
    return ToolResult(content=text, structured_content=structured, is_error=True)
