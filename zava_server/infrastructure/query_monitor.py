"""What statements cost: per user and fingerprint, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from ddsketch import LogCollapsingLowestDenseDDSketch

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = structlog.get_logger(__name__)

_RELATIVE_ERROR = 0.01
_BINS = 512
_MOST_FINGERPRINTS = 2000


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a statement. Times are in milliseconds; `query` has no literals."""

    user: str
    fingerprint: str
    query: str
    operation: str
    pool_ms: float
    database_ms: float
    encode_ms: float
    rows: int
    error: str | None = None

    @property
    def total_ms(self) -> float:
        """From asking for a connection to the encoded result."""
        return self.pool_ms + self.database_ms + self.encode_ms


@dataclass(slots=True)
class StatementFigures:
    """All runs of one statement by one user. Percentiles are off by at most 1 %."""

    user: str
    fingerprint: str
    query: str
    operation: str
    calls: int = 0
    errors: int = 0
    slow_calls: int = 0
    rows: int = 0
    total_ms: float = 0.0
    min_ms: float = float("inf")
    max_ms: float = 0.0
    last_seen: datetime = field(default_factory=lambda: datetime.now(UTC))
    _sketch: LogCollapsingLowestDenseDDSketch = field(
        default_factory=lambda: LogCollapsingLowestDenseDDSketch(_RELATIVE_ERROR, _BINS)
    )

    def add(self, run: Execution, *, slow: bool) -> None:
        """Counts one more run."""
        self.calls += 1
        self.errors += run.error is not None
        self.slow_calls += slow
        self.rows += run.rows
        self.total_ms += run.total_ms
        self.min_ms = min(self.min_ms, run.total_ms)
        self.max_ms = max(self.max_ms, run.total_ms)
        self.last_seen = datetime.now(UTC)
        self._sketch.add(run.total_ms)

    @property
    def mean_ms(self) -> float:
        """Arithmetic mean of all runs."""
        return self.total_ms / self.calls

    def percentile_ms(self, percent: float) -> float:
        """The duration that `percent` of the runs stay at or below."""
        return float(self._sketch.get_quantile_value(percent / 100) or 0.0)


class QueryMonitor:
    """Remembers what each statement cost; forgets the one that ran longest ago when full."""

    def __init__(self, slow_seconds: float) -> None:
        self.slow_ms = slow_seconds * 1000
        self._figures: OrderedDict[tuple[str, str], StatementFigures] = OrderedDict()

    def record(self, run: Execution) -> None:
        """Counts a run and logs it when it was slow."""
        slow = run.total_ms >= self.slow_ms
        key = (run.user, run.fingerprint)
        figures = self._figures.get(key)
        if figures is None:
            figures = StatementFigures(run.user, run.fingerprint, run.query, run.operation)
            self._figures[key] = figures
            if len(self._figures) > _MOST_FINGERPRINTS:
                self._figures.popitem(last=False)
        self._figures.move_to_end(key)
        figures.add(run, slow=slow)
        if slow:
            _log.warning(
                "slow query",
                user=run.user,
                fingerprint=run.fingerprint,
                query=run.query,
                pool_ms=round(run.pool_ms, 1),
                database_ms=round(run.database_ms, 1),
                encode_ms=round(run.encode_ms, 1),
                rows=run.rows,
                error=run.error,
            )

    def figures(self, user: str | None) -> Iterator[StatementFigures]:
        """The figures of one user's statements, or of everybody's for None."""
        return (f for f in self._figures.values() if user is None or f.user == user)
