"""How much one request may bring, and how long it may take to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.authentication import UnauthenticatedUser
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 256 * 1024
"""Four times the longest statement."""
BODY_SECONDS = 20.0
MOST_DISCARDED_BYTES = 4 * 1024 * 1024
DISCARD_SECONDS = 1.0
MOST_HEAD_BYTES = 16 * 1024


class HeadLimit:
    """Answers 431 to a large head; uvicorn lets pass what comes in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks at the head before anything else does."""
        if scope["type"] == "http" and _head_bytes(scope) > MOST_HEAD_BYTES:
            await _refuse(431, "Request header fields too large", scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimits:
    """Reads the whole request of a known caller before anything is done with it.

    Of strangers nothing is read: they are refused by their headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 413 to too much, 408 to what takes too long."""
        if scope["type"] != "http" or isinstance(scope.get("user"), UnauthenticatedUser):
            await self._app(scope, receive, send)
            return
        if _declared(scope) > MOST_BODY_BYTES:
            await _discard(receive)
            await _refuse(413, "Request body too large", scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive)
        except TimeoutError:
            await _refuse(408, "Request took too long", scope, receive, send)
            return
        if body is None:
            # The client has gone.
            return
        if len(body) > MOST_BODY_BYTES:
            await _discard(receive)
            await _refuse(413, "Request body too large", scope, receive, send)
            return
        await self._app(scope, _replaying(body, receive), send)


def _head_bytes(scope: Scope) -> int:
    fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return fields + len(scope["raw_path"]) + len(scope["query_string"])


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0


async def _read(receive: Receive) -> bytearray | None:
    """The body, or a little more than may be; None when the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > MOST_BODY_BYTES:
            return body


async def _discard(receive: Receive) -> None:
    """Reads on for a moment: who is still sending when the connection ends gets no answer."""
    left = MOST_DISCARDED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                if not message.get("more_body"):
                    return
                left -= len(message.get("body", b""))


def _replaying(body: bytearray, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _refuse(status: int, text: str, scope: Scope, receive: Receive, send: Send) -> None:
    # What still comes would be read otherwise.
    response = PlainTextResponse(text, status_code=status, headers={"Connection": "close"})
    await response(scope, receive, send)
