"""Products found by vector, by SKU or by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    import numpy as np
    from numpy.typing import NDArray

    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions

# A caller without stores may not read inventory at all, so for them the column is not asked for.
_STOCK = "(SELECT sum(i.stock_level) FROM retail.inventory AS i WHERE i.product_id = p.product_id)"
_NO_STOCK = "NULL::bigint"

_NEAREST = """
SELECT p.sku, p.name, c.name AS category, t.name AS product_type, p.base_price AS price,
    found.similarity, {stock} AS stock
FROM retail.search_products_by_description($1, $2, $3) AS found
JOIN retail.products AS p USING (product_id)
JOIN retail.categories AS c USING (category_id)
JOIN retail.product_types AS t USING (type_id)
ORDER BY found.similarity DESC, p.sku
"""

_EXACT = """
SELECT p.sku, p.name, c.name AS category, t.name AS product_type, p.base_price AS price,
    1.0::float8 AS similarity, {stock} AS stock
FROM retail.products AS p
JOIN retail.categories AS c USING (category_id)
JOIN retail.product_types AS t USING (type_id)
WHERE upper(p.sku) = upper($1) OR lower(p.name) = lower($1)
ORDER BY p.sku
"""

_COVERAGE = """
SELECT count(e.product_id) FILTER (WHERE e.model = $1) AS embedded, count(*) AS products
FROM retail.products AS p
LEFT JOIN retail.product_description_embeddings AS e USING (product_id)
"""


@dataclass(frozen=True, slots=True)
class ProductHit:
    """A product found; `similarity` 0 to 1, `stock` over the caller's stores, None without any."""

    sku: str
    name: str
    category: str
    product_type: str
    price: float
    similarity: float
    stock: int | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many products have a vector of the model asked about."""

    embedded: int
    products: int

    @property
    def share(self) -> float:
        """0 to 1; an empty catalogue is covered."""
        return self.embedded / self.products if self.products else 1.0


class Catalogue:
    """Finds products under an identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def nearest(
        self, identity: Identity, vector: NDArray[np.float32], threshold: float, limit: int
    ) -> Sequence[ProductHit]:
        """Products whose vectors are at least `threshold` similar, best first."""
        return await self._hits(identity, _NEAREST, vector, threshold, limit)

    async def exact(self, identity: Identity, text: str) -> Sequence[ProductHit]:
        """Products whose SKU or name is `text`, in any case."""
        return await self._hits(identity, _EXACT, text)

    async def coverage(self, identity: Identity, model: str) -> Coverage:
        """How much of the catalogue can be searched with this model."""
        async with self._transactions.read_as(identity) as transaction:
            row = await transaction.connection.fetchrow(_COVERAGE, model)
        return Coverage(row["embedded"], row["products"]) if row else Coverage(0, 0)

    async def _hits(self, identity: Identity, sql: str, *arguments: Any) -> Sequence[ProductHit]:
        sql = sql.format(stock=_STOCK if identity.store_ids else _NO_STOCK)
        async with self._transactions.read_as(identity) as transaction:
            rows = await transaction.connection.fetch(sql, *arguments)
        return [_hit(row) for row in rows]


def _hit(row: asyncpg.Record) -> ProductHit:
    return ProductHit(
        sku=row["sku"],
        name=row["name"],
        category=row["category"],
        product_type=row["product_type"],
        price=float(row["price"]),
        similarity=round(float(row["similarity"]), 4),
        stock=None if row["stock"] is None else int(row["stock"]),
    )
