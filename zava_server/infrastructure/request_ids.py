"""An id for each call, in every log line of it, and in PostgreSQL as the application's name."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

_current: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def request(tool: str) -> Iterator[str]:
    """A new id, which holds in the body of a `with`, tasks and threads begun there included."""
    fresh = secrets.token_hex(4)
    token = _current.set(fresh)
    bound = structlog.contextvars.bind_contextvars(request_id=fresh, tool=tool)
    try:
        yield fresh
    finally:
        structlog.contextvars.reset_contextvars(**bound)
        _current.reset(token)


def current_request() -> str:
    """The id of the call under way; empty outside of any."""
    return _current.get()
