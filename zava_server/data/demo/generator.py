"""The whole demo retailer from a seed, as a stream of rows in pieces that fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.demo.assortment import Assortment
from zava_server.data.demo.customers import make_people, spread_over_stores
from zava_server.data.demo.randomness import named_uuid, stream
from zava_server.data.demo.retailer import STORES
from zava_server.data.demo.rows import Rows
from zava_server.data.demo.store_history import StoreHistory
from zava_server.data.demo.timeline import Timeline
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from numpy.typing import NDArray

    from zava_server.data.demo.catalogue import Catalogue

ORDERS = 200_000
CUSTOMERS = 50_000
"""At scale 1, about and exactly."""

MIN_SCALE, MAX_SCALE = 0.01, 50.0


@dataclass(frozen=True)
class Generator:
    """Same seed, end, scale and catalogue: the same rows, byte for byte.

    `until` is an aware time, after which nothing happens; `scale` multiplies orders and customers.
    Raises ValidationError for a time without a zone or a scale out of bounds.
    """

    seed: int
    until: datetime
    scale: float
    catalogue: Catalogue

    def __post_init__(self) -> None:
        if self.until.utcoffset() is None:
            raise ValidationError("The end of the demo data needs a time zone.")
        if not MIN_SCALE <= self.scale <= MAX_SCALE:
            raise ValidationError(
                f"Demo data cannot have a scale of {self.scale:g}.",
                f"Use one from {MIN_SCALE:g} to {MAX_SCALE:g}.",
            )

    @property
    def expected_orders(self) -> int:
        """About how many orders there will be."""
        return round(ORDERS * self.scale)

    @cached_property
    def opened_at(self) -> datetime:
        """When the chain opened: stores, users and catalogue are that old."""
        timeline = Timeline.up_to(self.until, STORES[0].time_zone)
        return datetime.fromtimestamp(timeline.opening, UTC)

    def store_id(self, name: str) -> UUID:
        """The id of the store of this name."""
        return named_uuid(self.seed, "store", name)

    def user_id(self, handle: str) -> UUID:
        """The id of the user with this handle."""
        return named_uuid(self.seed, "user", handle)

    def rows(self) -> Iterator[Rows]:
        """All rows, those that others refer to before these."""
        yield from self._catalogue_rows()
        yield from self._history_rows()

    def _history_rows(self) -> Iterator[Rows]:
        assortment = Assortment.of(self.catalogue)
        product_ids = self._ids("product", [product.sku for product in assortment.products])
        weights = np.array([store.weight for store in STORES], np.float64)
        shares = weights / weights.sum()
        # Rounding the running sum keeps the sum of the parts.
        up_to = np.rint(np.cumsum(shares) * CUSTOMERS * self.scale).astype(np.int64)
        people = make_people(stream(self.seed, "people"), int(up_to[-1]))
        persons = spread_over_stores(
            stream(self.seed, "neighbours"), np.diff(up_to, prepend=0).tolist()
        )
        for store, share, person in zip(STORES, shares, persons, strict=True):
            history = StoreHistory(
                seed=self.seed,
                store=store,
                store_id=self.store_id(store.name),
                timeline=Timeline.up_to(self.until, store.time_zone),
                assortment=assortment,
                product_ids=product_ids,
                expected_orders=self.expected_orders * share,
            )
            yield from history.rows(people, person)

    def _catalogue_rows(self) -> Iterator[Rows]:
        def column(table: str, created: Sequence[object], **columns: NDArray[np.generic]) -> Rows:
            opened = np.full(len(created), int(self.opened_at.timestamp()))
            return Rows(table, {**columns, "created_at": opened})

        yield column(
            "stores",
            STORES,
            store_id=self._ids("store", [store.name for store in STORES]),
            name=_texts([store.name for store in STORES]),
            location=_texts([store.location for store in STORES]),
            is_online=np.array([store.is_online for store in STORES]),
            time_zone=_texts([store.time_zone for store in STORES]),
        )
        categories = self.catalogue.categories
        yield column(
            "categories",
            categories,
            category_id=self._ids("category", [category.name for category in categories]),
            name=_texts([category.name for category in categories]),
        )
        types = [(category, kind) for category in categories for kind in category.types]
        yield column(
            "product_types",
            types,
            type_id=self._ids("type", [kind.name for _, kind in types]),
            category_id=self._ids("category", [category.name for category, _ in types]),
            name=_texts([kind.name for _, kind in types]),
        )
        products = [(category, kind, p) for category, kind in types for p in kind.products]
        product_ids = self._ids("product", [product.sku for _, _, product in products])
        yield column(
            "products",
            products,
            product_id=product_ids,
            sku=_texts([product.sku for _, _, product in products]),
            name=_texts([product.name for _, _, product in products]),
            description=_texts([product.description for _, _, product in products]),
            category_id=self._ids("category", [category.name for category, _, _ in products]),
            type_id=self._ids("type", [kind.name for _, kind, _ in products]),
            base_price=np.array([int(product.base_price * 100) for _, _, product in products]),
        )
        yield column(
            "product_costs",
            products,
            product_id=product_ids,
            cost=np.array([int(product.cost * 100) for _, _, product in products]),
        )

    def _ids(self, kind: str, names: Sequence[str]) -> NDArray[np.uint8]:
        raw = b"".join(named_uuid(self.seed, kind, name).bytes for name in names)
        return np.frombuffer(raw, np.uint8).reshape(-1, 16)


def _texts(texts: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([text.encode() for text in texts])
