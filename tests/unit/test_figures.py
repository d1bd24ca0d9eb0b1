from __future__ import annotations

import pytest

from zava_tui.answers import ResultTable
from zava_tui.figures import Figure, revenue_figures


def answer(rows: list[list[float]]) -> ResultTable:
    return ResultTable((), rows, truncated=False, elapsed_ms=0)


DAYS: list[list[float]] = [
    [ago, 100 + ago, {0: 60, 7: 50, 30: 40}.get(ago, 0), {0: 6, 7: 5}.get(ago, 0)]
    for ago in range(60)
]


def test_today_is_compared_with_last_week_by_this_time() -> None:
    today = revenue_figures(answer(DAYS)).today
    assert (today.current, today.previous) == (100, 50)
    assert today.course == tuple(100.0 + ago for ago in range(13, -1, -1))


def test_a_week_is_compared_with_the_one_before_cut_at_this_time() -> None:
    week = revenue_figures(answer(DAYS)).week
    assert week.current == sum(100 + ago for ago in range(7))
    assert week.previous == 50 + sum(100 + ago for ago in range(8, 14))


def test_a_month_is_30_days() -> None:
    month = revenue_figures(answer(DAYS)).month
    assert month.current == sum(100 + ago for ago in range(30))
    assert month.previous == 40 + sum(100 + ago for ago in range(31, 60))
    assert len(month.course) == 30


def test_a_basket_is_revenue_per_order() -> None:
    figures = revenue_figures(answer(DAYS))
    assert figures.orders == Figure(6, 5)
    assert list(figures.basket) == pytest.approx([100 / 6, 50 / 5])


def test_without_any_sale_everything_is_nought_and_there_is_no_basket() -> None:
    figures = revenue_figures(answer([]))
    assert (figures.today.current, figures.week.current, figures.month.previous) == (0, 0, 0)
    assert figures.basket == (None, None)


def test_days_without_a_sale_count_as_nought() -> None:
    figures = revenue_figures(answer([[3, 10.5, 0, 0]]))
    assert figures.week == Figure(10.5, 0, (0, 0, 0, 10.5, 0, 0, 0))
