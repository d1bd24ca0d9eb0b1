"""Callers' own SQL, run under their identity."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.statements import Table, run_statement
from zava_server.infrastructure.tracing import span

if TYPE_CHECKING:
    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions


@dataclass(frozen=True, slots=True)
class TimedTable:
    """A result with where its time went, in milliseconds, and the bytes the database sent."""

    table: Table
    pool_ms: float
    database_ms: float
    received: int


class SalesQueries:
    """Runs statements in read-only transactions."""

    def __init__(self, transactions: ReadTransactions, *, max_bytes: int) -> None:
        self._transactions = transactions
        self._max_bytes = max_bytes

    async def run(self, identity: Identity, sql: str, max_rows: int) -> TimedTable:
        """The rows `identity` may see of one checked statement.

        Raises the hierarchy's errors for whatever the statement does wrong.
        """
        started = time.perf_counter()
        async with self._transactions.read_as(identity) as transaction:
            transaction.received.allow(self._max_bytes)
            with span("zava.query"):
                table = await run_statement(
                    transaction.connection, sql, max_rows=max_rows, max_bytes=self._max_bytes
                )
            received = transaction.received.count
        total_ms = (time.perf_counter() - started) * 1000
        pool_ms = transaction.pool_wait_ms
        return TimedTable(table, pool_ms, total_ms - pool_ms - table.encode_ms, received)
