"""What a client can read without asking a question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zava_server.protocol.tools.operations import pool_health_view, slow_queries_view
from zava_server.protocol.tools.sales import schema_text
from zava_server.protocol.tools.stores import stores_view

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from zava_server.protocol.session import Session

_JSON = "application/json"
_SLOW_QUERIES = 20


def add_resources(server: FastMCP, session: Session) -> None:
    """Adds `zava://stores`, `zava://health`, `zava://slow-queries` and `zava://schema/{table}`."""

    @server.resource("zava://stores", title="Stores", mime_type=_JSON)
    async def stores() -> str:
        """The chain's stores and which of them are yours, as list_stores tells them."""
        return json.dumps(await stores_view(session))

    @server.resource("zava://health", title="Health", mime_type=_JSON)
    async def health() -> str:
        """How the server and its database do, as get_pool_health tells it."""
        return json.dumps(pool_health_view(session))

    @server.resource("zava://slow-queries", title="Slow queries", mime_type=_JSON)
    async def slow_queries() -> str:
        """The statements that took most time, as get_slow_queries tells them."""
        return json.dumps(await slow_queries_view(session, _SLOW_QUERIES))

    @server.resource("zava://schema/{table}", title="Schema of a table", mime_type="text/plain")
    async def schema(table: str) -> str:
        """A table's columns, types, meaning, keys, joins and sample values you may see."""
        tables = await session.services.schemas.describe(session.identity, [table])
        return "\n\n".join(schema_text(described) for described in tables)
