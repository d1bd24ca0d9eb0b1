"""PostgreSQL's own counters of statements (pg_stat_statements), for the permission `ops`."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncpg
import postgast

from zava_server.data.statement_text import fingerprint_of, without_literals
from zava_server.data.trouble import trouble
from zava_server.infrastructure.errors import AuthorizationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions

_STATISTICS = "SELECT * FROM zava.statement_statistics($1, $2)"
_BLOCK_BYTES = 8192
_NAMES_KEPT = 2000
_NAMES_AT_ONCE = 50
_LONGEST_READ = 16 * 1024

# A caller's statement as `statements` wraps it to have its rows rendered.
_WRAPPED = re.compile(
    r"\A\s*SELECT CASE\s+WHEN octet_length\(r\.line\) > .*?"
    r"SELECT row_to_json\(q\)::text AS line FROM \(\n(?P<sql>.*)\n"
    r"\s*\) AS q(?: \([^)]*\))? LIMIT \$\d+ OFFSET \$\d+\s*\) AS r\s*\Z",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class StatementStatistics:
    """What PostgreSQL counted of one statement since its statistics began, over all users.

    Completed runs only. Times are execution in the database, in milliseconds; `share` is of the
    time of all statements in this database, 0 to 1. `is_callers` tells a caller's statement from
    Zava's own.
    """

    fingerprint: str
    query: str
    is_callers: bool
    calls: int
    total_ms: float
    rows: int
    buffer_hits: int
    buffer_reads: int
    temp_bytes: int
    share: float

    @property
    def mean_ms(self) -> float:
        """Arithmetic mean of all runs."""
        return self.total_ms / self.calls

    def plus(self, other: StatementStatistics) -> StatementStatistics:
        """Both together: PostgreSQL counts what differs in ways that a fingerprint leaves out."""
        return replace(
            self,
            calls=self.calls + other.calls,
            total_ms=self.total_ms + other.total_ms,
            rows=self.rows + other.rows,
            buffer_hits=self.buffer_hits + other.buffer_hits,
            buffer_reads=self.buffer_reads + other.buffer_reads,
            temp_bytes=self.temp_bytes + other.temp_bytes,
            share=self.share + other.share,
        )


@dataclass(frozen=True, slots=True)
class StatisticsUnavailable:
    """Why this PostgreSQL has no statistics to show: one sentence."""

    reason: str


class DatabaseStatistics:
    """Asks PostgreSQL under the identity of somebody who may know."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions
        self._names: OrderedDict[int, tuple[str, str, bool]] = OrderedDict()

    async def costliest(
        self, identity: Identity, by: str, most: int
    ) -> Sequence[StatementStatistics] | StatisticsUnavailable:
        """Up to `most` entries by `total`, `mean` or `calls`.

        Raises AuthorizationError where the database does not find the permission `ops`.
        """
        try:
            async with self._transactions.read_as(identity) as transaction:
                rows = await transaction.connection.fetch(_STATISTICS, by, most)
        except asyncpg.InsufficientPrivilegeError:
            raise AuthorizationError(
                "Statements of all users are for the permission ops.", "Ask for your own."
            ) from None
        except asyncpg.PostgresError as error:
            if trouble(error, out_of_time=False) is not None:
                raise
            return StatisticsUnavailable(
                "PostgreSQL's own figures are missing: load pg_stat_statements at its start "
                "(shared_preload_libraries) and create the extension."
            )
        found = []
        for number, row in enumerate(rows, 1):
            found.append(self._statistics(row))
            # Reading new texts takes a fifth of a millisecond each.
            if not number % _NAMES_AT_ONCE:
                await asyncio.sleep(0)
        return found

    def _statistics(self, row: asyncpg.Record) -> StatementStatistics:
        fingerprint, query, is_callers = self._named(row["query_id"], row["query"])
        return StatementStatistics(
            fingerprint=fingerprint,
            query=query,
            is_callers=is_callers,
            calls=row["calls"],
            total_ms=row["total_ms"],
            rows=row["rows"],
            buffer_hits=row["buffer_hits"],
            buffer_reads=row["buffer_reads"],
            temp_bytes=row["temp_blocks"] * _BLOCK_BYTES,
            share=row["share"] or 0.0,
        )

    def _named(self, query_id: int, text: str) -> tuple[str, str, bool]:
        """PostgreSQL's texts may still hold literals: only what the parser has read is shown."""
        if (known := self._names.get(query_id)) is not None:
            self._names.move_to_end(query_id)
            return known
        wrapped = _WRAPPED.match(text)
        sql = wrapped["sql"] if wrapped else text
        try:
            if len(sql) > _LONGEST_READ:
                raise postgast.PgQueryError("too long to be read here")
            shown = " ".join(without_literals(sql).split())
            named = fingerprint_of(sql), shown, wrapped is not None
        except postgast.PgQueryError:
            shown = "a statement whose text cannot be shown"
            named = f"postgresql-{query_id & (2**64 - 1):x}", shown, wrapped is not None
        self._names[query_id] = named
        if len(self._names) > _NAMES_KEPT:
            self._names.popitem(last=False)
        return named
