"""What statements cost: per user and fingerprint, and per operation, in bounded memory.

Durations are kept in sketches (DDSketch) of at most 512 bins, so that a percentile is off by at
most 1 % whatever the number of calls.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from ddsketch import LogCollapsingLowestDenseDDSketch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_log = structlog.get_logger(__name__)

_RELATIVE_ERROR = 0.01
_BINS = 512
_MOST_FINGERPRINTS = 2000
_LONGEST_LOGGED = 2000

BUCKETS_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
"""Upper ends of the histogram's buckets, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a statement. Times are in milliseconds; `query` has no literals.

    `operation` is what the statement was for: `query` is a caller's own, others are Zava's.
    `pool_ms` is the wait for a connection, `encode_ms` what turning rows into cells took.
    `received` is the bytes that the database sent. `error` is the code of what the caller was told.
    """

    user: str
    fingerprint: str
    query: str
    operation: str
    pool_ms: float
    database_ms: float
    encode_ms: float
    rows: int
    error: str | None = None
    received: int = 0

    @property
    def total_ms(self) -> float:
        """From asking for a connection to the encoded result."""
        return self.pool_ms + self.database_ms + self.encode_ms


@dataclass(slots=True)
class Durations:
    """Calls and how long they took, in milliseconds. Percentiles are off by at most 1 %."""

    calls: int = 0
    errors: int = 0
    slow_calls: int = 0
    rows: int = 0
    received: int = 0
    total_ms: float = 0.0
    pool_ms: float = 0.0
    database_ms: float = 0.0
    encode_ms: float = 0.0
    min_ms: float = float("inf")
    max_ms: float = 0.0
    last_seen: datetime = field(default_factory=lambda: datetime.now(UTC))
    _sketch: LogCollapsingLowestDenseDDSketch = field(
        default_factory=lambda: LogCollapsingLowestDenseDDSketch(_RELATIVE_ERROR, _BINS)
    )

    def add(self, run: Execution, *, slow: bool) -> None:
        """Counts one more run."""
        total_ms = run.total_ms
        self.calls += 1
        self.errors += run.error is not None
        self.slow_calls += slow
        self.rows += run.rows
        self.received += run.received
        self.total_ms += total_ms
        self.pool_ms += run.pool_ms
        self.database_ms += run.database_ms
        self.encode_ms += run.encode_ms
        self.min_ms = min(self.min_ms, total_ms)
        self.max_ms = max(self.max_ms, total_ms)
        self.last_seen = datetime.now(UTC)
        self._sketch.add(total_ms)

    def merge(self, other: Durations) -> None:
        """Counts all runs of `other` as well."""
        self.calls += other.calls
        self.errors += other.errors
        self.slow_calls += other.slow_calls
        self.rows += other.rows
        self.received += other.received
        self.total_ms += other.total_ms
        self.pool_ms += other.pool_ms
        self.database_ms += other.database_ms
        self.encode_ms += other.encode_ms
        self.min_ms = min(self.min_ms, other.min_ms)
        self.max_ms = max(self.max_ms, other.max_ms)
        self.last_seen = max(self.last_seen, other.last_seen)
        self._sketch.merge(other._sketch)

    @property
    def mean_ms(self) -> float:
        """Arithmetic mean of all runs."""
        return self.total_ms / self.calls if self.calls else 0.0

    def percentile_ms(self, percent: float) -> float:
        """The duration that `percent` of the runs stay at or below: of few runs, a long one."""
        if self.calls < 2:
            return self.max_ms
        # The sketch takes a share of calls - 1, and the run at or before it.
        place = max(math.ceil(percent / 100 * self.calls), 1) - 0.5
        share = min(place / (self.calls - 1), 1.0)
        value = float(self._sketch.get_quantile_value(share) or 0.0)
        return min(max(value, self.min_ms), self.max_ms)


@dataclass(slots=True)
class StatementFigures(Durations):
    """All runs of one statement by one user."""

    user: str = ""
    fingerprint: str = ""
    query: str = ""
    operation: str = ""


@dataclass(slots=True)
class OperationFigures(Durations):
    """All runs of one kind of work. `outcomes` counts `ok` and error codes, `buckets` durations.

    A bucket counts what is above the end of the one before, the last one what is above all ends.
    """

    operation: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_MS) + 1))


class QueryMonitor:
    """Remembers what each statement cost.

    Up to 2,000 pairs of user and statement are kept. Then the user who has most of them loses the
    one that ran longest ago, so that nobody's statements drive out another's. Operations lose
    nothing: they are few.
    """

    def __init__(self, slow_seconds: float) -> None:
        self.slow_ms = slow_seconds * 1000
        self.since = datetime.now(UTC)
        self._users: dict[str, OrderedDict[tuple[str, str], StatementFigures]] = {}
        self._kept = 0
        self._operations: dict[str, OperationFigures] = {}

    def record(self, run: Execution) -> None:
        """Counts a run and logs it when it was slow."""
        slow = run.total_ms >= self.slow_ms
        self._statement(run).add(run, slow=slow)
        operation = self._operations.get(run.operation)
        if operation is None:
            operation = OperationFigures(operation=run.operation)
            self._operations[run.operation] = operation
        operation.add(run, slow=slow)
        operation.outcomes[run.error or "ok"] += 1
        operation.buckets[bisect_left(BUCKETS_MS, run.total_ms)] += 1
        if slow:
            _log.warning(
                "slow query",
                user=run.user,
                operation=run.operation,
                fingerprint=run.fingerprint,
                query=run.query[:_LONGEST_LOGGED],
                outcome=run.error or "ok",
                pool_ms=round(run.pool_ms, 1),
                database_ms=round(run.database_ms, 1),
                encode_ms=round(run.encode_ms, 1),
                rows=run.rows,
                bytes=run.received,
            )

    def figures(self, user: str | None) -> Iterator[StatementFigures]:
        """The figures of one user's statements, or of everybody's, user by user, for None."""
        if user is not None:
            yield from self._users.get(user, {}).values()
            return
        for statements in self._users.values():
            yield from statements.values()

    def operations(self) -> Collection[OperationFigures]:
        """The figures of each kind of work so far."""
        return self._operations.values()

    def _statement(self, run: Execution) -> StatementFigures:
        statements = self._users.setdefault(run.user, OrderedDict())
        key = (run.operation, run.fingerprint)
        if (known := statements.get(key)) is not None:
            statements.move_to_end(key)
            return known
        new = StatementFigures(
            user=run.user, fingerprint=run.fingerprint, query=run.query, operation=run.operation
        )
        statements[key] = new
        self._kept += 1
        if self._kept > _MOST_FINGERPRINTS:
            self._forget_one()
        return new

    def _forget_one(self) -> None:
        largest = max(self._users, key=lambda user: len(self._users[user]))
        self._users[largest].popitem(last=False)
        self._kept -= 1
        if not self._users[largest]:
            del self._users[largest]
