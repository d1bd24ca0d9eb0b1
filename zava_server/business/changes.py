"""What changed beyond its usual variation, and which category drives it.

The last whole days of a period, four weeks at most, are compared with the stretches of the same
length and the same weekdays before them, up to a year back. A figure has changed where its modified
z-score, 0.6745 · (value − median) / MAD (Iglewicz and Hoaglin, How to Detect and Handle Outliers,
1993), lies beyond what chance brings about in one of 200 cases. Iglewicz and Hoaglin's 3.5 does not
do here: among 13 stretches chance passes it in one of 45 cases, since their median and MAD vary as
well. With five figures tested, Bonferroni's bound on a false alarm is 2.5 %. That is for normal
values, to which amounts come near as logarithms and shares as square roots; averages and shares of
a few orders do not, and are left alone. In between, shares must be beyond twice the bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, median
from typing import TYPE_CHECKING

from zava_server.business.insights import Insight, days, dollars
from zava_server.data.sales_history import Stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zava_server.business.periods import Span
    from zava_server.data.sums import Sums

_WEEK = 7
_MOST_DAYS = 28
_HISTORY_DAYS = 364
_MOST_STRETCHES = 26
_FEWEST_STRETCHES = 8
_SCALE = 0.6745
# Of 200,000 standard normal samples of so many stretches and one more value, one in 200 had a
# modified z-score beyond.
_CRITICAL = {
    8: 7.42, 10: 5.96, 12: 5.17, 14: 4.70, 16: 4.44, 18: 4.18, 20: 4.02, 22: 3.87, 24: 3.77,
    26: 3.70,
}  # fmt: skip
_LEAST_CONTRIBUTION = 0.25
_ENOUGH_FOR_AN_AVERAGE = 20
_ENOUGH_FOR_A_GROSS_SHARE = 20
_ENOUGH_FOR_A_SHARE = 100
_GROSS = 2.0


@dataclass(frozen=True, slots=True)
class _Figure:
    metric: str
    words: str
    value: Callable[[Sums], float | None]
    is_amount: bool
    """Compared as a logarithm and told in dollars or counts; else it is a share."""
    in_dollars: bool = False
    least_orders: int = 1
    """How many orders a usual stretch must have for it to say anything."""
    enough_orders: int = 1
    """How many for it to do so at the bound; with fewer, it must be beyond twice the bound."""

    def scaled(self, value: float) -> float:
        """On the scale it is compared on."""
        return math.log(value) if self.is_amount else math.sqrt(max(value, 0.0))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


_FIGURES = (
    _Figure("revenue", "Revenue", lambda s: float(s.revenue), is_amount=True, in_dollars=True),
    _Figure("orders", "The number of orders", lambda s: float(s.orders), is_amount=True),
    _Figure(
        "average_order_value",
        "The average order value",
        lambda s: _ratio(float(s.revenue), s.orders),
        is_amount=True,
        in_dollars=True,
        least_orders=_ENOUGH_FOR_AN_AVERAGE,
    ),
    _Figure(
        "discount_share",
        "The share of discounts",
        lambda s: _ratio(float(s.discount_value), float(s.list_value)),
        is_amount=False,
        least_orders=_ENOUGH_FOR_A_GROSS_SHARE,
        enough_orders=_ENOUGH_FOR_A_SHARE,
    ),
    _Figure(
        "returns_rate",
        "The returns rate",
        lambda s: _ratio(s.units_returned, s.units_sold),
        is_amount=False,
        least_orders=_ENOUGH_FOR_A_GROSS_SHARE,
        enough_orders=_ENOUGH_FOR_A_SHARE,
    ),
)


def stretches_of(span: Span) -> Stretches | None:
    """The last whole days of a span and the comparable ones before; None of a span without any."""
    length = min((span.until - span.start).days, _MOST_DAYS)
    if length < 1:
        return None
    step = math.ceil(length / _WEEK) * _WEEK
    before = min(_MOST_STRETCHES, _HISTORY_DAYS // step)
    origin = span.until - timedelta(days=length + before * step)
    return Stretches(origin, step, length, before + 1)


def changes(history: Sequence[Sums], stretches: Stretches) -> list[Insight]:
    """The figures of the last stretch that differ from those before beyond chance."""
    told = _since_opening(history)
    found: list[Insight | None] = []
    if told and told[-1].revenue <= 0:
        found.append(_nothing_earned(told, stretches))
    if told and told[-1].lines:
        found += [_change(figure, told, stretches) for figure in _FIGURES]
    return [insight for insight in found if insight is not None]


def driver(change: Insight, categories: Mapping[str, Sequence[float]], told: int) -> Insight | None:
    """The category that contributes most to a change of revenue, if it is a good part of it.

    The change is that to the average of the stretches before; `told` is how many count.
    """
    differences = {
        category: course[-1] - fmean(course[-told:-1]) for category, course in categories.items()
    }
    total = sum(differences.values())
    if not total or (total < 0) != (change.value < change.baseline):
        return None
    category = max(differences, key=lambda name: differences[name] / total)
    share = differences[category] / total
    if share < _LEAST_CONTRIBUTION:
        return None
    course = categories[category]
    return Insight(
        "driver",
        f"{category} makes up {share:.0%} of that: {dollars(course[-1])} instead of "
        f"{dollars(fmean(course[-told:-1]))} on average.",
        "revenue",
        round(course[-1], 2),
        round(fmean(course[-told:-1]), 2),
        round(share, 4),
    )


def stretches_told(history: Sequence[Sums]) -> int:
    """How many stretches count: those since the store's first whole one."""
    return len(_since_opening(history))


def _since_opening(history: Sequence[Sums]) -> Sequence[Sums]:
    empty = next((n for n, sums in enumerate(history) if sums.lines), len(history))
    # The first one with sales may have begun before the store opened.
    return history[empty + 1 :] if empty else history


def _change(figure: _Figure, told: Sequence[Sums], stretches: Stretches) -> Insight | None:
    values = [figure.value(sums) if sums.lines else None for sums in told]
    known = [v for v in values if v is not None and (v > 0 or not figure.is_amount)]
    if len(known) != len(told) or len(known) <= _FEWEST_STRETCHES:
        return None
    orders = median(sums.orders for sums in told[:-1])
    if orders < figure.least_orders:
        return None
    value, usual = known[-1], known[:-1]
    score = modified_z_score(figure.scaled(value), [figure.scaled(v) for v in usual])
    bound = _CRITICAL[len(usual) // 2 * 2] * (1 if orders >= figure.enough_orders else _GROSS)
    if score is None or abs(score) <= bound:
        return None
    baseline = median(usual)
    until = stretches.until - timedelta(days=1)
    words = f"{figure.words} of the {days(stretches.days)} up to {until:%d %B %Y}"
    if not figure.is_amount:
        sentence = f"{words} was {value:.1%}; {baseline:.1%} is usual."
    else:
        way = "above" if value > baseline else "below"
        shown = dollars if figure.in_dollars else "{:,.0f}".format
        sentence = (
            f"{words} was {shown(value)}, {abs(value / baseline - 1):.0%} {way} "
            f"the usual {shown(baseline)}."
        )
    return Insight(
        "change", sentence, figure.metric, round(value, 6), round(baseline, 6), round(score, 2)
    )


def _nothing_earned(told: Sequence[Sums], stretches: Stretches) -> Insight | None:
    """No logarithm reaches there; square roots even out how sums of few orders vary, too."""
    last, usual = told[-1], [float(sums.revenue) for sums in told[:-1]]
    # It may have begun before the last stretch.
    while usual and usual[-1] <= 0:
        usual.pop()
    if len(usual) < _FEWEST_STRETCHES or min(usual) <= 0:
        return None
    revenue, baseline = float(last.revenue), median(usual)
    score = modified_z_score(math.sqrt(max(revenue, 0.0)), [math.sqrt(amount) for amount in usual])
    if score is None or abs(score) <= _CRITICAL[len(usual) // 2 * 2]:
        return None
    until = stretches.until - timedelta(days=1)
    words = f"in the {days(stretches.days)} up to {until:%d %B %Y}"
    if last.lines:
        sentence = f"Returns came to more than sales {words}: revenue was {dollars(revenue)}; "
    else:
        sentence = f"There were no sales {words}; "
    sentence += f"{dollars(baseline)} is usual."
    return Insight(
        "change", sentence, "revenue", round(revenue, 2), round(baseline, 2), round(score, 2)
    )


def modified_z_score(value: float, sample: Sequence[float]) -> float | None:
    """Iglewicz and Hoaglin's; None for a sample of which half is one and the same value."""
    middle = median(sample)
    spread = median(abs(other - middle) for other in sample)
    return _SCALE * (value - middle) / spread if spread else None
