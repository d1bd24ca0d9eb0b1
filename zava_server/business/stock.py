"""What the stock wants: sales lost to empty shelves, products to order, money that lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from zava_server.business.insights import Insight, dollars
from zava_server.business.periods import add_months
from zava_server.data.stock import StockAlert, StockRules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


OUT_OF_STOCK, REORDER, SLOW_MOVER = "out_of_stock", "reorder", "slow_mover"
KINDS = (OUT_OF_STOCK, REORDER, SLOW_MOVER)

SLOW_DAYS_OF_COVER = 180
"""Stock for more days than this lies."""
ORDER_DAYS = 30
"""A suggested order brings the stock to the reorder point and so many days of sales."""
_SHOWN_IN_INSIGHTS = 3
_LEAST_UNITS_IN_INSIGHTS = 3


def insight_rules(now: datetime) -> StockRules:
    """What is worth a sentence: being out says little of what hardly sells."""
    return stock_rules(now, _SHOWN_IN_INSIGHTS, least_units=_LEAST_UNITS_IN_INSIGHTS)


def stock_rules(now: datetime, most_of_a_kind: int, least_units: int = 1) -> StockRules:
    """Sales since the first day of last month, at the local time `now`."""
    since = add_months(now.date().replace(day=1), -1)
    elapsed = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)) + timedelta(
        days=(now.date() - since).days
    )
    return StockRules(
        sales_since=since,
        days=elapsed / timedelta(days=1),
        least_units=least_units,
        most_days_of_cover=SLOW_DAYS_OF_COVER,
        most_of_a_kind=most_of_a_kind,
    )


@dataclass(frozen=True, slots=True)
class StockAdvice:
    """An alert with what follows from it; `days_of_cover` is None for what does not sell."""

    alert: StockAlert
    days_of_cover: float | None
    suggested_order: int | None


def advice(alert: StockAlert) -> StockAdvice:
    """How long the stock lasts, and how much to order."""
    cover = alert.stock_level / alert.units_per_day if alert.units_per_day > 0 else None
    order = None
    if alert.kind != SLOW_MOVER:
        wanted = alert.reorder_point + math.ceil(ORDER_DAYS * alert.units_per_day)
        order = max(wanted - alert.stock_level, 1)
    return StockAdvice(alert, None if cover is None else round(cover, 1), order)


def stock_insights(alerts: Sequence[StockAlert], daily_revenue: float) -> list[Insight]:
    """One sentence a kind, with what weighs most; `daily_revenue` is the stores' own."""
    first = {kind: [a for a in alerts if a.kind == kind] for kind in KINDS}
    told = [
        _out_of_stock(first[OUT_OF_STOCK], daily_revenue),
        _reorder(first[REORDER], daily_revenue),
        _slow_movers(first[SLOW_MOVER]),
    ]
    return [insight for insight in told if insight is not None]


def _out_of_stock(alerts: Sequence[StockAlert], daily_revenue: float) -> Insight | None:
    if not alerts:
        return None
    worst = alerts[0]
    return Insight(
        "stock_out",
        f"{_products(worst.alike)} that otherwise {'sells' if worst.alike == 1 else 'sell'} "
        f"{dollars(worst.revenue_per_day_alike)} a day {_are(worst.alike)} out of stock, "
        f"first of all {_named(worst)} with {dollars(worst.revenue_per_day)} a day.",
        "lost_revenue_per_day",
        round(worst.revenue_per_day_alike, 2),
        round(daily_revenue, 2),
        _share(worst.revenue_per_day_alike, daily_revenue),
    )


def _reorder(alerts: Sequence[StockAlert], daily_revenue: float) -> Insight | None:
    if not alerts:
        return None
    listed = ", ".join(
        f"{_named(a)} ({a.stock_level} left, {a.stock_level / a.units_per_day:.1f} days)"
        for a in alerts
    )
    first = alerts[0]
    more = "" if first.alike <= len(alerts) else f" and {first.alike - len(alerts):,} more"
    return Insight(
        "reorder",
        f"Order again: {listed}{more}.",
        "days_of_cover",
        round(first.stock_level / first.units_per_day, 1),
        round(first.reorder_point / first.units_per_day, 1),
        _share(first.revenue_per_day_alike, daily_revenue),
    )


def _slow_movers(alerts: Sequence[StockAlert]) -> Insight | None:
    if not alerts:
        return None
    largest = alerts[0]
    return Insight(
        "slow_movers",
        f"{_products(largest.alike)} with {dollars(float(largest.stock_value_alike))} of stock "
        f"{_are(largest.alike)} enough for over {SLOW_DAYS_OF_COVER} days, first of all "
        f"{_named(largest)} with {dollars(float(largest.stock_value))}.",
        "stock_value",
        round(float(largest.stock_value_alike), 2),
        float(SLOW_DAYS_OF_COVER),
        _share(float(largest.stock_value), float(largest.stock_value_alike)),
    )


def _products(count: int) -> str:
    return "One product" if count == 1 else f"{count:,} products"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _named(alert: StockAlert) -> str:
    return f"{alert.name} [{alert.sku}]"


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole > 0 else 0.0
