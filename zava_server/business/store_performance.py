"""A store's figures of a period, against the period before and the same period last year."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from zava_server.business.changes import changes, driver, stretches_of, stretches_told
from zava_server.business.insights import Insight  # noqa: TC001 - the cache reads it
from zava_server.business.kept_answers import KeptAnswers, minute
from zava_server.business.metrics import Metrics, metrics_of, money, share
from zava_server.business.own_stores import own_stores
from zava_server.business.periods import Periods, Span, periods_at
from zava_server.business.stock import insight_rules, stock_insights
from zava_server.business.store_windows import windows_of
from zava_server.data.performance import Part, Visits, Window
from zava_server.data.sums import Sums
from zava_server.infrastructure.cache.changes import CATALOGUE, SALES, STOCK

if TYPE_CHECKING:
    from zava_server.data.identity import Identity
    from zava_server.data.performance import Performance, PerformanceReader, StoreClock
    from zava_server.infrastructure.cache.cache import Cache

K = TypeVar("K", int, str)

CURRENT, PREVIOUS, LAST_YEAR = "current", "previous", "last_year"
_SEES_NO_COSTS = "viewer"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the current period: a category, a weekday or an hour.

    `share` is that of revenue. Orders are not known by category, units sold not by hour: 0.
    """

    name: str
    revenue: float
    share: float | None
    orders: int
    units: int


@dataclass(frozen=True, slots=True)
class StorePerformance:
    """The answer; `store_id` and `time_zone` are None where several stores have several."""

    store_id: UUID | None
    store: str
    periods: Periods
    time_zone: str | None
    current: Metrics
    previous: Metrics
    last_year: Metrics
    by_category: Sequence[Slice]
    by_weekday: Sequence[Slice]
    by_hour: Sequence[Slice]
    insights: Sequence[Insight]
    elapsed_ms: float


class StorePerformanceService:
    """Puts stores' figures together."""

    def __init__(
        self,
        performance: Performance,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache: Cache | None = None,
    ) -> None:
        self._performance = performance
        self._now = now
        self._kept = KeptAnswers(
            cache, "store_performance", StorePerformance, SALES, STOCK, CATALOGUE
        )

    async def performance(
        self, identity: Identity, store: str | None, time_period: str
    ) -> StorePerformance:
        """The figures of one of the caller's stores, or of all of them together.

        Raises AuthorizationError for a store that is not the caller's, ValidationError for a
        period of no known form.
        """
        started = perf_counter()
        store_ids = own_stores(identity, store)
        now = self._now()
        # Before a connection is taken.
        periods_at(time_period, now.replace(tzinfo=None))
        answer = await self._kept.get(
            identity,
            (store_ids, time_period.strip(), minute(now)),
            lambda: self._computed(identity, store_ids, time_period, now),
        )
        return replace(answer, elapsed_ms=(perf_counter() - started) * 1000)

    async def _computed(
        self, identity: Identity, store_ids: Sequence[UUID], time_period: str, now: datetime
    ) -> StorePerformance:
        with_costs = identity.role != _SEES_NO_COSTS
        async with self._performance.read_as(identity) as reader:
            clocks = await reader.stores(store_ids, now)
            periods, windows = _windows(clocks, time_period, now)
            current = [window for window in windows if window.period == CURRENT]
            cuts = await reader.cuts(windows, with_costs=with_costs)
            days = await reader.totals(windows)
            margins = await reader.margins(windows) if with_costs else []
            categories = await reader.categories(current)
            hours = await reader.hours(current)
            visits = await reader.visits(windows)
            insights = await _insights(reader, store_ids, periods, now, clocks)
        totals = [*cuts, *days, *margins]

        read = {window.period for window in windows}

        def metrics(period: str) -> Metrics:
            return metrics_of(
                _sum(totals, period), visits.get(period, Visits()), with_costs=with_costs
            )

        zones = {clock.time_zone for clock in clocks}
        return StorePerformance(
            store_id=store_ids[0] if len(store_ids) == 1 else None,
            store=clocks[0].name if len(clocks) == 1 else f"{len(clocks)} stores",
            periods=periods,
            time_zone=zones.pop() if len(zones) == 1 else None,
            current=metrics(CURRENT),
            previous=metrics(PREVIOUS),
            last_year=metrics(LAST_YEAR if LAST_YEAR in read else PREVIOUS),
            by_category=sorted(
                _slices(categories, lambda part: part.category, str),
                key=lambda slice_: (-slice_.revenue, slice_.name),
            ),
            by_weekday=_slices(
                totals, lambda part: part.weekday, lambda number: _WEEKDAYS[number - 1]
            ),
            by_hour=_slices(
                [*cuts, *hours], lambda part: part.hour, lambda number: f"{number:02d}"
            ),
            insights=insights,
            elapsed_ms=0.0,
        )


def _windows(
    clocks: Sequence[StoreClock], time_period: str, now: datetime
) -> tuple[Periods, list[Window]]:
    """The first store's periods, and what to read. The same span is not read twice."""
    by_zone = {
        clock.time_zone: periods_at(
            time_period, now.astimezone(ZoneInfo(clock.time_zone)).replace(tzinfo=None)
        )
        for clock in clocks
    }
    is_last_year = all(periods.previous == periods.last_year for periods in by_zone.values())

    def spans(local: datetime) -> dict[str, Span]:
        periods = periods_at(time_period, local)
        before = {PREVIOUS: periods.previous, LAST_YEAR: periods.last_year}
        if is_last_year:
            del before[LAST_YEAR]
        return {CURRENT: periods.current, **before}

    return by_zone[clocks[0].time_zone], windows_of(clocks, spans, now)


async def _insights(
    reader: PerformanceReader,
    store_ids: Sequence[UUID],
    periods: Periods,
    now: datetime,
    clocks: Sequence[StoreClock],
) -> list[Insight]:
    found: list[Insight] = []
    daily_revenue = 0.0
    stretches = stretches_of(periods.current)
    if stretches is not None:
        history = await reader.totals_by_stretch(store_ids, stretches)
        daily_revenue = float(history[-1].revenue) / stretches.days
        for change in changes(history, stretches):
            found.append(change)
            if change.metric == "revenue":
                categories = await reader.categories_by_stretch(store_ids, stretches)
                drives = driver(change, categories, stretches_told(history))
                found += [drives] if drives else []
    # Stock is what it is now, and says nothing about a period that is over.
    if periods.current.cut is not None:
        local = now.astimezone(ZoneInfo(clocks[0].time_zone)).replace(tzinfo=None)
        alerts = await reader.stock_alerts(store_ids, insight_rules(local))
        found += stock_insights(alerts, daily_revenue)
    return found


def _sum(parts: Sequence[Part], period: str) -> Sums:
    return sum((part.sums for part in parts if part.period == period), Sums())


def _slices(
    parts: Sequence[Part], key: Callable[[Part], K | None], name: Callable[[K], str]
) -> list[Slice]:
    """The current period by `key`, in its order."""
    groups: dict[K, Sums] = {}
    for part in parts:
        value = key(part)
        if part.period == CURRENT and value is not None:
            groups[value] = groups.get(value, Sums()) + part.sums
    total = sum((sums.revenue for sums in groups.values()), Sums().revenue)
    return [
        Slice(
            name=name(value),
            revenue=money(sums.revenue),
            share=share(sums.revenue, total),
            orders=sums.orders,
            units=sums.units_sold,
        )
        for value, sums in sorted(groups.items(), key=lambda item: item[0])
    ]
