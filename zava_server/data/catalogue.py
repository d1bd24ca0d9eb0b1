"""Products found by vector, by words, by SKU or by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from zava_server.data import catalogue_sql as sql
from zava_server.data.trouble import trouble
from zava_server.data.vectors import Space, one_model
from zava_server.infrastructure.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    import numpy as np
    from asyncpg.pool import PoolConnectionProxy
    from numpy.typing import NDArray

    from zava_server.data.catalogue_sql import Search
    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions

_MOST_SIMILAR_WORDS = 12
# So many of the nearest are looked at for words in common with the query; more change nothing.
_CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class ProductHit:
    """A product found; `similarity` 0 to 1, `stock` over the caller's stores, None without any.

    `by` says which of the searched words it has, as stems, or which key it was found by.
    """

    sku: str
    name: str
    category: str
    product_type: str
    price: float
    similarity: float
    stock: int | None
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products may be found; prices in US dollars, both ends included.

    `category` is the name of a category or product type. With `store_id`, stock is that store's,
    and what it does not carry is not found. Both need a caller with stores.
    """

    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    in_stock: bool = False
    store_id: UUID | None = None


ALL_PASS = ProductFilter()


@dataclass(frozen=True, slots=True)
class ProductVector:
    """A product's vector and the model that made it; both None while it has none."""

    sku: str
    vector: NDArray[np.float32] | None
    model: str | None


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query as text, its words in lower case, and what in it could be a SKU.

    Codes are letters and digits in capitals; `code_start` may be the beginning of one.
    """

    text: str
    words: Sequence[str]
    codes: Sequence[str]
    code_start: str | None


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word as the database sees it: its stems, none for a word that says nothing (the, of)."""

    text: str
    stems: tuple[str, ...]
    in_catalogue: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many products have a vector of the model asked about, and whose vectors serve."""

    embedded: int
    products: int
    serving: Space | None = None

    @property
    def share(self) -> float:
        """0 to 1; an empty catalogue is covered."""
        return self.embedded / self.products if self.products else 1.0


class Catalogue:
    """Finds products under an identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def look_up(
        self,
        identity: Identity,
        query: ParsedQuery,
        wanted: ProductFilter = ALL_PASS,
    ) -> tuple[Sequence[ProductHit], Sequence[QueryWord]]:
        """Products that the query names, and what the database knows about its words.

        The products are those with one of its SKUs, those of its name, those whose SKU starts so,
        in this order; `by` is `sku`, `name` or `start`.
        """
        async with self._transactions.read_as(identity) as transaction:
            connection = transaction.connection
            named = await _find(
                connection,
                identity,
                sql.EXACT,
                wanted,
                (query.text, query.codes, query.code_start),
            )
            rows = await connection.fetch(sql.WORDS, query.words)
        words = [QueryWord(row["word"], tuple(row["stems"]), row["in_catalogue"]) for row in rows]
        return named, words

    async def similar_words(
        self, identity: Identity, words: Sequence[str]
    ) -> Mapping[str, Sequence[str]]:
        """Words of the catalogue that look like these, the likest first."""
        async with self._transactions.read_as(identity) as transaction:
            rows = await transaction.connection.fetch(sql.SIMILAR_WORDS, words, _MOST_SIMILAR_WORDS)
        return {row["word"]: row["others"] for row in rows}

    async def nearest(
        self,
        identity: Identity,
        vector: NDArray[np.float32],
        model: str,
        threshold: float,
        limit: int,
        *,
        wanted: ProductFilter = ALL_PASS,
        stems: Sequence[str] = (),
        weight: float = 0.0,
    ) -> Sequence[ProductHit]:
        """Products whose vectors are at least `threshold` similar, best first.

        A product that has all of `stems` is taken for `weight` more similar than its vector is, one
        that has half of them for half of that. Raises OtherModel if the catalogue's vectors are
        not of `model`.
        """
        with one_model():
            return await self._hits(
                identity,
                sql.NEAREST if wanted == ALL_PASS else sql.NEAREST_OF_SOME,
                wanted,
                vector,
                model,
                threshold,
                limit,
                list(dict.fromkeys(stems)),
                weight,
                max(limit, _CANDIDATES) if weight else limit,
            )

    async def by_words(
        self,
        identity: Identity,
        stems: Sequence[str],
        start: str | None,
        threshold: float,
        limit: int,
        wanted: ProductFilter = ALL_PASS,
    ) -> Sequence[ProductHit]:
        """Products that have some of `stems`, or a word that begins with `start`, best first.

        Their similarity is the share of the words they have, rare words and those of the name
        counting more. `by` holds the stems they have.
        """
        stems = list(dict.fromkeys(stems))
        return await self._hits(identity, sql.BY_WORDS, wanted, stems, start, threshold, limit)

    async def vector_of(self, identity: Identity, sku_key: str) -> ProductVector | None:
        """The vector by which a product is found; None where there is no such product."""
        async with self._transactions.read_as(identity) as transaction:
            row = await transaction.connection.fetchrow(sql.VECTOR_OF, sku_key)
        return ProductVector(**row) if row else None

    async def categories_unless(self, identity: Identity, name: str) -> Sequence[str] | None:
        """None where `name` is that of a category or product type, else the categories' names."""
        async with self._transactions.read_as(identity) as transaction:
            if await transaction.connection.fetchval(sql.HAS_CATEGORY, name):
                return None
            rows = await transaction.connection.fetch(sql.CATEGORY_NAMES)
        return [row["name"] for row in rows]

    async def categories(self, identity: Identity) -> Sequence[str]:
        """The categories' names."""
        async with self._transactions.read_as(identity) as transaction:
            rows = await transaction.connection.fetch(sql.CATEGORY_NAMES)
        return [row["name"] for row in rows]

    async def coverage(self, identity: Identity, model: str) -> Coverage:
        """How much of the catalogue can be searched with this model.

        Raises the hierarchy's errors, DatabaseError where the tables are not as they should be.
        """
        async with self._transactions.read_as(identity) as transaction:
            try:
                (row,) = await transaction.connection.fetch(sql.COVERAGE, model)
            except asyncpg.PostgresError as error:
                if trouble(error, out_of_time=False) is not None:
                    raise
                raise DatabaseError("The search index cannot be counted.") from error
        serving = Space(row["model"], row["dimensions"]) if row["model"] else None
        return Coverage(row["embedded"], row["products"], serving)

    async def _hits(
        self, identity: Identity, search: Search, wanted: ProductFilter, *arguments: object
    ) -> Sequence[ProductHit]:
        async with self._transactions.read_as(identity) as transaction:
            return await _find(transaction.connection, identity, search, wanted, arguments)


async def _find(
    connection: PoolConnectionProxy,
    identity: Identity,
    search: Search,
    wanted: ProductFilter,
    arguments: Sequence[object],
) -> Sequence[ProductHit]:
    rows = await connection.fetch(
        _text(search, identity, wanted),
        wanted.category,
        wanted.min_price,
        wanted.max_price,
        wanted.in_stock,
        wanted.store_id,
        list(identity.store_ids),
        *arguments,
    )
    return [_hit(row) for row in rows]


def _text(search: Search, identity: Identity, wanted: ProductFilter) -> str:
    if not identity.store_ids:
        return search.without
    filters = wanted.in_stock or wanted.store_id is not None
    return search.carried if filters else search.with_stores


def _hit(row: asyncpg.Record) -> ProductHit:
    return ProductHit(
        sku=row["sku"],
        name=row["name"],
        category=row["category"],
        product_type=row["product_type"],
        price=float(row["price"]),
        similarity=round(float(row["similarity"]), 4),
        stock=None if row["stock"] is None else int(row["stock"]),
        by=tuple(row["by"]),
    )
