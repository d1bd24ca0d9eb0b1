"""Connections that end when their client is too slow, and no more of them than there is room for.

uvicorn itself waits for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

REQUEST_SECONDS = 25.0
"""From a connection's or a request's first byte to the request's last one."""
WRITE_SECONDS = 30.0
"""How long a client may take nothing of an answer."""

_FULL = PlainTextResponse(
    "This server has as many clients as it can take. Try again in a moment.",
    status_code=503,
    headers={"Connection": "close", "Retry-After": "1"},
)


class GuardedProtocol(H11Protocol):
    """HTTP/1.1 with a limit for sending a request and for taking its answer.

    uvicorn's `limit_concurrency` is taken as the number of clients: those beyond it are answered
    503. uvicorn would answer so to the others as well.
    """

    _request_limit: asyncio.TimerHandle | None = None
    _write_limit: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # as uvicorn's own
        self, transport: asyncio.Transport
    ) -> None:
        """A client has connected, and may not just sit there."""
        super().connection_made(transport)
        most, self.limit_concurrency = self.limit_concurrency, None
        if most is not None and len(self.connections) > most:
            self.app = _FULL
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Part of a request, or all of it."""
        super().data_received(data)
        # Of the idle ones between two requests uvicorn takes care.
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing():
            self._await_request()
        else:
            self._forget_request()

    def pause_writing(self) -> None:
        """The client takes nothing at the moment."""
        super().pause_writing()
        self._write_limit = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._forget_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._forget_request()
        super().connection_lost(exc)
        self._forget_writing()

    def _await_request(self) -> None:
        if self._request_limit is None:
            self._request_limit = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _forget_request(self) -> None:
        if self._request_limit is not None:
            self._request_limit.cancel()
            self._request_limit = None

    def _forget_writing(self) -> None:
        if self._write_limit is not None:
            self._write_limit.cancel()
            self._write_limit = None
