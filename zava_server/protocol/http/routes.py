"""What is answered over HTTP beside MCP: health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.server.auth.middleware import RequireAuthMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from zava_server.data.tokens import OPS
from zava_server.protocol.health_view import live_word, ready_word, server_health_view

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from zava_server.protocol.session import Session

_NO_STORE = {"Cache-Control": "no-store"}


def health_routes(session: Session, is_ready: Callable[[], Awaitable[bool]]) -> list[Route]:
    """`/health/live` and `/health/ready` for everybody; `/health` and `/metrics` for `ops`."""

    async def live(_: Request) -> Response:
        return PlainTextResponse(live_word(), headers=_NO_STORE)

    async def ready(_: Request) -> Response:
        serves = await is_ready()
        return PlainTextResponse(
            ready_word(serves), status_code=200 if serves else 503, headers=_NO_STORE
        )

    async def health(_: Request) -> Response:
        content = await server_health_view(session)
        return JSONResponse(
            content, status_code=200 if content["ready"] else 503, headers=_NO_STORE
        )

    async def metrics(_: Request) -> Response:
        text, kind = session.services.metrics.exposition()
        return Response(text, headers={"Content-Type": kind, **_NO_STORE})

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/health", _for_ops(health), methods=["GET"]),
        Route("/metrics", _for_ops(metrics), methods=["GET"]),
    ]


def _for_ops(answer: Callable[[Request], Awaitable[Response]]) -> Any:
    """An ASGI app, which Starlette's types do not know as an endpoint."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    return RequireAuthMiddleware(app, [OPS])
