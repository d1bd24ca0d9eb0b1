"""What counts as a change, and that chance does not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from zava_server.business.changes import changes, driver, stretches_of
from zava_server.business.periods import Span
from zava_server.data.sums import Sums

DAYS = 364 + 28
TRIALS = 1_000


def a_day(chance: random.Random, orders: int) -> Sums:
    """Skewed baskets, discounts on some lines, a few returns."""
    baskets = [chance.lognormvariate(3.6, 0.9) for _ in range(chance.randint(orders // 2, orders))]
    units = len(baskets) * 4
    listed = sum(baskets)
    discount = sum(0.15 * basket for basket in baskets if chance.random() < 0.15)
    return Sums(
        revenue=Decimal(f"{listed - discount:.2f}"),
        orders=len(baskets),
        units_sold=units,
        units_returned=sum(chance.random() < 0.03 for _ in range(units)),
        list_value=Decimal(f"{listed:.2f}"),
        discount_value=Decimal(f"{discount:.6f}"),
        lines=len(baskets) * 2,
    )


def history_of(days: list[Sums], length: int) -> list[Sums]:
    """As the database adds them up."""
    stretches = stretches_of(span_of(length))
    assert stretches is not None
    reach = stretches.step * (stretches.count - 1) + stretches.days
    last = days[-reach:]
    return [
        sum(last[n * stretches.step : n * stretches.step + stretches.days], Sums())
        for n in range(stretches.count)
    ]


def span_of(length: int) -> Span:
    return Span(date(2026, 1, 1), date.fromordinal(date(2026, 1, 1).toordinal() + length))


@pytest.mark.parametrize("length", [1, 7, 28])
@pytest.mark.parametrize("orders", [12, 60])
def test_of_shuffled_days_at_most_one_in_twenty_weeks_has_a_change(
    length: int, orders: int
) -> None:
    chance = random.Random(f"{length} {orders}")
    pool = [a_day(chance, orders) for _ in range(DAYS)]
    stretches = stretches_of(span_of(length))
    assert stretches is not None
    alarms = 0
    for _ in range(TRIALS):
        chance.shuffle(pool)
        alarms += bool(changes(history_of(pool, length), stretches))
    assert alarms / TRIALS <= 0.05


def steady(length: int = 7) -> list[Sums]:
    chance = random.Random(5)
    return history_of([a_day(chance, 60) for _ in range(DAYS)], length)


def test_a_week_at_half_the_usual_revenue_is_a_change() -> None:
    history = steady()
    history[-1] = replace(history[-1], revenue=history[-1].revenue / 2)
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    found = changes(history, stretches)
    assert {insight.metric for insight in found} == {"revenue", "average_order_value"}
    revenue = found[0]
    assert revenue.value == pytest.approx(float(history[-1].revenue))
    assert revenue.significance < -3.7
    assert "below the usual" in revenue.sentence


def test_a_week_without_any_sale_is_a_change() -> None:
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    (found,) = changes([*steady()[:-1], Sums()], stretches)
    assert (found.metric, found.value) == ("revenue", 0.0)


def test_a_store_that_has_been_shut_for_weeks_is_told_of() -> None:
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    (found,) = changes([*steady()[:-3], Sums(), Sums(), Sums()], stretches)
    assert found.sentence.startswith("There were no sales in the 7 days up to ")


def test_a_week_of_returns_alone_is_a_change() -> None:
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    returns = Sums(revenue=Decimal(-250), units_returned=9, lines=9)
    (found,) = changes([*steady()[:-1], returns], stretches)
    assert (found.metric, found.value) == ("revenue", -250.0)
    assert "revenue was -$250; $" in found.sentence


@pytest.mark.parametrize(("discount", "is_told"), [("0.40", True), ("0.05", False)])
def test_a_small_store_is_told_of_a_share_only_if_it_is_gross(discount: str, is_told: bool) -> None:
    chance = random.Random(8)
    history = history_of([a_day(chance, 8) for _ in range(DAYS)], 7)
    assert 20 < history[0].orders < 100
    given = history[-1].list_value * Decimal(discount)
    history[-1] = replace(history[-1], discount_value=given)
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    found = {insight.metric for insight in changes(history, stretches)}
    assert ("discount_share" in found) is is_told


def test_a_store_that_has_just_opened_has_no_usual_week() -> None:
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    history = [*[Sums()] * 22, *steady()[-5:-1], Sums(revenue=Decimal(1), orders=1, lines=1)]
    assert changes(history, stretches) == []


def test_weeks_that_are_all_alike_say_nothing() -> None:
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    same = steady()[0]
    assert changes([*[same] * 26, replace(same, revenue=same.revenue * 2)], stretches) == []


def test_the_category_that_fell_drives_the_drop() -> None:
    history = steady()
    history[-1] = replace(history[-1], revenue=history[-1].revenue / 2)
    stretches = stretches_of(span_of(7))
    assert stretches is not None
    change = changes(history, stretches)[0]
    found = driver(change, {"Paint": [900.0] * 26 + [100.0], "Plumbing": [500.0] * 27}, 27)
    assert found is not None
    assert (found.value, found.baseline, found.significance) == (100.0, 900.0, 1.0)
    assert found.sentence.startswith("Paint makes up 100% of that")


def test_a_period_without_a_whole_day_has_no_changes() -> None:
    assert stretches_of(Span(date(2026, 1, 1), date(2026, 1, 1))) is None
