"""The course of sales: by day, week or month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from zava_server.business.kept_answers import KeptAnswers, minute
from zava_server.business.metrics import average_order_value, money
from zava_server.business.own_stores import own_stores
from zava_server.business.periods import Span, add_months, periods_at
from zava_server.business.store_windows import windows_of
from zava_server.data.sums import Sums
from zava_server.infrastructure.cache.changes import CATALOGUE, SALES
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from uuid import UUID

    from zava_server.data.identity import Identity
    from zava_server.data.performance import Performance
    from zava_server.infrastructure.cache.cache import Cache

STEPS = ("day", "week", "month")
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_MOST_DAYS_BY_DAY = 62
_MOST_DAYS_BY_WEEK = 190
_MOST_POINTS = 1_000


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A day, week (from Monday) or month; figures are None where nothing was sold.

    `partial` where not all of it lies within the period, or has passed, in every store.
    """

    start: date
    revenue: float | None
    orders: int | None
    units: int | None
    average_order_value: float | None
    partial: bool


@dataclass(frozen=True, slots=True)
class SalesTrend:
    """The points of a period, oldest first; `span` is that of the first store."""

    name: str
    span: Span
    step: str
    points: Sequence[TrendPoint]


class SalesTrendService:
    """Follows sales over a period."""

    def __init__(
        self,
        performance: Performance,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache: Cache | None = None,
    ) -> None:
        self._performance = performance
        self._now = now
        self._kept = KeptAnswers(cache, "sales_trend", SalesTrend, SALES, CATALOGUE)

    async def trend(
        self, identity: Identity, store: str | None, time_period: str, step: str | None
    ) -> SalesTrend:
        """The course of one of the caller's stores, or of all together.

        `step` is one of `STEPS`; None chooses by length. Raises AuthorizationError,
        ValidationError.
        """
        store_ids = own_stores(identity, store)
        if step is not None and step not in STEPS:
            raise ValidationError(f"step must be one of: {', '.join(STEPS)}.")
        now = self._now()
        periods_at(time_period, now.replace(tzinfo=None))
        return await self._kept.get(
            identity,
            (store_ids, time_period.strip(), step, minute(now)),
            lambda: self._computed(identity, store_ids, time_period, step, now),
        )

    async def _computed(
        self,
        identity: Identity,
        store_ids: Sequence[UUID],
        time_period: str,
        step: str | None,
        now: datetime,
    ) -> SalesTrend:
        async with self._performance.read_as(identity) as reader:
            clocks = await reader.stores(store_ids, now)
            # By the day it is there: where one ends early, that is the day.
            windows = windows_of(
                clocks,
                lambda local: {local.date().isoformat(): periods_at(time_period, local).current},
                now,
            )
            days = list(await reader.days(windows))
            cuts = await reader.cuts(windows, with_costs=False)
        days += [(date.fromisoformat(part.period), part.sums) for part in cuts]
        spans = [
            periods_at(
                time_period, now.astimezone(ZoneInfo(clock.time_zone)).replace(tzinfo=None)
            ).current
            for clock in clocks
        ]
        chosen = step or _step(spans[0])
        return SalesTrend(time_period.strip(), spans[0], chosen, _points(days, spans, chosen))


def _step(span: Span) -> str:
    days = (span.until - span.start).days
    if days <= _MOST_DAYS_BY_DAY:
        return "day"
    return "week" if days <= _MOST_DAYS_BY_WEEK else "month"


def _points(
    days: Sequence[tuple[date, Sums]], spans: Sequence[Span], step: str
) -> list[TrendPoint]:
    sums: dict[date, Sums] = {}
    for day, more in days:
        start = _start(day, step)
        sums[start] = sums.get(start, Sums()) + more
    points = []
    since, until = max(span.start for span in spans), min(span.until for span in spans)
    for start, end in _ranges(spans, step):
        of_it = sums.get(start, Sums())
        has_sales = of_it.lines > 0
        points.append(
            TrendPoint(
                start=start,
                revenue=money(of_it.revenue) if has_sales else None,
                orders=of_it.orders if has_sales else None,
                units=of_it.units_sold if has_sales else None,
                average_order_value=average_order_value(of_it) if has_sales else None,
                partial=start < since or end > until,
            )
        )
    return points


def _start(day: date, step: str) -> date:
    if step == "day":
        return day
    return day - day.weekday() * _DAY if step == "week" else day.replace(day=1)


def _ranges(spans: Sequence[Span], step: str) -> Iterator[tuple[date, date]]:
    """From the first day in any store to the last in any."""
    last = max(span.until if span.cut is not None else span.until - _DAY for span in spans)
    start = _start(min(span.start for span in spans), step)
    for _ in range(_MOST_POINTS):
        if start > last:
            return
        end = (
            add_months(start, 1) if step == "month" else start + (_DAY if step == "day" else _WEEK)
        )
        yield start, end
        start = end
    raise ValidationError(
        f"These are over {_MOST_POINTS:,} points.", "Choose a larger step or a shorter period."
    )
