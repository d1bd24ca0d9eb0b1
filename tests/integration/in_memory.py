"""The real server in this process, with nothing between it and its client but the SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import Client

from zava_server.backend import Backend
from zava_server.infrastructure.rates import Rates
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.server import build_server
from zava_server.protocol.session import Session


@asynccontextmanager
async def in_memory(settings: Settings) -> AsyncIterator[Client[Any]]:
    """A client without limits of the settings' user, once calls can be served."""
    async with Backend(settings).running() as backend:
        await backend.ready()
        server = build_server(
            Session(backend, backend),
            Rates(calls_per_minute=0, concurrent_statements=0),
            backend.errors,
            backend.calls,
            default_rows=settings.max_rows,
            deadline_seconds=settings.statement_timeout_seconds,
        )
        async with Client(server) as client:
            yield client
