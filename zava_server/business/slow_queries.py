"""What statements cost, as the server sees it and as PostgreSQL does, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zava_server.business.operations import OPS
from zava_server.data.statement_statistics import StatementStatistics, StatisticsUnavailable
from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.query_monitor import Durations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from zava_server.data.identity import Identity
    from zava_server.data.statement_statistics import DatabaseStatistics
    from zava_server.infrastructure.query_monitor import OperationFigures, QueryMonitor

_MOST_QUERIES = 200
_MOST_ASKED = 500
_MOST_USERS = 10
# Statements that the monitor does not see: those that begin and end a transaction.
HOUSEKEEPING = "server"


@dataclass(slots=True)
class StatementCost:
    """One statement: what this server measured of it (None if it did not run here yet), and
    PostgreSQL's own figures of it, for `ops`.
    """

    fingerprint: str
    query: str
    operation: str
    measured: Durations | None = None
    users: list[str] = field(default_factory=list)
    database: StatementStatistics | None = None


@dataclass(frozen=True, slots=True)
class SlowQueriesAnswer:
    """Statements in the order asked for: those measured here, and for `ops` those that PostgreSQL
    alone saw, from other servers or before this one started. `notice` says why its figures are
    missing.
    """

    statements: Sequence[StatementCost]
    elsewhere: Sequence[StatementCost]
    operations: Collection[OperationFigures]
    since: datetime
    notice: str | None


class SlowQueries:
    """Tells a caller what their statements cost, and `ops` what everybody's do."""

    def __init__(self, monitor: QueryMonitor, statistics: DatabaseStatistics) -> None:
        self._monitor = monitor
        self._statistics = statistics

    @property
    def threshold_ms(self) -> float:
        """From this duration on a statement counts as slow."""
        return self._monitor.slow_ms

    async def costliest(
        self, identity: Identity, limit: int, sort: str = "total"
    ) -> SlowQueriesAnswer:
        """One's own statements by `total`, `mean`, `p95` or `calls`; all of them with `ops`.

        Raises ValidationError for a limit or an order there is not.
        """
        if not 1 <= limit <= _MOST_QUERIES:
            raise ValidationError(f"limit must be from 1 to {_MOST_QUERIES}.")
        if sort not in _ORDERS:
            raise ValidationError(f"sort must be one of {', '.join(_ORDERS)}.")
        everybody = OPS in identity.permissions
        found = self._measured(None if everybody else identity.handle)
        notice = None
        if everybody:
            notice = await self._add_statistics(found, identity, sort)
        ordered = sorted(found.values(), key=_ORDERS[sort], reverse=True)
        return SlowQueriesAnswer(
            statements=[cost for cost in ordered if cost.measured][:limit],
            elsewhere=[cost for cost in ordered if not cost.measured][:limit],
            operations=self._monitor.operations() if everybody else (),
            since=self._monitor.since,
            notice=notice,
        )

    def _measured(self, user: str | None) -> dict[tuple[str, str], StatementCost]:
        found: dict[tuple[str, str], StatementCost] = {}
        for figures in self._monitor.figures(user):
            key = (figures.operation, figures.fingerprint)
            cost = found.get(key)
            if cost is None:
                cost = StatementCost(figures.fingerprint, figures.query, figures.operation)
                cost.measured = Durations()
                found[key] = cost
            if cost.measured is not None:
                cost.measured.merge(figures)
            if len(cost.users) < _MOST_USERS:
                cost.users.append(figures.user)
        return found

    async def _add_statistics(
        self, found: dict[tuple[str, str], StatementCost], identity: Identity, sort: str
    ) -> str | None:
        by = sort if sort in {"mean", "calls"} else "total"
        entries = await self._statistics.costliest(identity, by, _MOST_ASKED)
        if isinstance(entries, StatisticsUnavailable):
            return entries.reason
        by_fingerprint: dict[str, StatementCost] = {}
        for cost in found.values():
            # A statement that was also explained is one statement to PostgreSQL.
            if cost.operation != "explain" or cost.fingerprint not in by_fingerprint:
                by_fingerprint[cost.fingerprint] = cost
        for entry in entries:
            known = by_fingerprint.get(entry.fingerprint)
            if known is None:
                operation = "query" if entry.is_callers else HOUSEKEEPING
                known = StatementCost(entry.fingerprint, entry.query, operation)
                by_fingerprint[entry.fingerprint] = known
                found[operation, entry.fingerprint] = known
            known.database = entry if known.database is None else known.database.plus(entry)
        return None


def _total(cost: StatementCost) -> float:
    return _most(cost, lambda m: m.total_ms, lambda d: d.total_ms)


def _mean(cost: StatementCost) -> float:
    return _most(cost, lambda m: m.mean_ms, lambda d: d.mean_ms)


def _p95(cost: StatementCost) -> float:
    # PostgreSQL knows no percentiles.
    return cost.measured.percentile_ms(95) if cost.measured else _mean(cost)


def _calls(cost: StatementCost) -> float:
    return _most(cost, lambda m: m.calls, lambda d: d.calls)


def _most(
    cost: StatementCost,
    measured: Callable[[Durations], float],
    counted: Callable[[StatementStatistics], float],
) -> float:
    here = measured(cost.measured) if cost.measured else 0.0
    return max(here, counted(cost.database)) if cost.database else here


_ORDERS: dict[str, Callable[[StatementCost], float]] = {
    "total": _total,
    "mean": _mean,
    "p95": _p95,
    "calls": _calls,
}
SORTS = tuple(_ORDERS)
"""What statements can be sorted by."""
