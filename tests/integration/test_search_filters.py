"""A filter takes away what does not pass it, and nothing else: neither near nor far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Staff
from zava_server.data.catalogue import Catalogue, ProductFilter
from zava_server.data.catalogue_sql import FIRST
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.embedders.local import LocalEmbedder

EVERY = 1000
"""More than the demo has products."""


@dataclass(frozen=True)
class Facts:
    category: str
    product_type: str
    price: float
    levels: dict[UUID, int]


@pytest.fixture(scope="module")
async def vectors() -> AsyncIterator[tuple[str, list[NDArray[np.float32]]]]:
    embedder = LocalEmbedder()
    yield (
        embedder.model,
        [
            await embedder.embed_query("hammer for a carpenter"),
            await embedder.embed_query("seeds for my vegetable garden"),
        ],
    )
    await embedder.close()


@pytest.fixture
async def facts(owner: asyncpg.Connection) -> dict[str, Facts]:
    rows = await owner.fetch(
        "SELECT p.sku, c.name AS category, t.name AS type, p.base_price::float8 AS price,"
        " array(SELECT (i.store_id, i.stock_level) FROM retail.inventory AS i"
        " WHERE i.product_id = p.product_id) AS levels"
        " FROM retail.products AS p JOIN retail.categories AS c USING (category_id)"
        " JOIN retail.product_types AS t USING (type_id)"
    )
    return {
        row["sku"]: Facts(row["category"], row["type"], row["price"], dict(row["levels"]))
        for row in rows
    }


Passes = Callable[[Facts, tuple[UUID, ...]], bool]
FILTERS: dict[str, tuple[ProductFilter, Passes]] = {
    "category": (ProductFilter("plumbing"), lambda f, _: f.category == "Plumbing"),
    "type": (ProductFilter("Thread Sealants"), lambda f, _: f.product_type == "Thread Sealants"),
    "cheap": (ProductFilter(max_price=20.0), lambda f, _: f.price <= 20),
    "a narrow range": (
        ProductFilter(min_price=14.97, max_price=15.97),
        lambda f, _: 14.97 <= f.price <= 15.97,
    ),
    "category and price": (
        ProductFilter("Power Tools", min_price=150.0),
        lambda f, _: f.category == "Power Tools" and f.price >= 150,
    ),
    "in stock": (
        ProductFilter(in_stock=True),
        lambda f, stores: any(f.levels.get(store, 0) > 0 for store in stores),
    ),
    "in stock, type": (
        ProductFilter("Thread Sealants", in_stock=True),
        lambda f, stores: (
            f.product_type == "Thread Sealants" and any(f.levels.get(s, 0) > 0 for s in stores)
        ),
    ),
    "nothing": (ProductFilter(min_price=1e6), lambda *_: False),
}


@pytest.mark.parametrize("limit", [3, 20, 100])
@pytest.mark.parametrize(
    ("handle", "kind"),
    [
        (handle, kind)
        for handle in ("seattle", "puget-sound", "catalogue-agent")
        for kind in FILTERS
        # It has no stores, and so no stock.
        if handle != "catalogue-agent" or "in stock" not in kind
    ],
)
async def test_what_passes_comes_in_the_order_of_all(
    transactions: ReadTransactions,
    staff: Staff,
    facts: dict[str, Facts],
    vectors: tuple[str, list[NDArray[np.float32]]],
    handle: str,
    kind: str,
    limit: int,
) -> None:
    identity, (wanted, passes) = staff[handle], FILTERS[kind]
    catalogue, (model, queries) = Catalogue(transactions), vectors
    for vector in queries:
        all_of_them = await catalogue.nearest(identity, vector, model, -1, EVERY)
        assert len(all_of_them) == len(facts) > FIRST
        right = [hit for hit in all_of_them if passes(facts[hit.sku], identity.store_ids)]
        found = await catalogue.nearest(identity, vector, model, -1, limit, wanted=wanted)
        assert found == right[:limit]


async def test_a_store_has_what_it_carries_with_its_own_stock(
    transactions: ReadTransactions,
    staff: Staff,
    facts: dict[str, Facts],
    vectors: tuple[str, list[NDArray[np.float32]]],
) -> None:
    identity, (model, queries) = staff["puget-sound"], vectors
    store = identity.store_ids[0]
    found = await Catalogue(transactions).nearest(
        identity, queries[0], model, -1, EVERY, wanted=ProductFilter(store_id=store)
    )
    carried = {sku: f.levels[store] for sku, f in facts.items() if store in f.levels}
    assert {hit.sku: hit.stock for hit in found} == carried
