"""What the driver reports when the fault is not in the statement's wording, as callers' errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from zava_server.data.embedded.disk import disk_full
from zava_server.infrastructure.errors import (
    Busy,
    DatabaseLost,
    DiskFull,
    QueryCancelled,
    QueryTimeout,
    ResultTooLarge,
    ZavaError,
)

if TYPE_CHECKING:
    from pathlib import Path

# elog() texts are never translated, unlike all others.
_TOO_LARGE_TO_ALLOCATE = "invalid memory alloc request size"


def trouble(
    error: Exception, *, out_of_time: bool, directory: Path | None = None
) -> ZavaError | None:
    """The error for a limit that was met or a database that went away; None for anything else.

    `out_of_time` says whether the statement has used up its time: statement_timeout and a cancel
    from another session share one SQLSTATE (57014), and their messages are translated. `directory`
    holds the data, where that is known.
    """
    match error:
        case asyncpg.TransactionTimeoutError():
            return timed_out()
        # As it shows while a statement runs: the database ends the connection with it.
        case asyncpg.PostgresConnectionError(__cause__=asyncpg.TransactionTimeoutError()):
            return timed_out()
        case asyncpg.QueryCanceledError():
            return timed_out() if out_of_time else cancelled_by_others()
        case asyncpg.DiskFullError():
            return disk_full(directory) if directory else others_disk_full()
        case asyncpg.ConfigurationLimitExceededError() | asyncpg.InsufficientResourcesError():
            return too_large()
        # Values above 1 GB; the classes below it are about the statement's wording.
        case asyncpg.ProgramLimitExceededError() if (
            type(error) is asyncpg.ProgramLimitExceededError
        ):
            return too_large()
        case asyncpg.InternalServerError() if str(error).startswith(_TOO_LARGE_TO_ALLOCATE):
            return too_large()
        case asyncpg.LockNotAvailableError():
            return Busy("The database is being changed right now.", "Try again in a moment.")
        case (
            asyncpg.OperatorInterventionError()
            | asyncpg.IdleInTransactionSessionTimeoutError()
            | asyncpg.PostgresConnectionError()
            # So shows a connection that was told of its end while it was idle.
            | asyncpg.InternalClientError()
            | OSError()
        ):
            return connection_lost(out_of_time=out_of_time)
        # A standby applies a change to what the statement reads, and may wait for it no longer.
        case asyncpg.TransactionRollbackError():
            return DatabaseLost(
                "The database has ended the query to catch up.", "Try again in a moment."
            )
        # A statement of ours was prepared before; the driver has forgotten it by now.
        case asyncpg.InvalidCachedStatementError():
            return DatabaseLost("A table has changed its form just now.", "Try again in a moment.")
    return None


def connection_lost(*, out_of_time: bool) -> ZavaError:
    """The connection ended, which is also how transaction_timeout shows between two fetches."""
    if out_of_time:
        return timed_out()
    return DatabaseLost("The connection to the database was lost.", "Try again in a moment.")


def others_disk_full() -> DiskFull:
    """The disk of a database that is not ours."""
    return DiskFull("The database's disk is full.", "Whoever runs the database has to make room.")


def timed_out() -> QueryTimeout:
    """The statement has used up its time."""
    return QueryTimeout(
        "The query ran into its time limit and was stopped.",
        "Narrow the dates or the columns, or aggregate less at once.",
    )


def cancelled_by_others() -> QueryCancelled:
    """Somebody else ended the statement, such as whoever runs the database."""
    return QueryCancelled("The query was cancelled in the database.", "Run it again if needed.")


def too_large() -> ResultTooLarge:
    """The statement met a limit of memory, disk or size."""
    return ResultTooLarge(
        "The query needs more room than a query may have.",
        "Aggregate first, or narrow the rows.",
    )
