"""What people put into their baskets, and what they bring back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.demo.randomness import cumulative_rows, pick, pick_in_rows
from zava_server.data.demo.visits import Visits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zava_server.data.demo.assortment import Assortment
    from zava_server.data.demo.timeline import Rhythm, Timeline

    Numbers = NDArray[np.int32]

# Baskets of one to six different things. With what is dropped (twice the same, out of stock) and
# the returns, an order has about 2.08 lines.
_BASKET_SIZES = np.array([0.41, 0.285, 0.16, 0.088, 0.048, 0.009])
_BOUGHT_TOGETHER = 0.45
_DISCOUNTED = 0.15
_DISCOUNTS = np.array([5, 10, 15, 20, 25, 30])
_DISCOUNT_WEIGHTS = np.array([0.20, 0.30, 0.20, 0.15, 0.10, 0.05])
_JOB_LOT, _JOB_LOT_CENTS = 0.02, 4_000
_RETURNED = 0.033
_RETURN_AND_BUY = 0.35
_RETURN_MEAN_DAYS, _RETURN_MAX_DAYS = 9.0, 60


@dataclass(frozen=True)
class Lines:
    """Order lines, all arrays (n,); money in cents, `discount` in percent.

    `order` is the position of the line's order among the visits it belongs to.
    """

    order: NDArray[np.intp]
    line_no: Numbers
    product: Numbers
    quantity: Numbers
    unit_price: NDArray[np.int64]
    discount: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def total(self) -> NDArray[np.int64]:
        """quantity × unit price × (1 − discount), rounded half away from zero like numeric."""
        exact = np.abs(self.quantity) * self.unit_price * (100 - self.discount)
        total: NDArray[np.int64] = np.sign(self.quantity) * ((exact + 50) // 100)
        return total

    def followed_by(self, later: Lines) -> Lines:
        """These and then those."""
        return Lines(
            np.concatenate([self.order, later.order]),
            np.concatenate([self.line_no, later.line_no]),
            np.concatenate([self.product, later.product]),
            np.concatenate([self.quantity, later.quantity]),
            np.concatenate([self.unit_price, later.unit_price]),
            np.concatenate([self.discount, later.discount]),
        )


class Shelf:
    """What one store sells: by the day's taste, at the day's price, while there is some left.

    `taste` is (days, types); `sold_out_from` (products,) is the day from which a product is gone.
    """

    def __init__(
        self,
        assortment: Assortment,
        taste: NDArray[np.float64],
        sold_out_from: NDArray[np.int32],
    ) -> None:
        self._assortment = assortment
        self._taste = cumulative_rows(taste)
        self._types = taste.shape[1]
        self._prices = assortment.price_lists(len(taste))
        self._sold_out_from = sold_out_from

    def fill(self, rng: np.random.Generator, day: Numbers, first_line: int = 1) -> Lines:
        """Baskets of the orders placed on these days (n,), at least one line each."""
        basket = self._choose(rng, day)
        taken = basket >= 0
        order = np.nonzero(taken)[0]
        line_no = np.cumsum(taken, axis=1, dtype=np.int32)[taken] + (first_line - 1)
        product = basket[taken]
        return Lines(
            order,
            line_no,
            product,
            self._quantities(rng, product),
            self._prices[day[order], product],
            self._discounts(rng, len(order)),
        )

    def _choose(self, rng: np.random.Generator, day: Numbers) -> Numbers:
        """Products (n, 6); -1 where the basket has no more."""
        size = 1 + pick(rng, _BASKET_SIZES, len(day))
        basket = np.full((len(day), len(_BASKET_SIZES)), -1, np.int32)
        wanting = np.arange(len(day))
        while len(wanting):
            basket[wanting, 0] = self._by_taste(rng, day[wanting])
            wanting = wanting[self._is_gone(basket[wanting, 0], day[wanting])]
        for place in range(1, basket.shape[1]):
            who = np.flatnonzero(size > place)
            product = self._next_to(rng, basket[who, 0], day[who])
            unwanted = self._is_gone(product, day[who])
            unwanted |= (basket[who, :place] == product[:, None]).any(axis=1)
            basket[who, place] = np.where(unwanted, -1, product)
        return basket

    def _by_taste(self, rng: np.random.Generator, day: Numbers) -> Numbers:
        types = pick_in_rows(rng, self._taste, day, self._types)
        return self._assortment.products_of(rng, types)

    def _next_to(self, rng: np.random.Generator, first: Numbers, day: Numbers) -> Numbers:
        """Something that goes with the first thing in the basket, or anything else."""
        product = self._by_taste(rng, day)
        of_first = self._assortment.type_of[first]
        choices = self._assortment.related_count[of_first]
        goes_with = np.flatnonzero((rng.random(len(first)) < _BOUGHT_TOGETHER) & (choices > 0))
        which = (rng.random(len(goes_with)) * choices[goes_with]).astype(np.int32)
        types = self._assortment.related[of_first[goes_with], which]
        product[goes_with] = self._assortment.products_of(rng, types)
        return product

    def _is_gone(self, product: Numbers, day: Numbers) -> NDArray[np.bool_]:
        return day >= self._sold_out_from[product]

    def _quantities(self, rng: np.random.Generator, product: Numbers) -> Numbers:
        quantity = 1 + rng.poisson(self._assortment.mean_extra_units[product])
        lots = rng.random(len(product)) < _JOB_LOT
        lots &= self._assortment.prices[product] < _JOB_LOT_CENTS
        quantity[lots] *= rng.integers(3, 9, lots.sum())
        return quantity.astype(np.int32)

    @staticmethod
    def _discounts(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        discount = _DISCOUNTS[pick(rng, _DISCOUNT_WEIGHTS, count)]
        discount[rng.random(count) >= _DISCOUNTED] = 0
        return discount


def bring_back(
    rng: np.random.Generator, timeline: Timeline, rhythm: Rhythm, visits: Visits, lines: Lines
) -> tuple[Visits, Lines]:
    """Later visits at which customers return some of these lines, at the price they paid."""
    line = np.flatnonzero(rng.random(len(lines)) < _RETURNED)
    line = line[visits.status[lines.order[line]] == b"completed"]
    delay = 1 + rng.exponential(_RETURN_MEAN_DAYS, len(line))
    day = visits.day[lines.order[line]] + np.minimum(delay, _RETURN_MAX_DAYS).astype(np.int32)
    line, day = line[day < len(timeline)], day[day < len(timeline)]
    if rhythm.rests:
        # Closed: they come the day after. No holiday follows another.
        day = day + timeline.holiday[day].astype(np.int32)
        line, day = line[day < len(timeline)], day[day < len(timeline)]
    at = timeline.moments(rng, day, rhythm)
    in_time = at <= timeline.until
    line, day, at = line[in_time], day[in_time], at[in_time]
    bought = lines.quantity[line]
    back = Visits(
        day,
        at,
        visits.customer[lines.order[line]],
        np.full(len(line), b"completed", visits.status.dtype),
    )
    returned = Lines(
        np.arange(len(line)),
        np.ones(len(line), np.int32),
        lines.product[line],
        -rng.integers(1, bought, endpoint=True, dtype=np.int32),
        lines.unit_price[line],
        lines.discount[line],
    )
    return back, returned


def shop(
    rng: np.random.Generator, timeline: Timeline, rhythm: Rhythm, shelf: Shelf, visits: Visits
) -> tuple[Visits, Lines]:
    """The visits with what they bought, and after them the visits that bring some of it back.

    Some who bring something back buy again on the same order.
    """
    bought = shelf.fill(rng, visits.day)
    back, returned = bring_back(rng, timeline, rhythm, visits, bought)
    buys_again = np.flatnonzero(rng.random(len(back)) < _RETURN_AND_BUY)
    again = shelf.fill(rng, back.day[buys_again], first_line=2)
    again = replace(again, order=buys_again[again.order])
    returned = returned.followed_by(again)
    returned = replace(returned, order=returned.order + len(visits))
    return visits.followed_by(back), bought.followed_by(returned)
