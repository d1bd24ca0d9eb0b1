"""The revenue strip's figures, worked out from the daily revenue that the server answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_tui.answers import ResultTable


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a period, of the period before, and day by day, oldest first."""

    current: float
    previous: float
    course: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RevenueFigures:
    """Revenue in dollars of today, 7 and 30 days (each including today so far), and today's orders.

    Today is compared with the same weekday a week ago, a period with the equally long one before
    it; both are cut at the present time of day.
    """

    today: Figure
    week: Figure
    month: Figure
    orders: Figure

    @property
    def basket(self) -> tuple[float | None, float | None]:
        """Revenue per order, today and a week ago by this time; None without an order."""
        return (
            self.today.current / self.orders.current if self.orders.current else None,
            self.today.previous / self.orders.previous if self.orders.previous else None,
        )


def revenue_figures(answer: ResultTable) -> RevenueFigures:
    """Figures from the rows of `zava_tui.sql.REVENUE`."""
    revenue = [0.0] * 60
    by_this_time = dict.fromkeys((0, 7, 30), 0.0)
    orders = dict.fromkeys((0, 7, 30), 0)
    for days_ago, day_revenue, partial_revenue, partial_orders in answer.rows:
        revenue[days_ago] = float(day_revenue)
        if days_ago in by_this_time:
            by_this_time[days_ago] = float(partial_revenue)
            orders[days_ago] = int(partial_orders)

    def period(days: int) -> Figure:
        before = by_this_time[days] + sum(revenue[days + 1 : 2 * days])
        return Figure(sum(revenue[:days]), before, tuple(reversed(revenue[:days])))

    return RevenueFigures(
        today=Figure(revenue[0], by_this_time[7], tuple(reversed(revenue[:14]))),
        week=period(7),
        month=period(30),
        orders=Figure(orders[0], orders[7]),
    )
