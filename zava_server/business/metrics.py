"""The figures of a period, by the definitions of docs/metrics.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from zava_server.data.performance import Visits
    from zava_server.data.sums import Sums

_SHARE_DIGITS = 6
_MONEY_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Metrics:
    """A period's figures: dollars, counts, and shares from 0 to 1; None without data."""

    revenue: float | None = None
    orders: int | None = None
    units: int | None = None
    average_order_value: float | None = None
    discount_share: float | None = None
    gross_margin: float | None = None
    margin_coverage: float | None = None
    returns_rate: float | None = None
    new_customers: int | None = None
    returning_customers: int | None = None


def metrics_of(sums: Sums, visits: Visits, *, with_costs: bool) -> Metrics:
    """The figures behind these sums; those on costs only `with_costs`."""
    if not sums.lines:
        return Metrics()
    return Metrics(
        revenue=money(sums.revenue),
        orders=sums.orders,
        units=sums.units_sold,
        average_order_value=average_order_value(sums),
        discount_share=share(sums.discount_value, sums.list_value),
        gross_margin=share(sums.covered_revenue - sums.cost, sums.covered_revenue)
        if with_costs
        else None,
        margin_coverage=share(sums.covered_revenue, sums.revenue) if with_costs else None,
        returns_rate=share(sums.units_returned, sums.units_sold),
        new_customers=visits.first,
        returning_customers=visits.visits - visits.first - visits.repeated,
    )


def average_order_value(sums: Sums) -> float | None:
    """Revenue over orders in dollars; None without an order."""
    return round(float(sums.revenue / sums.orders), _MONEY_DIGITS) if sums.orders else None


def share(part: Decimal | int, whole: Decimal | int) -> float | None:
    """One over the other; None of nothing."""
    return round(float(part / whole), _SHARE_DIGITS) if whole else None


def money(amount: Decimal) -> float:
    """Dollars and cents."""
    return round(float(amount), _MONEY_DIGITS)
