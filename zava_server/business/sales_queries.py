"""Answers questions asked in SQL, and says what they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import NoConnection, ValidationError, code_of
from zava_server.infrastructure.query_monitor import Execution
from zava_server.infrastructure.settings import MAX_ROWS_CAP

if TYPE_CHECKING:
    from zava_server.data.guard import CheckedStatement, SqlGuard
    from zava_server.data.identity import Identity
    from zava_server.data.sales_queries import SalesQueries, TimedTable
    from zava_server.data.statements import Table
    from zava_server.infrastructure.query_monitor import QueryMonitor

CALLERS_SQL = "query"
"""The operation that callers' own statements are counted as."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A result and the time the whole call took, in milliseconds."""

    table: Table
    elapsed_ms: float


class SalesQueryService:
    """Checks, runs and measures callers' statements."""

    def __init__(self, guard: SqlGuard, queries: SalesQueries, monitor: QueryMonitor) -> None:
        self._guard = guard
        self._queries = queries
        self._monitor = monitor

    async def execute(self, identity: Identity, sql: str, max_rows: int) -> QueryAnswer:
        """The first `max_rows` rows of a SELECT that `identity` may see.

        Raises ValidationError, QueryRejected and what the database says about the statement.
        """
        if not 1 <= max_rows <= MAX_ROWS_CAP:
            raise ValidationError(f"max_rows must be from 1 to {MAX_ROWS_CAP:,}.")
        started = time.perf_counter()
        statement = await self._guard.check_aside(sql)
        try:
            timed = await self._queries.run(identity, statement.sql, max_rows)
        except BaseException as error:
            self._record(identity, statement, started, None, error)
            raise
        self._record(identity, statement, started, timed, None)
        return QueryAnswer(timed.table, (time.perf_counter() - started) * 1000)

    def _record(
        self,
        identity: Identity,
        statement: CheckedStatement,
        started: float,
        timed: TimedTable | None,
        error: BaseException | None,
    ) -> None:
        elapsed_ms = (time.perf_counter() - started) * 1000
        pool_ms = elapsed_ms if isinstance(error, NoConnection) else 0.0
        self._monitor.record(
            Execution(
                user=identity.handle,
                fingerprint=statement.fingerprint,
                query=statement.normalized,
                operation=CALLERS_SQL,
                pool_ms=timed.pool_ms if timed else pool_ms,
                database_ms=timed.database_ms if timed else elapsed_ms - pool_ms,
                encode_ms=timed.table.encode_ms if timed else 0.0,
                rows=len(timed.table.rows) if timed else 0,
                error=code_of(error) if error else None,
                received=timed.received if timed else 0,
            )
        )
