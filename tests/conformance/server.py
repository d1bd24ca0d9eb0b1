"""The real HTTP app on a small demo database, with the suite's fixtures and a token for all."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.conformance.fixtures import add_fixtures, open_fixtures
from zava_server.data.tokens import SCOPES
from zava_server.http_address import HttpOptions, bind, own_url
from zava_server.http_server import serve_on
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.http import app
from zava_server.startup import open_database, prepare
from zava_server.token_commands import issue_token, lifetime

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_DEMO_SCALE = 0.01
_USER = "head-office"


class _WithToken:
    """Gives requests the token that the suite cannot be told."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._header = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], self._header]}
        await self._app(scope, receive, send)


def _reachable() -> Path:
    """A directory that PostgreSQL can reach where this runs as root and it does not."""
    place = Path(tempfile.mkdtemp(prefix="zava-conformance-"))
    place.chmod(0o755)
    return place


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """Its address, while it serves."""
    place = _reachable()
    settings = Settings(data_dir=place / "data", calls_per_minute=100_000)
    try:
        async with open_database(settings, ignore_progress) as database:
            assert database.owner is not None
            await prepare(database.owner, settings, ignore_progress, demo_scale=_DEMO_SCALE)
            token = await issue_token(settings, _USER, lifetime("1h"), SCOPES)
            async with _served(settings, token) as url:
                yield url
    finally:
        shutil.rmtree(place, ignore_errors=True)


@asynccontextmanager
async def _served(settings: Settings, token: str) -> AsyncIterator[str]:
    real = app.http_app

    def with_fixtures(server: Any, *rest: Any) -> Any:
        add_fixtures(server)
        served = real(server, *rest)
        served.add_middleware(_WithToken, token=token)
        return served

    open_fixtures()
    options, began = HttpOptions(), asyncio.Event()
    with bind("127.0.0.1", 0) as listener, mock.patch.object(app, "http_app", with_fixtures):
        task = asyncio.create_task(serve_on(listener, settings, options, None, began.set))
        waiting = asyncio.create_task(began.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if task.done():
                await task
            yield f"{own_url(listener, options)}/mcp"
        finally:
            waiting.cancel()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
