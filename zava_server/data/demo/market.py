"""What is sold where right now, read from a database: the demo's or one's own data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from zava_server.data.demo.assortment import Assortment
from zava_server.data.demo.catalogue import (
    Catalogue,
    Category,
    Product,
    ProductType,
    load_catalogue,
)
from zava_server.data.demo.timeline import IN_STORE, ONLINE
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg
    from numpy.typing import NDArray

_MONTHS = 12

# A year's lines are what a store weighs; one that has none yet may begin.
_SHOPS = """
SELECT s.store_id, s.name, s.is_online, s.time_zone,
    1 + coalesce(sum(d.line_count) FILTER (WHERE d.day > current_date - 365), 0) AS weight
FROM retail.stores AS s LEFT JOIN retail.daily_sales AS d USING (store_id)
GROUP BY s.store_id
ORDER BY s.name
"""
_PRODUCTS = """
SELECT p.product_id, p.sku, p.base_price, c.name AS category, t.name AS product_type
FROM retail.products AS p
JOIN retail.categories AS c USING (category_id)
JOIN retail.product_types AS t USING (type_id)
ORDER BY c.name, t.name, p.sku
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """A store; `weight` is its share of what is sold, relative to the others."""

    store_id: UUID
    name: str
    is_online: bool
    zone: ZoneInfo
    weight: float

    def bustle(self, now: datetime) -> float:
        """How much goes on there at this hour, relative to the others; 0 when it is closed."""
        local = now.astimezone(self.zone)
        rhythm = ONLINE if self.is_online else IN_STORE
        hours = rhythm.hours[local.weekday()]
        share = float(hours[local.hour] / hours.sum())
        return self.weight * float(rhythm.weekdays[local.weekday()]) * share


@dataclass(frozen=True)
class Market:
    """The shops, and the assortment with the id of each product in its order."""

    shops: Sequence[Shop]
    assortment: Assortment
    product_ids: Sequence[UUID]

    def bustle(self, now: datetime) -> NDArray[np.float64]:
        """How likely the next order is one of each shop, (shops,).

        When all are closed nobody sleeps: a simulation is there to be watched.
        """
        open_now = np.array([shop.bustle(now) for shop in self.shops])
        return open_now if open_now.any() else np.array([shop.weight for shop in self.shops])

    def taste(self, now: datetime) -> NDArray[np.float64]:
        """How much of each type people want this month, (1, types)."""
        season = self.assortment.season[:, now.month - 1]
        return (season * self.assortment.type_popularity)[None, :]


async def read_market(owner: asyncpg.Connection) -> Market:
    """The market of the database.

    Raises ValidationError when there is nothing to sell or nowhere to sell it.
    """
    shops = [
        Shop(
            row["store_id"],
            row["name"],
            row["is_online"],
            ZoneInfo(row["time_zone"]),
            float(row["weight"]),
        )
        for row in await owner.fetch(_SHOPS)
    ]
    rows = await owner.fetch(_PRODUCTS)
    if not shops or not rows:
        raise ValidationError(
            "There are no stores or no products in this database.",
            "Fill it first, with: zava-server db demo",
        )
    return Market(shops, Assortment.of(_catalogue(rows)), [row["product_id"] for row in rows])


def _catalogue(rows: Sequence[asyncpg.Record]) -> Catalogue:
    """The database's products, with seasons and companions of the types that the demo knows."""
    known = load_catalogue()
    types = {t.name: t for c in known.categories for t in c.types}
    popularity = {p.sku: p.popularity for t in types.values() for p in t.products}
    names = {row["product_type"] for row in rows}

    def product_type(name: str, products: Sequence[asyncpg.Record]) -> ProductType:
        like = types.get(name)
        return ProductType(
            name,
            like.season if like else (1.0,) * _MONTHS,
            tuple(other for other in like.goes_with if other in names) if like else (),
            tuple(
                Product(
                    p["sku"],
                    "",
                    "",
                    p["base_price"],
                    p["base_price"],
                    popularity.get(p["sku"], 1.0),
                )
                for p in products
            ),
        )

    return Catalogue(
        tuple(
            Category(
                category,
                tuple(
                    product_type(name, list(products))
                    for name, products in groupby(in_category, lambda row: row["product_type"])
                ),
            )
            for category, in_category in groupby(rows, lambda row: row["category"])
        )
    )
