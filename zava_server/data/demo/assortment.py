"""The catalogue as arrays: what is bought when, with what, how many at once and at which price."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zava_server.data.demo.catalogue import Catalogue, Product, ProductType

# Prices rise this much a year until they reach today's list price, in steps of a quarter.
_INFLATION = 0.02
_QUARTER_DAYS = 91
# Of a one-dollar item people take about 2.5 more, of a hundred-dollar tool hardly ever a second.
_MORE_OF_CHEAP = 2.7
_CHEAP_DOLLARS = 12.0


@dataclass(frozen=True)
class Assortment:
    """Products and types numbered in the order of the catalogue, products of a type together.

    `type_of` and `popularity` are (products,), `season` is (types, 12); `related` (types, r) holds
    type numbers, of which the first `related_count` (types,) of each row count.
    """

    products: Sequence[Product]
    type_of: NDArray[np.int32]
    popularity: NDArray[np.float64]
    season: NDArray[np.float64]
    related: NDArray[np.int32]
    related_count: NDArray[np.int32]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Assortment:
        """The arrays of this catalogue."""
        types: list[ProductType] = [t for c in catalogue.categories for t in c.types]
        number = {product_type.name: n for n, product_type in enumerate(types)}
        related = np.zeros((len(types), max(1, *(len(t.goes_with) for t in types))), np.int32)
        for n, product_type in enumerate(types):
            related[n, : len(product_type.goes_with)] = [number[w] for w in product_type.goes_with]
        products = [product for t in types for product in t.products]
        return cls(
            products=products,
            type_of=np.repeat(
                np.arange(len(types), dtype=np.int32), [len(t.products) for t in types]
            ),
            popularity=np.array([product.popularity for product in products], np.float64),
            season=np.array([t.season for t in types], np.float64),
            related=related,
            related_count=np.array([len(t.goes_with) for t in types], np.int32),
        )

    @cached_property
    def type_popularity(self) -> NDArray[np.float64]:
        """Popularity of each type: that of its products together, (types,)."""
        return np.bincount(self.type_of, self.popularity).astype(np.float64)

    @cached_property
    def prices(self) -> NDArray[np.int64]:
        """Today's list prices in cents, (products,)."""
        return np.array([int(product.base_price * 100) for product in self.products], np.int64)

    @cached_property
    def mean_extra_units(self) -> NDArray[np.float64]:
        """How many more than one a shopper takes on average, (products,)."""
        return _MORE_OF_CHEAP * np.exp(-self.prices / (100 * _CHEAP_DOLLARS))

    def price_lists(self, days: int) -> NDArray[np.int64]:
        """Unit prices in cents, (days, products): today's on the last days, lower before."""
        quarters_ago = (days - 1 - np.arange(days)) // _QUARTER_DAYS
        level = (1 + _INFLATION) ** (-quarters_ago / 4)
        return np.maximum(np.rint(level[:, None] * self.prices).astype(np.int64), 1)

    def products_of(
        self, rng: np.random.Generator, types: NDArray[np.integer]
    ) -> NDArray[np.int32]:
        """For each of the types one of its products, the popular ones more often."""
        end = np.cumsum(self.type_popularity)
        target = end[types] - rng.random(len(types)) * self.type_popularity[types]
        found = np.searchsorted(np.cumsum(self.popularity), target, side="left")
        product: NDArray[np.int32] = np.clip(
            found, self._first[types], self._first[types + 1] - 1
        ).astype(np.int32)
        return product

    @cached_property
    def _first(self) -> NDArray[np.intp]:
        """Where the products of each type start; one more entry marks the end."""
        return np.searchsorted(self.type_of, np.arange(len(self.season) + 1))
