"""Who comes to a store, and when: orders without their lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zava_server.data.demo.timeline import Rhythm, Timeline

GROWTH = 0.10
_DAY_NOISE = 0.07
_CANCELLED = 0.02
_PENDING_DAYS = 3
# Without a limit one customer in ten thousand would buy for a whole town.
_LOYALTY_SHAPE, _MOST_LOYAL = 1.3, 40.0
# The share of orders that come from new customers falls from all to this over the first months.
_NEW_SHARE, _NEW_DECAY = 0.185, 0.08


@dataclass(frozen=True)
class Visits:
    """Orders of one store; all arrays (n,).

    `day` counts from the timeline's first, `at` is in seconds since 1970, `customer` is a number
    within the store, `status` is text as ASCII bytes.
    """

    day: NDArray[np.int32]
    at: NDArray[np.int64]
    customer: NDArray[np.int32]
    status: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, which: slice | NDArray[np.generic]) -> Visits:
        return Visits(self.day[which], self.at[which], self.customer[which], self.status[which])

    def followed_by(self, later: Visits) -> Visits:
        """These and then those."""
        return Visits(
            np.concatenate([self.day, later.day]),
            np.concatenate([self.at, later.at]),
            np.concatenate([self.customer, later.customer]),
            np.concatenate([self.status, later.status]),
        )


def orders_per_day(
    rng: np.random.Generator,
    timeline: Timeline,
    rhythm: Rhythm,
    season: NDArray[np.float64],
    total: float,
) -> NDArray[np.int64]:
    """How many orders each day gets, (days,), about `total` together.

    `season` (days,) weighs the days; growth, weekdays and the weather of the day come on top.
    """
    weight = (1 + GROWTH) ** timeline.years * rhythm.weekdays[timeline.weekday] * season
    weight *= rng.lognormal(0, _DAY_NOISE, len(timeline))
    if rhythm.rests:
        weight[timeline.holiday] = 0
    orders: NDArray[np.int64] = rng.poisson(weight * (total / weight.sum()))
    return orders


def plan_visits(
    rng: np.random.Generator,
    timeline: Timeline,
    rhythm: Rhythm,
    per_day: NDArray[np.int64],
    customers: int,
    *,
    pending_share: float,
) -> Visits:
    """All visits of a store in order of time, none later than the timeline's `until`.

    Customers are numbered in the order of their first visit; each of `customers` comes at least
    once if there are visits enough.
    """
    day = np.repeat(np.arange(len(timeline), dtype=np.int32), per_day)
    at = timeline.moments(rng, day, rhythm)
    order = np.argsort(at, kind="stable")
    order = order[at[order] <= timeline.until]
    day, at = day[order], at[order]
    return Visits(day, at, _who(rng, len(at), customers), _status(rng, timeline, at, pending_share))


def _who(rng: np.random.Generator, visits: int, customers: int) -> NDArray[np.int32]:
    """The customer of each visit: a new one or one known by then, the loyal more often."""
    customers = min(customers, visits)
    age = np.arange(visits) / max(visits, 1)
    new_share = _NEW_SHARE + (1 - _NEW_SHARE) * np.exp(-age / _NEW_DECAY)
    # The smallest of exponential draws divided by weights: a sample without replacement.
    draw = rng.exponential(size=visits) / new_share
    draw[:1] = 0
    is_new = np.zeros(visits, bool)
    is_new[np.argsort(draw, kind="stable")[:customers]] = True
    newest = np.cumsum(is_new) - 1
    loyalty = np.cumsum(np.minimum(rng.pareto(_LOYALTY_SHAPE, customers) + 1, _MOST_LOYAL))
    known = np.searchsorted(loyalty, rng.random(visits) * loyalty[newest], side="right")
    return np.where(is_new, newest, np.minimum(known, newest)).astype(np.int32)


def _status(
    rng: np.random.Generator,
    timeline: Timeline,
    at: NDArray[np.int64],
    pending_share: float,
) -> NDArray[np.bytes_]:
    chance = rng.random(len(at))
    recent = at > timeline.until - _PENDING_DAYS * 86_400
    status = np.full(len(at), b"completed", "S9")
    status[chance < _CANCELLED] = b"cancelled"
    status[recent & (chance > 1 - pending_share)] = b"pending"
    return status
