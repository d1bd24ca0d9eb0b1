"""Figures of stores over local days: from the rollups, and of a day that is cut from its orders."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from zava_server.data.sales_history import categories_by_stretch, totals_by_stretch
from zava_server.data.stock import stock_alerts
from zava_server.data.sums import Sums, sums_of
from zava_server.data.top_products import top_products

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.identity import Identity
    from zava_server.data.sales_history import Stretches
    from zava_server.data.stock import StockAlert, StockRules
    from zava_server.data.top_products import ProductDays, ProductMonths, ProductSales
    from zava_server.data.transactions import ReadTransactions

_STORES = """
SELECT s.store_id, s.name, s.time_zone, EXISTS (
        SELECT FROM retail.orders AS o WHERE o.store_id = s.store_id AND o.order_date >= $2
    ) AS has_later_orders,
    EXISTS (SELECT FROM zava.sums_by_product) AS has_monthly_products
FROM retail.stores AS s
WHERE s.store_id = ANY ($1)
ORDER BY s.name
"""

# The planner takes a range that another row gives for a ninth of the table, and would read all of
# it. As a lateral sub-select of its own (OFFSET 0 keeps it one, as sums do) it is looked up row by
# row. Sums are made of each range first: sorting thousands of rows by period would take longer.
_WINDOWS = """
windows AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::date[], $4::date[])
        AS w (period, store_id, start, until)
)
"""
# Days outside of whole months, and these.
_WINDOWS_AND_MONTHS = f"""{_WINDOWS.rstrip()},
months AS (
    SELECT * FROM unnest($5::text[], $6::uuid[], $7::date[], $8::date[])
        AS w (period, store_id, start, until)
)
"""  # noqa: S608 - no values in it

_SUMS = """sum(t.revenue) AS revenue, sum(t.orders)::bigint AS orders,
    sum(t.units_sold)::bigint AS units_sold, sum(t.units_returned)::bigint AS units_returned,
    sum(t.list_value) AS list_value, sum(t.discount_value) AS discount_value"""

_TOTALS = f"""
WITH {_WINDOWS_AND_MONTHS}
SELECT t.period, t.weekday, {_SUMS}, sum(t.lines)::bigint AS lines
FROM (
    SELECT w.period, t.*
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT extract(isodow FROM t.day)::int AS weekday, {_SUMS},
            sum(t.line_count)::bigint AS lines
        FROM retail.daily_totals AS t
        WHERE t.store_id = w.store_id AND t.day >= w.start AND t.day < w.until
        GROUP BY 1
    ) AS t
    UNION ALL
    SELECT w.period, t.*
    FROM months AS w
    CROSS JOIN LATERAL (
        SELECT t.number::int AS weekday, {_SUMS}, sum(t.line_count)::bigint AS lines
        FROM retail.monthly_rhythm AS t
        WHERE t.store_id = w.store_id AND t.month >= w.start AND t.month < w.until
            AND t.part = 'weekday'
        GROUP BY 1
    ) AS t
) AS t
GROUP BY 1, 2
"""  # noqa: S608 - likewise

_DAYS = f"""
WITH {_WINDOWS}
SELECT w.period, t.day, sum(t.revenue) AS revenue, sum(t.orders)::bigint AS orders,
    sum(t.units_sold)::bigint AS units_sold, sum(t.line_count)::bigint AS lines
FROM windows AS w
CROSS JOIN LATERAL (
    SELECT t.* FROM retail.daily_totals AS t
    WHERE t.store_id = w.store_id AND t.day >= w.start AND t.day < w.until
    OFFSET 0
) AS t
GROUP BY 1, 2
ORDER BY 2
"""  # noqa: S608 - likewise

_MARGINS = f"""
WITH {_WINDOWS_AND_MONTHS}
SELECT m.period, sum(m.covered_revenue) AS covered_revenue, sum(m.cost) AS cost
FROM (
    SELECT w.period, m.*
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT sum(m.covered_revenue) AS covered_revenue, sum(m.cost) AS cost
        FROM retail.daily_margins AS m
        WHERE m.store_id = w.store_id AND m.day >= w.start AND m.day < w.until
    ) AS m
    UNION ALL
    SELECT w.period, m.*
    FROM months AS w
    CROSS JOIN LATERAL (
        SELECT sum(m.covered_revenue) AS covered_revenue, sum(m.cost) AS cost
        FROM retail.monthly_margins AS m
        WHERE m.store_id = w.store_id AND m.month >= w.start AND m.month < w.until
    ) AS m
) AS m
WHERE m.cost IS NOT NULL
GROUP BY 1
"""  # noqa: S608 - likewise

_HOURS = f"""
WITH {_WINDOWS_AND_MONTHS}
SELECT h.period, h.hour, sum(h.revenue) AS revenue, sum(h.orders)::bigint AS orders
FROM (
    SELECT w.period, h.*
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT h.hour::int AS hour, sum(h.revenue) AS revenue, sum(h.orders) AS orders
        FROM retail.hourly_sales AS h
        WHERE h.store_id = w.store_id AND h.day >= w.start AND h.day < w.until
        GROUP BY 1
    ) AS h
    UNION ALL
    SELECT w.period, h.*
    FROM months AS w
    CROSS JOIN LATERAL (
        SELECT h.number::int AS hour, sum(h.revenue) AS revenue, sum(h.orders) AS orders
        FROM retail.monthly_rhythm AS h
        WHERE h.store_id = w.store_id AND h.month >= w.start AND h.month < w.until
            AND h.part = 'hour'
        GROUP BY 1
    ) AS h
) AS h
GROUP BY 1, 2
"""  # noqa: S608 - likewise

# Of a cut day: the hours that were over, and the orders of the hour that was not. What limits these
# must come from outside: a function of other tables' columns is nothing that row security lets an
# index serve. An hour that comes twice, as clocks go back, is counted from its orders.
_CUTS = """
WITH cuts AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::date[], $4::int[], $5::timestamptz[],
        $6::timestamptz[]) AS w (period, store_id, day, hour, since, cut_at)
),
orders AS MATERIALIZED (
    SELECT w.period, w.day, w.hour AS cut_hour, o.store_id, o.order_id,
        o.order_date AT TIME ZONE s.time_zone AS local
    FROM cuts AS w
    JOIN retail.stores AS s USING (store_id)
    CROSS JOIN LATERAL (
        SELECT o.store_id, o.order_id, o.order_date FROM retail.orders AS o
        WHERE o.store_id = w.store_id AND o.order_date >= w.since AND o.order_date < w.cut_at
            AND o.status = 'completed'
        OFFSET 0
    ) AS o
),
lines AS (
    SELECT o.period, extract(isodow FROM o.day)::int AS weekday,
        extract(hour FROM o.local)::int AS hour, o.order_id, i.quantity, i.unit_price,
        i.discount_percent, i.total_amount, {cost} AS cost
    FROM orders AS o
    JOIN retail.order_items AS i USING (store_id, order_id){costs}
    WHERE o.local::date = o.day AND extract(hour FROM o.local) >= o.cut_hour
)
SELECT w.period, extract(isodow FROM w.day)::int AS weekday, h.hour::int AS hour, h.revenue,
    h.orders, h.units_sold, h.units_returned, h.list_value, h.discount_value,
    h.line_count AS lines, 0::numeric AS covered_revenue, 0::numeric AS cost
FROM cuts AS w
CROSS JOIN LATERAL (
    SELECT h.* FROM retail.hourly_sales AS h
    WHERE h.store_id = w.store_id AND h.day = w.day AND h.hour < w.hour
    OFFSET 0
) AS h{margins}
UNION ALL
SELECT period, weekday, hour, sum(total_amount),
    count(DISTINCT order_id) FILTER (WHERE quantity > 0),
    coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0),
    coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0),
    coalesce(sum(quantity * unit_price) FILTER (WHERE quantity > 0), 0),
    coalesce(sum(quantity * unit_price * discount_percent * 0.01) FILTER (WHERE quantity > 0), 0),
    count(*),
    coalesce(sum(total_amount) FILTER (WHERE cost IS NOT NULL), 0),
    coalesce(sum(quantity * cost), 0)
FROM lines
GROUP BY period, weekday, hour
"""
_CUT_MARGINS = """
UNION ALL
SELECT w.period, extract(isodow FROM w.day)::int, m.hour::int, 0, 0, 0, 0, 0, 0, 0,
    m.covered_revenue, m.cost
FROM cuts AS w
CROSS JOIN LATERAL (
    SELECT m.hour, m.covered_revenue, m.cost FROM retail.hourly_margins AS m
    WHERE m.store_id = w.store_id AND m.day = w.day AND m.hour < w.hour
    OFFSET 0
) AS m"""
_CUTS_WITH_COSTS = _CUTS.format(
    cost="k.cost",
    costs="\n    LEFT JOIN retail.product_costs AS k USING (product_id)",
    margins=_CUT_MARGINS,
)
_CUTS_WITHOUT_COSTS = _CUTS.format(cost="NULL::numeric", costs="", margins="")

_CATEGORIES = """
SELECT f.period, c.name AS category, sum(f.revenue) AS revenue,
    sum(f.units_sold)::bigint AS units_sold
FROM (
    SELECT w.period, d.category_id, d.revenue, d.units_sold
    FROM unnest($1::text[], $2::uuid[], $3::date[], $4::date[])
        AS w (period, store_id, start, until)
    CROSS JOIN LATERAL (
        SELECT d.category_id, sum(d.revenue) AS revenue, sum(d.units_sold) AS units_sold
        FROM retail.daily_sales AS d
        WHERE d.store_id = w.store_id AND d.day >= w.start AND d.day < w.until
        GROUP BY 1
    ) AS d
    UNION ALL
    SELECT w.period, m.category_id, m.revenue, m.units_sold
    FROM unnest($5::text[], $6::uuid[], $7::date[], $8::date[])
        AS w (period, store_id, start, until)
    CROSS JOIN LATERAL (
        SELECT m.category_id, sum(m.revenue) AS revenue, sum(m.units_sold) AS units_sold
        FROM retail.monthly_sales AS m
        WHERE m.store_id = w.store_id AND m.month >= w.start AND m.month < w.until
        GROUP BY 1
    ) AS m
    UNION ALL
    SELECT w.period, p.category_id, i.total_amount, greatest(i.quantity, 0)
    FROM unnest($9::text[], $10::uuid[], $11::date[], $12::timestamptz[], $13::timestamptz[])
        AS w (period, store_id, day, since, cut_at)
    JOIN retail.stores AS s USING (store_id)
    CROSS JOIN LATERAL (
        SELECT o.store_id, o.order_id, o.order_date FROM retail.orders AS o
        WHERE o.store_id = w.store_id AND o.order_date >= w.since AND o.order_date < w.cut_at
            AND o.status = 'completed'
        OFFSET 0
    ) AS o
    JOIN retail.order_items AS i ON i.store_id = o.store_id AND i.order_id = o.order_id
    JOIN retail.products AS p USING (product_id)
    WHERE (o.order_date AT TIME ZONE s.time_zone)::date = w.day
) AS f
JOIN retail.categories AS c USING (category_id)
GROUP BY 1, 2
"""

# Repeated are visits whose previous visit lies in the window too: both in whole months, one of them
# or both in the days around these. See sql/0008_rollups.sql. A row of `pairs` for each visited
# month or day makes every look-up a single range of its index.
_VISITS = f"""
WITH {_WINDOWS},
cuts AS (
    SELECT * FROM unnest($5::text[], $6::uuid[], $7::date[], $8::date[], $9::timestamptz[])
        AS w (period, store_id, start, day, cut_at)
),
pairs AS (
    SELECT * FROM unnest($10::text[], $11::uuid[], $12::text[], $13::date[], $14::date[],
        $15::date[]) AS p (period, store_id, grain, visited, first, until)
),
days AS (
    SELECT * FROM unnest($16::text[], $17::uuid[], $18::date[], $19::date[], $20::date[])
        AS d (period, store_id, visited, first, until)
)
SELECT f.period, coalesce(sum(f.visits), 0)::bigint AS visits,
    coalesce(sum(f.first_visits), 0)::bigint AS first_visits,
    coalesce(sum(f.repeated), 0)::bigint AS repeated
FROM (
    SELECT w.period, d.visits, d.first_visits, 0 AS repeated
    FROM windows AS w
    CROSS JOIN LATERAL (
        SELECT sum(d.visits) AS visits, sum(d.first_visits) AS first_visits
        FROM retail.daily_visits AS d
        WHERE d.store_id = w.store_id AND d.day >= w.start AND d.day < w.until
    ) AS d
    UNION ALL
    SELECT p.period, 0, 0, r.visits
    FROM pairs AS p
    CROSS JOIN LATERAL (
        SELECT r.visits FROM retail.repeat_visits AS r
        WHERE r.store_id = p.store_id AND r.grain = p.grain AND r.visited = p.visited
            AND r.previously >= p.first AND r.previously < p.until
        OFFSET 0
    ) AS r
    UNION ALL
    SELECT d.period, 0, 0, v.visits
    FROM days AS d
    CROSS JOIN LATERAL (
        SELECT count(*) AS visits FROM retail.visits AS v
        WHERE v.store_id = d.store_id AND v.day = d.visited
            AND v.previous_day >= d.first AND v.previous_day < d.until
    ) AS v
    UNION ALL
    SELECT w.period, v.visits, v.first_visits, v.repeated
    FROM cuts AS w
    CROSS JOIN LATERAL (
        SELECT count(*) AS visits, count(*) - count(v.previous_day) AS first_visits,
            count(*) FILTER (WHERE v.previous_day >= w.start) AS repeated
        FROM retail.visits AS v
        WHERE v.store_id = w.store_id AND v.day = w.day AND v.order_date < w.cut_at
    ) AS v
) AS f
GROUP BY 1
"""  # noqa: S608 - likewise


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
        rows = await self._connection.fetch(_STORES, store_ids, now)
        return [StoreClock(**row) for row in rows]

    async def totals(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Sums over the whole days, by period and weekday."""
        rows = await self._connection.fetch(_TOTALS, *_days_and_months(windows))
        return [Part(row["period"], sums_of(row), weekday=row["weekday"]) for row in rows]

    async def days(self, windows: Sequence[Window]) -> Sequence[tuple[date, Sums]]:
        """Revenue, orders and units sold of each whole day with sales, oldest first."""
        rows = await self._connection.fetch(_DAYS, *_whole_days(windows))
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
        sql = _CUTS_WITH_COSTS if with_costs else _CUTS_WITHOUT_COSTS
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
            _CATEGORIES, *_days_and_months(windows), *_transposed(cuts, 5)
        )
        return [Part(row["period"], sums_of(row), category=row["category"]) for row in rows]

    async def hours(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Revenue and orders of the whole days, by period and hour of the day."""
        rows = await self._connection.fetch(_HOURS, *_days_and_months(windows))
        return [Part(row["period"], sums_of(row), hour=row["hour"]) for row in rows]

    async def margins(self, windows: Sequence[Window]) -> Sequence[Part]:
        """Revenue of lines whose cost is known, and that cost, of the whole days."""
        rows = await self._connection.fetch(_MARGINS, *_days_and_months(windows))
        return [Part(row["period"], sums_of(row)) for row in rows]

    async def visits(self, windows: Sequence[Window]) -> dict[str, Visits]:
        """Visits by period, parts of days included."""
        cuts = [
            (w.period, w.store_id, w.start, w.until, w.cut.at) for w in windows if w.cut is not None
        ]
        rows = await self._connection.fetch(
            _VISITS,
            *_whole_days(windows),
            *_transposed(cuts, 5),
            *_transposed([row for w in windows for row in _visited_pairs(w)], 6),
            *_transposed([row for w in windows for row in _visited_days(w)], 5),
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


def _visited_pairs(window: Window) -> Iterator[tuple[object, ...]]:
    """Months and days visited, each with the range of months or days of the visit before."""
    if window.months is not None:
        first, last = window.months
        month = window.start.replace(day=1)
        while month < last:
            yield window.period, window.store_id, "month-month", month, first, last
            yield window.period, window.store_id, "month-day", month, window.start, first
            month = (month + timedelta(days=31)).replace(day=1)
    for period, store_id, day, _, first in _visited_days(window):
        yield period, store_id, "day-month", day, first, day


def _visited_days(window: Window) -> Iterator[tuple[Any, ...]]:
    """The whole days after the whole months, or all of them where there are no whole months.

    Each with the days before the whole months, or with all.
    """
    start, first = (
        (window.months[1], window.months[0])
        if window.months
        else (
            window.start,
            window.until,
        )
    )
    for number in range((window.until - start).days):
        day = start + timedelta(days=number)
        yield window.period, window.store_id, day, window.start, first


def _transposed(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[n] for row in rows] for n in range(width)]
