"""Five years of one store: its customers, orders, lines and stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.demo import stock
from zava_server.data.demo.baskets import Shelf, shop
from zava_server.data.demo.randomness import random_uuids, stream
from zava_server.data.demo.rows import Rows
from zava_server.data.demo.timeline import IN_STORE, ONLINE
from zava_server.data.demo.visits import orders_per_day, plan_visits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from numpy.typing import NDArray

    from zava_server.data.demo.assortment import Assortment
    from zava_server.data.demo.baskets import Lines
    from zava_server.data.demo.customers import People
    from zava_server.data.demo.retailer import Store
    from zava_server.data.demo.timeline import Rhythm, Timeline
    from zava_server.data.demo.visits import Visits

    Ids = NDArray[np.uint8]

_ORDERS_A_PIECE = 20_000
_CUSTOMERS_A_PIECE = 20_000
# The others are visits of people who bring something back.
_PLANNED_SHARE = 0.94
# How much a store's taste for a type of product differs from the chain's.
_OWN_TASTE = 0.15
_PENDING_ONLINE, _PENDING_IN_STORE = 0.12, 0.03
_REGISTERING_SECONDS = (30, 900)


@dataclass(frozen=True)
class StoreHistory:
    """A store that gets about `expected_orders`; `product_ids` are (products, 16) bytes."""

    seed: int
    store: Store
    store_id: UUID
    timeline: Timeline
    assortment: Assortment
    product_ids: Ids
    expected_orders: float

    def rows(self, people: People, person: NDArray[np.int64]) -> Iterator[Rows]:
        """Customers, then orders with their lines piece by piece in order of time, then stock.

        `person` says who of `people` each customer is, (customers,).
        """
        taste = self._taste()
        visits = self._plan(taste, len(person))
        customer_ids = random_uuids(self._stream("customer ids"), len(person))
        yield from self._customer_rows(visits, customer_ids, people, person)
        sold_out_from = stock.choose_sold_out(
            self._stream("sold out"), len(self.timeline), self.assortment.popularity
        )
        shelf = Shelf(self.assortment, taste, sold_out_from)
        sold = np.zeros((stock.WATCHED_DAYS, len(self.product_ids)), np.int64)
        for start in range(0, len(visits), _ORDERS_A_PIECE):
            rng = self._stream("orders", start)
            planned = visits[start : start + _ORDERS_A_PIECE]
            made, lines = shop(rng, self.timeline, self._rhythm, shelf, planned)
            sold += self._sold_lately(made, lines)
            order_ids = random_uuids(rng, len(made))
            yield self._order_rows(made, lines, order_ids, customer_ids)
            yield self._line_rows(made, lines, order_ids)
        yield self._stock_rows(sold, sold_out_from < len(self.timeline))

    @property
    def _rhythm(self) -> Rhythm:
        return ONLINE if self.store.is_online else IN_STORE

    def _stream(self, *name: object) -> np.random.Generator:
        return stream(self.seed, self.store.name, *name)

    def _taste(self) -> NDArray[np.float64]:
        """How much of each type people want on each day, (days, types)."""
        assortment = self.assortment
        own = self._stream("taste").lognormal(0, _OWN_TASTE, len(assortment.season))
        return self.timeline.season(assortment.season) * assortment.type_popularity * own

    def _plan(self, taste: NDArray[np.float64], customers: int) -> Visits:
        rng = self._stream("visits")
        planned = self.expected_orders * _PLANNED_SHARE
        return plan_visits(
            rng,
            self.timeline,
            self._rhythm,
            orders_per_day(rng, self.timeline, self._rhythm, taste.sum(axis=1), planned),
            customers,
            pending_share=_PENDING_ONLINE if self.store.is_online else _PENDING_IN_STORE,
        )

    def _customer_rows(
        self, visits: Visits, ids: Ids, people: People, person: NDArray[np.int64]
    ) -> Iterator[Rows]:
        """Everybody who came, known to the store from just before their first visit."""
        first_visit = visits.at[np.unique(visits.customer, return_index=True)[1]]
        waited = self._stream("registering").integers(*_REGISTERING_SECONDS, len(first_visit))
        for start in range(0, len(first_visit), _CUSTOMERS_A_PIECE):
            piece = slice(start, min(start + _CUSTOMERS_A_PIECE, len(first_visit)))
            yield self._rows(
                "customers",
                customer_id=ids[piece],
                first_name=people.first_name[person[piece]],
                last_name=people.last_name[person[piece]],
                email=people.email[person[piece]],
                created_at=first_visit[piece] - waited[piece],
            )

    def _order_rows(self, visits: Visits, lines: Lines, ids: Ids, customer_ids: Ids) -> Rows:
        # Sums of cents stay far below 2^53, so they are exact.
        total = np.bincount(lines.order, lines.total, len(visits)).astype(np.int64)
        return self._rows(
            "orders",
            order_id=ids,
            customer_id=customer_ids[visits.customer],
            order_date=visits.at,
            status=visits.status,
            total_amount=total,
            created_at=visits.at,
        )

    def _line_rows(self, visits: Visits, lines: Lines, order_ids: Ids) -> Rows:
        return self._rows(
            "order_items",
            order_id=order_ids[lines.order],
            line_no=lines.line_no,
            product_id=self.product_ids[lines.product],
            quantity=lines.quantity,
            unit_price=lines.unit_price,
            discount_percent=lines.discount * 100,
            total_amount=lines.total,
            created_at=visits.at[lines.order],
        )

    def _sold_lately(self, visits: Visits, lines: Lines) -> NDArray[np.int64]:
        """Units that left the shelf on each of the last days, (WATCHED_DAYS, products)."""
        day = visits.day[lines.order] - (len(self.timeline) - stock.WATCHED_DAYS)
        counted = (day >= 0) & (visits.status[lines.order] != b"cancelled")
        products = len(self.product_ids)
        place = day[counted].astype(np.int64) * products + lines.product[counted]
        units = np.bincount(place, lines.quantity[counted], stock.WATCHED_DAYS * products)
        return units.astype(np.int64).reshape(stock.WATCHED_DAYS, products)

    def _stock_rows(self, sold: NDArray[np.int64], sold_out: NDArray[np.bool_]) -> Rows:
        policy = stock.WAREHOUSE if self.store.is_online else stock.IN_STORE
        level, reorder_point = stock.run_store_room(self._stream("stock"), sold, sold_out, policy)
        return self._rows(
            "inventory",
            product_id=self.product_ids,
            stock_level=level,
            reorder_point=reorder_point,
            created_at=np.full(len(level), self.timeline.opening),
        )

    def _rows(self, table: str, **columns: NDArray[np.generic]) -> Rows:
        count = len(columns["created_at"])
        store = np.frombuffer(self.store_id.bytes, np.uint8)
        return Rows(table, {"store_id": np.broadcast_to(store, (count, 16)), **columns})
