"""The catalogue's vectors as the owner sees them: what is missing, keeping new ones, switching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgvector import Vector
from pgvector.asyncpg import register_vector

from zava_server.data.vector_index import search_with
from zava_server.data.vectors import Space

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from uuid import UUID

    import asyncpg
    import numpy as np
    from numpy.typing import NDArray

_PAGE = 1000

_PRODUCTS = """
SELECT p.product_id, c.name AS category, t.name AS product_type, p.name, p.description,
    e.content_hash
FROM retail.products AS p
JOIN retail.categories AS c USING (category_id)
JOIN retail.product_types AS t USING (type_id)
LEFT JOIN retail.product_description_embeddings AS e
    ON e.product_id = p.product_id AND e.model = $1 AND e.dimensions = $2
"""
_PRODUCTS_BY_ID = f"{_PRODUCTS} WHERE p.product_id = ANY ($3)"

# A product that is deleted meanwhile is left out instead of failing the others.
_SAVE = """
INSERT INTO retail.product_description_embeddings
    (product_id, description_embedding, model, content_hash)
SELECT p.product_id, made.vector, $1, made.content_hash
FROM unnest($2::uuid[], $3::vector[], $4::bytea[]) AS made (product_id, vector, content_hash)
JOIN retail.products AS p USING (product_id)
FOR KEY SHARE OF p
ON CONFLICT (product_id, model, dimensions) DO UPDATE
SET description_embedding = excluded.description_embedding,
    content_hash = excluded.content_hash, last_updated = now()
"""

_SERVING = "SELECT model, dimensions FROM zava.embedding_models WHERE serving"
# What serves without a single vector serves nobody: its first run failed.
_UNSEAT_EMPTY = """
UPDATE zava.embedding_models AS m SET serving = false
WHERE m.serving AND NOT EXISTS (
    SELECT FROM retail.product_description_embeddings AS e
    WHERE e.model = m.model AND e.dimensions = m.dimensions
)
"""
_ANNOUNCE = """
INSERT INTO zava.embedding_models (model, dimensions) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""
_SERVE_NOTHING = """
UPDATE zava.embedding_models SET serving = false
WHERE serving AND (model, dimensions) <> ($1, $2)
"""
_SERVE = """
UPDATE zava.embedding_models SET serving = true
WHERE model = $1 AND dimensions = $2 AND NOT serving
RETURNING probes
"""
_OTHERS = """
SELECT model, dimensions FROM zava.embedding_models WHERE NOT serving
UNION
SELECT model, dimensions FROM retail.product_description_embeddings
EXCEPT
SELECT model, dimensions FROM zava.embedding_models WHERE serving
"""
_DELETE_SOME = """
DELETE FROM retail.product_description_embeddings
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM retail.product_description_embeddings
    WHERE model = $1 AND dimensions = $2
    LIMIT 10000
))
"""
_FORGET = "DELETE FROM zava.embedding_models WHERE model = $1 AND dimensions = $2"


@dataclass(frozen=True, slots=True)
class Product:
    """What there is to say about a product."""

    product_id: UUID
    category: str
    product_type: str
    name: str
    description: str


class EmbeddingStore:
    """Reads and writes vectors as the owner."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def serving(self) -> Space | None:
        """Whose vectors searches use; None when there are none."""
        await self._owner.execute(_UNSEAT_EMPTY)
        row = await self._owner.fetchrow(_SERVING)
        return Space(row["model"], row["dimensions"]) if row else None

    async def announce(self, space: Space) -> None:
        """Makes room for vectors of `space`, beside those that serve."""
        await self._owner.execute(_ANNOUNCE, space.model, space.dimensions)

    async def products(
        self, space: Space
    ) -> AsyncGenerator[Sequence[tuple[Product, bytes | None]]]:
        """All products, by pages, each with the content hash of its vector if it has one.

        One transaction reads them; what is saved meanwhile is kept at its end. To be closed.
        """
        async with self._owner.transaction():
            # All rows will be wanted: reading whole tables takes a tenth of the time of looking up
            # each vector, and leaves the index in PostgreSQL's memory.
            await self._owner.execute("SET LOCAL cursor_tuple_fraction = 1")
            cursor = await self._owner.cursor(_PRODUCTS, space.model, space.dimensions)
            while rows := await cursor.fetch(_PAGE):
                yield [(_product(row), row["content_hash"]) for row in rows]

    async def products_by_id(self, space: Space, ids: Sequence[UUID]) -> Sequence[Product]:
        """Those of the products that are still there."""
        rows = await self._owner.fetch(_PRODUCTS_BY_ID, space.model, space.dimensions, ids)
        return [_product(row) for row in rows]

    async def save(
        self,
        space: Space,
        products: Sequence[Product],
        hashes: Sequence[bytes],
        vectors: NDArray[np.float32],
    ) -> None:
        """Keeps one vector a product, in one transaction."""
        await register_vector(self._owner)
        await self._owner.execute(
            _SAVE,
            space.model,
            [product.product_id for product in products],
            # Bare arrays would be taken for one array of two dimensions.
            [Vector(vector) for vector in vectors],
            hashes,
        )

    async def serve(self, space: Space) -> None:
        """From one moment to the next, searches use the vectors of `space`."""
        async with self._owner.transaction():
            await self._owner.execute(_SERVE_NOTHING, space.model, space.dimensions)
            probes = await self._owner.fetchval(_SERVE, space.model, space.dimensions)
            if probes is not None:
                await search_with(self._owner, probes)

    async def others(self) -> Sequence[Space]:
        """Of what there are vectors that no search uses."""
        return [Space(row["model"], row["dimensions"]) for row in await self._owner.fetch(_OTHERS)]

    async def forget(self, space: Space) -> None:
        """Deletes the vectors of `space`, some at a time."""
        while await self._owner.execute(_DELETE_SOME, space.model, space.dimensions) != "DELETE 0":
            pass
        await self._owner.execute(_FORGET, space.model, space.dimensions)


def _product(row: asyncpg.Record) -> Product:
    return Product(
        product_id=row["product_id"],
        category=row["category"],
        product_type=row["product_type"],
        name=row["name"],
        description=row["description"],
    )
