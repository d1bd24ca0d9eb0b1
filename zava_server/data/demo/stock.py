"""Stock: it falls with sales, is ordered again at the reorder point, and sometimes runs out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WATCHED_DAYS = 90
"""So many last days of sales decide today's stock."""

_SOLD_OUT = 0.02
_SOLD_OUT_DAYS = 10
_SLOW_MOVER = 0.04
_LEAST_REORDER_POINT, _LEAST_ORDER = 2, 4
_DELIVERY_DAYS = (4, 10)


@dataclass(frozen=True, slots=True)
class StockPolicy:
    """For how many days of sales the reorder point and an order last."""

    reorder_days: float
    order_days: float


IN_STORE = StockPolicy(reorder_days=12, order_days=40)
WAREHOUSE = StockPolicy(reorder_days=21, order_days=75)


def choose_sold_out(
    rng: np.random.Generator, days: int, popularity: NDArray[np.float64]
) -> NDArray[np.int32]:
    """The day from which each product is sold out in a store, (products,); `days` if it is not.

    It happened within the last days, and to what sells well more often than to what does not.
    """
    count = len(popularity)
    chance = _SOLD_OUT * (0.5 + 0.5 * popularity / popularity.mean())
    since = days - 1 - rng.integers(0, _SOLD_OUT_DAYS, count, dtype=np.int32)
    return np.where(rng.random(count) < chance, since, days).astype(np.int32)


def run_store_room(
    rng: np.random.Generator,
    sold: NDArray[np.int64],
    sold_out: NDArray[np.bool_],
    policy: StockPolicy,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Today's stock levels and the reorder points, (products,) each.

    `sold` (days, products) is what left the shelf in the last days, less what came back;
    `sold_out` (products,) says of which nothing is left.
    """
    days, products = sold.shape
    demand = np.maximum(sold.sum(axis=0), 0) / days
    reorder_point = np.maximum(np.ceil(demand * policy.reorder_days), _LEAST_REORDER_POINT)
    reorder_point = reorder_point.astype(np.int64)
    order = np.maximum(np.ceil(demand * policy.order_days), _LEAST_ORDER).astype(np.int64)
    # Somebody once believed in these; they lie there ever since.
    slow = rng.random(products) < _SLOW_MOVER
    level = reorder_point + rng.integers(1, order, endpoint=True) * np.where(slow, 6, 1)
    arrives = np.full(products, -1)
    for day in range(days):
        level += np.where(arrives == day, order, 0)
        level -= sold[day]
        # More was sold than there was: the lorry must have come that morning.
        short = level < 0
        level[short] += np.ceil(-level[short] / order[short]).astype(np.int64) * order[short]
        wanted = (level <= reorder_point) & (arrives <= day)
        arrives[wanted] = day + rng.integers(*_DELIVERY_DAYS, wanted.sum(), endpoint=True)
    level[sold_out] = 0
    return level, reorder_point
