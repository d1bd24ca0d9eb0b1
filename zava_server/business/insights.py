"""What is worth saying about a store's figures: sentences with their evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Insight:
    """A sentence and the numbers behind it.

    `value` is what `metric` is and `baseline` what it is compared with; `significance` is the
    robust z-score of a change and the share, from 0 to 1, for everything else.
    """

    kind: str
    sentence: str
    metric: str
    value: float
    baseline: float
    significance: float


def days(count: int) -> str:
    """`day` or `7 days`."""
    return "day" if count == 1 else f"{count} days"


def dollars(amount: float) -> str:
    """Whole dollars; cents below a hundred."""
    sign, amount = "-" if amount < 0 else "", abs(amount)
    return f"{sign}${amount:,.0f}" if amount >= 100 else f"{sign}${amount:,.2f}"
