"""Serves one user over stdin and stdout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from zava_server.backend import Backend
from zava_server.infrastructure.memory import settle_memory
from zava_server.infrastructure.rates import Rates
from zava_server.infrastructure.tracing import start_tracing
from zava_server.protocol.session import Session

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from zava_server.infrastructure.settings import Settings

_SERVE_ANYWAY_AFTER_SECONDS = 3.0
# Whoever sends SIGTERM waits at least five before they kill; closing takes some as well.
_GRACE_SECONDS = 2.0


async def serve_stdio(settings: Settings) -> None:
    """Serves MCP on stdin and stdout until EOF or until it is cancelled.

    A database that is ready soon is waited for, so that a bad user or setting ends the process at
    once; one that takes longer is prepared while the server already answers.
    Raises what prevents serving.
    """
    end_tracing = start_tracing()
    try:
        await _serve(settings)
    finally:
        # Sends what is left, for some seconds at most.
        await asyncio.to_thread(end_tracing)


async def _serve(settings: Settings) -> None:
    async with Backend(settings).running() as backend:
        ready = asyncio.create_task(backend.ready())
        waited = asyncio.create_task(asyncio.wait({ready}, timeout=_SERVE_ANYWAY_AFTER_SECONDS))
        server = await asyncio.to_thread(_build_server, backend, settings)
        await waited
        if ready.done():
            await ready
        ready.cancel()
        settle_memory()
        serving = asyncio.create_task(server.run_stdio_async(show_banner=False))
        failed = asyncio.create_task(backend.failed())
        try:
            await asyncio.wait({serving, failed}, return_when=asyncio.FIRST_COMPLETED)
            await (serving if serving.done() else failed)
        except asyncio.CancelledError:
            await backend.calls.finish(_GRACE_SECONDS)
            raise
        finally:
            failed.cancel()
            # Ends the calls under way. It is not waited for, since reading stdin cannot be
            # cancelled: the process ends without it.
            serving.cancel()


def _build_server(backend: Backend, settings: Settings) -> FastMCP:
    """Imports FastMCP, which takes a second, while the database is being opened.

    On stdio one process serves one user, who is held to a rate only where one is set.
    """
    from zava_server.protocol.server import build_server

    rates = Rates(
        calls_per_minute=settings.calls_per_minute or 0,
        concurrent_statements=settings.max_concurrent_statements or 0,
    )
    return build_server(
        Session(backend, backend),
        rates,
        backend.errors,
        backend.calls,
        default_rows=settings.max_rows,
        deadline_seconds=settings.statement_timeout_seconds + settings.pool_acquire_seconds,
    )
