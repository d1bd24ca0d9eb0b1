"""Figures of stores over local days: from the rollups, and of a day that is cut from its orders."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.performance_queries import (
    CATEGORIES,
    CUTS_WITH_COSTS,
    CUTS_WITHOUT_COSTS,
    DAYS,
    HOURS,
    MARGINS,
    STORES,
    TOTALS,
    VISITS,
)
from zava_server.data.sales_history import categories_by_stretch, totals_by_stretch
from zava_server.data.stock import stock_alerts
from zava_server.data.sums import Sums, sums_of
from zava_server.data.top_products import top_products

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.identity import Identity
    from zava_server.data.sales_history import Stretches
    from zava_server.data.stock import StockAlert, StockRules
    from zava_server.data.top_products import ProductDays, ProductMonths, ProductSales
    from zava_server.data.transactions import ReadTransactions


@dataclass(frozen=True, slots=True)
class StoreClock:
    """A store and the IANA time zone of its days.

    Whether it has orders later than was asked, and whether sums by month and product are kept.
    """

    store_id: UUID
    name: str
    time_zone: str
    has_later_orders: bool
    has_monthly_products: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a day ends early: before the instant `at`, which lies in the hour `hour`.

    Of that hour nothing lies before `hour_since`, and of the day nothing before `day_since`.
    """

    hour: int
    hour_since: datetime
    day_since: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A store's days: whole ones from `start` up to `until`, and of `until` what lies before `cut`.

    `months` are the first days of the first whole month within and of the first one after those,
    None where it lies in one month; `loose_days` the whole days outside of them. `period` says what
    figures of several windows are put together.
    """

    period: str
    store_id: UUID
    start: date
    until: date
    cut: Cut | None
    months: tuple[date, date] | None
    loose_days: Sequence[tuple[date, date]]


@dataclass(frozen=True, slots=True)
class Part:
    """Sums of a part of a period; a dimension that it is not broken down by is None."""

    period: str
    sums: Sums
    weekday: int | None = None
    """1 (Monday) to 7."""
    hour: int | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits of known customers in a period.

    `first` are those that were a customer's first ever in the store; `repeated` those whose
    previous visit lies in the period too.
    """

    visits: int = 0
    first: int = 0
    repeated: int = 0


class PerformanceReader:
    """Figures within one transaction, so that all are of one moment."""

    def __init__(self, connection: PoolConnectionProxy) -> None:
        self._connection = connection

    async def stock_alerts(
        self, store_ids: Sequence[UUID], rules: StockRules
    ) -> Sequence[StockAlert]:
        """What is out of stock, runs out or lies, most urgent first within each kind."""
        return await stock_alerts(self._connection, store_ids, rules)

    async def totals_by_stretch(
        self, store_ids: Sequence[UUID], stretches: Stretches
    ) -> Sequence[Sums]:
        """Sums of each of these equally long stretches of days, oldest first."""
        return await totals_by_stretch(self._connection, store_ids, stretches)

    async def categories_by_stretch(
        self, store_ids: Sequence[UUID], stretches: Stretches
    ) -> Mapping[str, Sequence[float]]:
        """Revenue of each category in each stretch, oldest first."""
        return await categories_by_stretch(self._connection, store_ids, stretches)

    async def stores(self, store_ids: Sequence[UUID], now: datetime) -> Sequence[StoreClock]:
        """These stores, by name, and whether they have orders from `now` on."""
        rows = await self._connection.fetch(STORES, store_ids, now)
        return [StoreClock(**row) for row in rows]

    async def totals(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Sums over the whole days, by period and weekday."""
        rows = await self._connection.fetch(TOTALS, *_days_and_months(windows))
        return [Part(row["period"], sums_of(row), weekday=row["weekday"]) for row in rows]

    async def days(self, windows: Sequence[Window]) -> Sequence[tuple[date, Sums]]:
        """Revenue, orders and units sold of each whole day with sales, oldest first."""
        rows = await self._connection.fetch(DAYS, *_whole_days(windows))
        return [(row["day"], sums_of(row)) for row in rows]

    async def top_products(
        self,
        months: Sequence[ProductMonths],
        days: Sequence[ProductDays],
        *,
        ranking: str,
        category: str | None,
        limit: int,
    ) -> Sequence[ProductSales]:
        """The first products by a ranking, of one category or of all."""
        return await top_products(
            self._connection, months, days, ranking=ranking, category=category, limit=limit
        )

    async def cuts(self, windows: Sequence[Window], *, with_costs: bool) -> Sequence[Part]:
        """Sums over the parts of days at the ends, by period, weekday and hour."""
        cuts = [
            (w.period, w.store_id, w.until, w.cut.hour, w.cut.hour_since, w.cut.at)
            for w in windows
            if w.cut is not None
        ]
        if not cuts:
            return []
        sql = CUTS_WITH_COSTS if with_costs else CUTS_WITHOUT_COSTS
        rows = await self._connection.fetch(sql, *_transposed(cuts, 6))
        return [Part(row["period"], sums_of(row), row["weekday"], row["hour"]) for row in rows]

    async def categories(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Revenue and units sold by period and category, parts of days included."""
        cuts = [
            (w.period, w.store_id, w.until, w.cut.day_since, w.cut.at)
            for w in windows
            if w.cut is not None
        ]
        rows = await self._connection.fetch(
            CATEGORIES, *_days_and_months(windows), *_transposed(cuts, 5)
        )
        return [Part(row["period"], sums_of(row), category=row["category"]) for row in rows]

    async def hours(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Revenue and orders of the whole days, by period and hour of the day."""
        rows = await self._connection.fetch(HOURS, *_days_and_months(windows))
        return [Part(row["period"], sums_of(row), hour=row["hour"]) for row in rows]

    async def margins(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Revenue of lines whose cost is known, and that cost, of the whole days."""
        rows = await self._connection.fetch(MARGINS, *_days_and_months(windows))
        return [Part(row["period"], sums_of(row)) for row in rows]

    async def visits(self, windows: Sequence[Window]) -> dict[str, Visits]:
        """Visits by period, parts of days included."""
        cuts = [
            (w.period, w.store_id, w.start, w.until, w.cut.at) for w in windows if w.cut is not None
        ]
        rows = await self._connection.fetch(
            VISITS,
            *_whole_days(windows),
            *_transposed(cuts, 5),
            *_transposed(
                [
                    (w.period, w.store_id, w.start, *w.months)
                    for w in windows
                    if w.months is not None
                ],
                5,
            ),
            *_transposed([_days_after_months(w) for w in windows], 6),
        )
        return {
            row["period"]: Visits(row["visits"], row["first_visits"], row["repeated"])
            for row in rows
        }


class Performance:
    """Reads stores' figures under an identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    @asynccontextmanager
    async def read_as(self, identity: Identity) -> AsyncIterator[PerformanceReader]:
        """A reader of what `identity` may see."""
        async with self._transactions.read_as(identity) as transaction:
            yield PerformanceReader(transaction.connection)


def _whole_days(windows: Sequence[Window]) -> list[list[object]]:
    return _transposed([(w.period, w.store_id, w.start, w.until) for w in windows], 4)


def _days_and_months(windows: Sequence[Window]) -> list[list[object]]:
    """The days outside of whole months, and these: each as period, store, from and up to."""
    days = [(w.period, w.store_id, *days) for w in windows for days in w.loose_days]
    months = [(w.period, w.store_id, *w.months) for w in windows if w.months is not None]
    return [*_transposed(days, 4), *_transposed(months, 4)]


def _days_after_months(window: Window) -> tuple[object, ...]:
    """The whole days after the whole months, or all of them where there are none of these.

    With the first day of the window and the one on which the days before the months end.
    """
    first, since = window.months or (window.until, window.start)
    return window.period, window.store_id, window.start, first, since, window.until


def _transposed(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[n] for row in rows] for n in range(width)]
