"""The one error hierarchy: a stable code, one sentence, and the next step where there is one."""

from __future__ import annotations

import asyncio
from typing import ClassVar


class ZavaError(Exception):
    """An error a caller may see.

    `message` is one sentence without a value the caller may not know; `hint` says what to do.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class ValidationError(ZavaError):
    """An argument or a setting is not of the form it should have."""

    code = "VALIDATION_ERROR"


class QueryRejected(ZavaError):
    """The guard refused the caller's SQL."""

    code = "QUERY_REJECTED"


class QueryTimeout(ZavaError):
    """The statement ran into its time limit."""

    code = "QUERY_TIMEOUT"


class QueryCancelled(ZavaError):
    """The caller cancelled the statement."""

    code = "QUERY_CANCELLED"


class ResultTooLarge(ZavaError):
    """A row or the result exceeds the byte limit."""

    code = "RESULT_TOO_LARGE"


class AuthorizationError(ZavaError):
    """The caller may not do or see this."""

    code = "AUTHORIZATION_ERROR"


class DatabaseError(ZavaError):
    """The database's own message about the caller's SQL."""

    code = "DATABASE_ERROR"


class DatabaseUnavailable(ZavaError):
    """The database cannot be reached or used."""

    code = "DATABASE_UNAVAILABLE"


class DatabaseLost(DatabaseUnavailable):
    """The connection has ended, or none can be made: the database may have gone."""


class DatabaseSilent(DatabaseLost):
    """No host let anybody in within the time for it."""


class DiskFull(DatabaseUnavailable):
    """The database's disk has no room."""


class AIUnavailable(ZavaError):
    """The embedder cannot answer."""

    code = "AI_UNAVAILABLE"


class Busy(ZavaError):
    """No database connection became free in time, or the database is being changed."""

    code = "BUSY"


class NoConnection(Busy):
    """All of the time went into waiting for one."""


class RateLimited(ZavaError):
    """The caller sends more than its share."""

    code = "RATE_LIMITED"


def code_of(error: BaseException) -> str:
    """The code of an error of ours; a cancelled call is a cancelled query, all else is internal."""
    if isinstance(error, ZavaError):
        return error.code
    if isinstance(error, asyncio.CancelledError):
        return QueryCancelled.code
    return ZavaError.code
