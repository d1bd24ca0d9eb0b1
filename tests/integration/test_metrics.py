"""Every metric equals an independent computation over the raw rows, for any period."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.business.sales_trend import SalesTrendService
from zava_server.business.store_performance import StorePerformance, StorePerformanceService
from zava_server.business.top_products import TopProductsService
from zava_server.data.identity import Identity
from zava_server.data.performance import Performance
from zava_server.data.top_products import ProductSales
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import AuthorizationError, ValidationError

# What the demo data lack: returns alone on an order, products without a cost, unknown customers,
# stores elsewhere, two orders at once.
ODDITIES = """
SET LOCAL zava.bulk_load = 'on';
DELETE FROM retail.product_costs WHERE random() < 0.3;
UPDATE retail.order_items SET quantity = -quantity, total_amount = -total_amount
    WHERE (store_id, order_id) IN (SELECT store_id, order_id FROM retail.orders
        WHERE random() < 0.05);
UPDATE retail.orders SET customer_id = NULL WHERE random() < 0.1;
UPDATE retail.orders SET status = 'cancelled' WHERE random() < 0.05;
UPDATE retail.stores SET time_zone = 'Asia/Kolkata' WHERE name = 'Tacoma';
UPDATE retail.stores SET time_zone = 'America/Havana' WHERE name = 'Spokane';
UPDATE retail.orders AS o SET order_date = p.order_date FROM retail.orders AS p
    WHERE p.store_id = o.store_id AND p.customer_id = o.customer_id AND p.order_id < o.order_id
        AND random() < 0.05;
SELECT retail.rebuild_rollups();
SET LOCAL zava.bulk_load = 'off';
"""

LINES = """
SELECT o.store_id, o.order_id, o.customer_id, o.order_date, p.sku, c.name AS category, i.quantity,
    i.unit_price, i.discount_percent, i.total_amount, k.cost
FROM retail.orders AS o
JOIN retail.order_items AS i USING (store_id, order_id)
JOIN retail.products AS p USING (product_id)
JOIN retail.categories AS c USING (category_id)
LEFT JOIN retail.product_costs AS k USING (product_id)
WHERE o.status = 'completed'
"""


class OnOneConnection:
    """Reads within the test's own transaction, so that all it did is seen and undone."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def read_as(self, identity: Identity) -> AsyncIterator[OnOneConnection]:
        yield self


@dataclass
class Raw:
    """All lines that count, and the stores' zones."""

    lines: Sequence[asyncpg.Record]
    zones: dict[Any, ZoneInfo]

    def local(self, line: asyncpg.Record) -> datetime:
        when: datetime = line["order_date"].astimezone(self.zones[line["store_id"]])
        return when.replace(tzinfo=None)

    def within(
        self, store_ids: Sequence[Any], start: datetime, end: datetime, now: datetime
    ) -> list[asyncpg.Record]:
        return [
            line
            for line in self.lines
            if line["store_id"] in store_ids
            and start <= self.local(line) < end
            and line["order_date"] < now
        ]


@pytest.fixture
async def raw(owner: asyncpg.Connection) -> Raw:
    await owner.execute("SELECT setseed(0.4)")
    await owner.execute(ODDITIES)
    stores = await owner.fetch("SELECT store_id, time_zone FROM retail.stores")
    return Raw(
        await owner.fetch(LINES), {row["store_id"]: ZoneInfo(row["time_zone"]) for row in stores}
    )


def transactions_on(connection: asyncpg.Connection) -> ReadTransactions:
    return cast("ReadTransactions", OnOneConnection(connection))


def clock_at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def ratio(part: Decimal | int, whole: Decimal | int) -> float | None:
    return float(part / whole) if whole else None


def expected(raw: Raw, store_ids: Sequence[Any], lines: Sequence[asyncpg.Record]) -> dict[str, Any]:
    if not lines:
        return dict.fromkeys(
            [
                "revenue", "orders", "units", "average_order_value", "discount_share",
                "gross_margin", "margin_coverage", "returns_rate", "new_customers",
                "returning_customers",
            ]
        )  # fmt: skip
    sales = [line for line in lines if line["quantity"] > 0]
    revenue = sum(line["total_amount"] for line in lines)
    orders = {(line["store_id"], line["order_id"]) for line in sales}
    listed = sum(line["quantity"] * line["unit_price"] for line in sales)
    discount = sum(
        line["quantity"] * line["unit_price"] * line["discount_percent"] / 100 for line in sales
    )
    covered = [line for line in lines if line["cost"] is not None]
    covered_revenue = sum(line["total_amount"] for line in covered)
    cost = sum(line["quantity"] * line["cost"] for line in covered)
    sold = sum(line["quantity"] for line in sales)
    returned = -sum(line["quantity"] for line in lines if line["quantity"] < 0)
    first_ever: dict[Any, datetime] = {}
    for line in raw.lines:
        customer = (line["store_id"], line["customer_id"])
        if line["quantity"] > 0 and line["customer_id"] and line["store_id"] in store_ids:
            first_ever[customer] = min(
                first_ever.get(customer, line["order_date"]), line["order_date"]
            )
    bought: dict[Any, list[datetime]] = defaultdict(list)
    for line in sales:
        if line["customer_id"]:
            bought[line["store_id"], line["customer_id"]].append(line["order_date"])
    new = sum(first_ever[customer] in dates for customer, dates in bought.items())
    return {
        "revenue": float(revenue),
        "orders": len(orders),
        "units": sold,
        "average_order_value": ratio(revenue, len(orders)),
        "discount_share": ratio(discount, listed),
        "gross_margin": ratio(covered_revenue - cost, covered_revenue),
        "margin_coverage": ratio(covered_revenue, revenue),
        "returns_rate": ratio(returned, sold),
        "new_customers": new,
        "returning_customers": len(bought) - new,
    }


def assert_alike(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        tolerance = 0.006 if name == "average_order_value" else 1e-6
        assert found[name] == (value if value is None else pytest.approx(value, abs=tolerance)), (
            name
        )


def by(
    raw: Raw, lines: Sequence[asyncpg.Record], name: str
) -> tuple[dict[str, float], dict[str, int]]:
    """Revenue and orders by category, weekday or hour."""
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    orders: dict[str, set[Any]] = defaultdict(set)
    for line in lines:
        local = raw.local(line)
        key = {"category": line["category"], "weekday": f"{local:%A}", "hour": f"{local:%H}"}[name]
        revenue[key] += line["total_amount"]
        orders[key] |= {(line["store_id"], line["order_id"])} if line["quantity"] > 0 else set()
    return {k: float(v) for k, v in revenue.items()}, {k: len(v) for k, v in orders.items()}


def check(answer: StorePerformance, raw: Raw, store_ids: Sequence[Any], now: datetime) -> None:
    for name in ("current", "previous", "last_year"):
        span = getattr(answer.periods, name)
        start = datetime.combine(span.start, datetime.min.time())
        lines = raw.within(store_ids, start, span.end, now)
        assert_alike(asdict(getattr(answer, name)), expected(raw, store_ids, lines))
        if name == "current":
            for part in ("category", "weekday", "hour"):
                revenue, orders = by(raw, lines, part)
                slices = getattr(answer, f"by_{part}")
                assert {s.name: s.revenue for s in slices} == pytest.approx(revenue)
                if part != "category":
                    assert {s.name: s.orders for s in slices} == orders


PERIODS = [
    "today", "yesterday", "7d", "30d", "90d", "12m", "24m", "2026", "2025", "2024-Q1", "2024-02",
    "2024-02-29", "2023-03-01..2024-03-01", "2025-01-20..2025-02-10", "1999",
]  # fmt: skip


@pytest.mark.parametrize("store", ["Seattle", "Tacoma", "Spokane"])
async def test_the_metrics_of_a_store(
    store: str, owner: asyncpg.Connection, raw: Raw, staff: Staff
) -> None:
    me = staff["head-office"]
    store_id = me.store_ids[me.store_names.index(store)]
    newest = max(line["order_date"] for line in raw.lines) + timedelta(seconds=1)
    chance = random.Random(store)
    for period in PERIODS:
        # Also with orders that are later than now, as they come with an import.
        for now in (newest, newest - timedelta(hours=chance.uniform(1, 9_000))):
            service = StorePerformanceService(Performance(transactions_on(owner)), clock_at(now))
            answer = await service.performance(me, store, period)
            if now == newest or answer.periods.current.cut is not None:
                check(answer, raw, [store_id], now if answer.periods.current.cut else newest)


async def test_the_metrics_of_all_stores_are_those_of_each_in_its_own_days(
    owner: asyncpg.Connection, raw: Raw, staff: Staff
) -> None:
    me = staff["puget-sound"]
    await owner.execute("UPDATE retail.stores SET time_zone = 'America/Los_Angeles'")
    raw.zones = dict.fromkeys(raw.zones, ZoneInfo("America/Los_Angeles"))
    now = max(line["order_date"] for line in raw.lines) + timedelta(seconds=1)
    service = StorePerformanceService(Performance(transactions_on(owner)), lambda: now)
    for period in ("7d", "12m", "2025"):
        check(await service.performance(me, None, period), raw, me.store_ids, now)


async def test_two_visits_on_the_first_of_a_month_are_one_customer(
    owner: asyncpg.Connection, staff: Staff
) -> None:
    me = staff["seattle"]
    zone = ZoneInfo("America/Los_Angeles")
    twice = await owner.fetchrow(
        "SELECT array_agg(order_id) AS orders FROM retail.visits WHERE store_id = $1 "
        "GROUP BY customer_id HAVING count(*) = 2 LIMIT 1",
        me.store_ids[0],
    )
    assert twice is not None
    for order, hour in zip(twice["orders"], (10, 15), strict=True):
        await owner.execute(
            "UPDATE retail.orders SET order_date = $3 WHERE store_id = $1 AND order_id = $2",
            me.store_ids[0], order, datetime(2026, 5, 1, hour, tzinfo=zone),
        )  # fmt: skip
    raw = Raw(await owner.fetch(LINES), dict.fromkeys(me.store_ids, zone))
    now = max(line["order_date"] for line in raw.lines) + timedelta(seconds=1)
    service = StorePerformanceService(Performance(transactions_on(owner)), lambda: now)
    for period in ("2026-04-20..2026-05-10", "2026-05-01..2026-05-10", "2026-03-20..2026-05-10"):
        check(await service.performance(me, None, period), raw, me.store_ids, now)


async def test_margins_are_for_those_who_may_see_costs(
    owner: asyncpg.Connection, staff: Staff
) -> None:
    service = StorePerformanceService(Performance(transactions_on(owner)))
    manager = staff["seattle"]
    answer = await service.performance(manager, None, "12m")
    assert answer.current.gross_margin is not None
    viewer = Identity(
        manager.user_id, "v", "V", "viewer", frozenset(), 1, manager.store_ids, manager.store_names
    )
    answer = await service.performance(viewer, None, "12m")
    assert (answer.current.gross_margin, answer.current.margin_coverage) == (None, None)
    assert answer.current.revenue is not None


@pytest.mark.parametrize("step", ["day", "week", "month"])
async def test_the_course_adds_up_to_the_raw_rows(
    step: str, owner: asyncpg.Connection, raw: Raw, staff: Staff
) -> None:
    me = staff["tacoma"]
    now = max(line["order_date"] for line in raw.lines) - timedelta(days=40, hours=3)
    service = SalesTrendService(Performance(transactions_on(owner)), lambda: now)
    trend = await service.trend(me, None, "90d", step)
    start = datetime.combine(trend.span.start, datetime.min.time())
    revenue: dict[date, Decimal] = defaultdict(Decimal)
    for line in raw.within(me.store_ids, start, trend.span.end, now):
        day = raw.local(line).date()
        first = {
            "day": day,
            "week": day - timedelta(days=day.weekday()),
            "month": day.replace(day=1),
        }[step]
        revenue[first] += line["total_amount"]
    told = {p.start: p.revenue for p in trend.points if p.revenue is not None}
    assert told == pytest.approx({day: float(amount) for day, amount in revenue.items()})
    assert trend.points[-1].partial
    starts = [point.start for point in trend.points]
    assert starts == sorted(set(starts))


@pytest.mark.parametrize("period", ["7d", "12m", "2025-01-20..2025-04-10"])
async def test_the_products_are_ranked_as_the_raw_rows_say(
    period: str, owner: asyncpg.Connection, raw: Raw, staff: Staff
) -> None:
    me = staff["seattle"]
    now = max(line["order_date"] for line in raw.lines) + timedelta(seconds=1)
    service = TopProductsService(Performance(transactions_on(owner)), lambda: now)
    top = await service.top(me, None, period, ranking="revenue", category=None, limit=200)
    start = datetime.combine(top.span.start, datetime.min.time())
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    units: Counter[str] = Counter()
    for line in raw.within(me.store_ids, start, top.span.end, now):
        revenue[line["sku"]] += line["total_amount"]
        units[line["sku"]] += max(line["quantity"], 0)
    wanted = sorted(revenue.items(), key=lambda item: (-item[1], item[0]))[:200]
    assert [(p.sku, p.revenue) for p in top.products if p.revenue > 0] == [
        pair for pair in wanted if pair[1] > 0
    ]
    assert all(p.units == units[p.sku] for p in top.products)


async def test_the_course_of_stores_elsewhere_has_their_days(
    owner: asyncpg.Connection, raw: Raw, staff: Staff
) -> None:
    me = staff["head-office"]
    # While it is still the day before in Bellevue, the first of the stores, it is day in Tacoma.
    now = max(line["order_date"] for line in raw.lines) - timedelta(days=20)
    now = now.replace(hour=4, minute=30)
    for period in ("today", "7d"):
        service = SalesTrendService(Performance(transactions_on(owner)), clock_at(now))
        trend = await service.trend(me, None, period, "day")
        performance = StorePerformanceService(Performance(transactions_on(owner)), clock_at(now))
        figures = (await performance.performance(me, None, period)).current
        assert trend.points[-1].start == trend.span.until + timedelta(days=1)
        # On some days of the small demo nobody buys anything.
        assert sum(p.revenue or 0 for p in trend.points) == pytest.approx(figures.revenue or 0)
        assert sum(p.orders or 0 for p in trend.points) == (figures.orders or 0)
        assert [p.partial for p in trend.points[-2:]] == [True, True]


async def test_only_what_sold_is_ranked_and_only_what_rose_has_grown(
    owner: asyncpg.Connection, raw: Raw, staff: Staff
) -> None:
    me = staff["seattle"]
    # The day after one on which something was sold there.
    ours = [line for line in raw.lines if line["store_id"] == me.store_ids[0]]
    now = max(line["order_date"] for line in ours) + timedelta(days=1)
    service = TopProductsService(Performance(transactions_on(owner)), lambda: now)

    async def top(ranking: str) -> Sequence[ProductSales]:
        found = await service.top(me, None, "yesterday", ranking=ranking, category=None, limit=200)
        return found.products

    today = now.astimezone(raw.zones[me.store_ids[0]]).date()
    start = datetime.combine(today - timedelta(days=1), datetime.min.time())
    sold = raw.within(me.store_ids, start, start + timedelta(days=1), now)
    for ranking in ("revenue", "units"):
        assert {p.sku for p in await top(ranking)} == {line["sku"] for line in sold}
    rose, fell = await top("growth"), await top("decline")
    assert all(p.revenue > p.previous_revenue for p in rose)
    assert all(p.revenue < p.previous_revenue for p in fell)
    assert {p.all_revenue for p in [*rose, *fell]} == {sum(line["total_amount"] for line in sold)}


async def test_another_store_is_refused_like_one_that_does_not_exist(
    transactions: ReadTransactions, staff: Staff
) -> None:
    service = StorePerformanceService(Performance(transactions))
    told = set()
    other = str(staff["tacoma"].store_ids[0])
    for store in ("Tacoma", other, "Atlantis", "all of them"):
        with pytest.raises(AuthorizationError) as caught:
            await service.performance(staff["seattle"], store, "7d")
        told.add(str(caught.value))
    assert len(told) == 1


async def test_the_database_checks_the_store_again(
    transactions: ReadTransactions, staff: Staff
) -> None:
    me, other = staff["seattle"], staff["tacoma"]
    lying = Identity(
        me.user_id, me.handle, me.display_name, me.role, me.permissions, me.version,
        other.store_ids, other.store_names,
    )  # fmt: skip
    answer = await StorePerformanceService(Performance(transactions)).performance(
        lying, "Tacoma", "12m"
    )
    assert answer.current.revenue is None
    assert answer.insights == []


async def test_a_viewer_is_told_that_sales_are_the_stores(
    transactions: ReadTransactions, staff: Staff
) -> None:
    with pytest.raises(AuthorizationError, match="no stores"):
        await StorePerformanceService(Performance(transactions)).performance(
            staff["catalogue-agent"], None, "7d"
        )


async def test_a_wrong_period_takes_no_connection(staff: Staff) -> None:
    service = StorePerformanceService(cast("Performance", None), lambda: datetime.now(UTC))
    with pytest.raises(ValidationError, match="no time period"):
        await service.performance(staff["seattle"], None, "lately")
