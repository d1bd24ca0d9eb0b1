"""The tools, prompts and resources that the conformance suite asks every server for, by name."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

from fastmcp.prompts import Message, PromptResult
from fastmcp.server.dependencies import get_context
from fastmcp.tools.base import Tool, ToolResult
from mcp_types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

from zava_server.infrastructure.errors import ValidationError
from zava_server.protocol import scopes

if TYPE_CHECKING:
    from fastmcp import FastMCP

_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_WAV = base64.b64encode(
    b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\0\0\0\0"
).decode()
_IMAGE = ImageContent(type="image", data=_PNG, mime_type="image/png")

_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

_TOOLS = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "test_error_handling",
    "json_schema_2020_12_tool",
)
_RESOURCES = (
    "test://static-text",
    "test://static-binary",
    "test://template/{id}/data",
    "test://template/123/data",
)


def open_fixtures() -> None:
    """Opens them to every caller, as the server's own table of scopes knows none of them."""
    scopes.TOOLS = {**scopes.TOOLS, **dict.fromkeys(_TOOLS)}
    scopes.RESOURCES = {**scopes.RESOURCES, **dict.fromkeys(_RESOURCES)}


def add_fixtures(server: FastMCP) -> None:
    """Adds them all."""
    _add_tools(server)
    _add_talking_tools(server)
    _add_prompts(server)
    _add_resources(server)


def _add_tools(server: FastMCP) -> None:
    @server.tool(output_schema=None)
    def test_simple_text() -> ToolResult:
        """A text."""
        return ToolResult(content="This is a simple text response for testing.")

    @server.tool(output_schema=None)
    def test_image_content() -> ToolResult:
        """An image."""
        return ToolResult(content=[_IMAGE])

    @server.tool(output_schema=None)
    def test_audio_content() -> ToolResult:
        """A sound."""
        return ToolResult(content=[AudioContent(type="audio", data=_WAV, mime_type="audio/wav")])

    @server.tool(output_schema=None)
    def test_embedded_resource() -> ToolResult:
        """A resource."""
        return ToolResult(content=[_embedded("test://embedded-resource")])

    @server.tool(output_schema=None)
    def test_multiple_content_types() -> ToolResult:
        """A text, an image and a resource."""
        text = TextContent(type="text", text="Multiple content types test:")
        return ToolResult(content=[text, _IMAGE, _embedded("test://mixed-content-resource")])

    @server.tool(output_schema=None)
    def test_error_handling() -> ToolResult:
        """An error."""
        raise ValidationError("This tool intentionally returns an error for testing.")

    server.add_tool(
        _SchemaTool(name="json_schema_2020_12_tool", description="Its schema.", parameters=_SCHEMA)
    )


class _SchemaTool(Tool):
    """Has a schema that no function's signature gives."""

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(content=str(sorted(arguments)))


def _add_talking_tools(server: FastMCP) -> None:
    @server.tool(output_schema=None)
    async def test_tool_with_logging() -> ToolResult:
        """Three lines of a log on the way."""
        for message in ("started", "processing data", "completed"):
            await get_context().info(f"Tool execution {message}")
            await asyncio.sleep(0.05)
        return ToolResult(content="Done.")

    @server.tool(output_schema=None)
    async def test_tool_with_progress() -> ToolResult:
        """Three reports on the way."""
        for progress in (0, 50, 100):
            await get_context().report_progress(progress, 100)
            await asyncio.sleep(0.05)
        return ToolResult(content="Done.")


def _add_prompts(server: FastMCP) -> None:
    @server.prompt
    def test_simple_prompt() -> str:
        """One message."""
        return "This is a simple prompt for testing."

    @server.prompt
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """A message with both arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    def with_resource(resourceUri: str) -> PromptResult:  # noqa: N803 - the suite's name
        """A resource."""
        return PromptResult([Message(_embedded(resourceUri)), Message("Process the resource.")])

    server.prompt(with_resource, name="test_prompt_with_embedded_resource")

    @server.prompt
    def test_prompt_with_image() -> PromptResult:
        """An image."""
        return PromptResult([Message(_IMAGE), Message("Look at the image above.")])


def _add_resources(server: FastMCP) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """An image."""
        return base64.b64decode(_PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:  # noqa: A002 - the suite's name
        """Some JSON."""
        return f'{{"id": "{id}", "templateTest": true, "data": "Data for ID: {id}"}}'


def _embedded(uri: str) -> EmbeddedResource:
    contents = TextResourceContents(
        uri=uri, mime_type="text/plain", text="This is an embedded resource content."
    )
    return EmbeddedResource(type="resource", resource=contents)
