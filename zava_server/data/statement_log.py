"""Hands what Zava's own statements cost to the monitor."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import postgast

from zava_server.data.statement_text import fingerprint_of, without_literals
from zava_server.infrastructure.query_monitor import Execution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.measured_connection import StatementRun
    from zava_server.infrastructure.query_monitor import QueryMonitor

_NAMES_KEPT = 1000


class StatementLog:
    """Records statements as of one kind of work, such as `search`."""

    def __init__(self, monitor: QueryMonitor, operation: str = "other") -> None:
        self._monitor = monitor
        self._operation = operation

    def doing(self, operation: str) -> StatementLog:
        """The same monitor, another kind of work."""
        return StatementLog(self._monitor, operation)

    def add(self, user: str, runs: Sequence[StatementRun], pool_ms: float, error: str) -> None:
        """Records a transaction's statements; its wait for a connection counts for the first.

        `error` is the code of a statement that failed.
        """
        for run in runs:
            fingerprint, text = _named(run.sql)
            self._monitor.record(
                Execution(
                    user=user,
                    fingerprint=fingerprint,
                    query=text,
                    operation=self._operation,
                    pool_ms=pool_ms,
                    database_ms=run.milliseconds,
                    encode_ms=0.0,
                    rows=run.rows,
                    error=error if run.failed else None,
                    received=run.received,
                )
            )
            pool_ms = 0.0


@lru_cache(_NAMES_KEPT)
def _named(sql: str) -> tuple[str, str]:
    """Fingerprint and one line of text; Zava's own statements are few and always the same."""
    try:
        return fingerprint_of(sql), " ".join(without_literals(sql).split())
    except postgast.PgQueryError:
        return "unknown", "a statement that cannot be read"
