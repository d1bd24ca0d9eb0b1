"""Vectors of the catalogue: which are missing, and keeping new ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgvector.asyncpg import register_vector

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg
    import numpy as np
    from numpy.typing import NDArray

_PRODUCTS = """
SELECT p.product_id, t.name AS product_type, p.name, p.description,
    CASE WHEN e.model = $1 THEN e.content_hash END AS content_hash
FROM retail.products AS p
JOIN retail.product_types AS t USING (type_id)
LEFT JOIN retail.product_description_embeddings AS e USING (product_id)
ORDER BY p.sku
"""

_SAVE = """
INSERT INTO retail.product_description_embeddings
    (product_id, description_embedding, model, content_hash, last_updated)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT (product_id) DO UPDATE SET description_embedding = excluded.description_embedding,
    model = excluded.model, content_hash = excluded.content_hash, last_updated = now()
"""


@dataclass(frozen=True, slots=True)
class ProductText:
    """What a product's vector is made of."""

    product_id: UUID
    title: str
    description: str

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of the text; a vector with another hash is out of date."""
        return hashlib.sha256(f"{self.title}\n{self.description}".encode()).digest()


class EmbeddingStore:
    """Reads and writes vectors as the owner."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def outdated(self, model: str) -> Sequence[ProductText]:
        """Products without an up-to-date vector of this model."""
        texts = [
            (
                ProductText(
                    row["product_id"], f"{row['product_type']}: {row['name']}", row["description"]
                ),
                row["content_hash"],
            )
            for row in await self._owner.fetch(_PRODUCTS, model)
        ]
        return [text for text, content_hash in texts if text.content_hash != content_hash]

    async def save(
        self, model: str, texts: Sequence[ProductText], vectors: NDArray[np.float32]
    ) -> None:
        """Keeps one vector a text, all or none."""
        await register_vector(self._owner)
        await self._owner.executemany(
            _SAVE,
            [
                (text.product_id, vector, model, text.content_hash)
                for text, vector in zip(texts, vectors, strict=True)
            ],
        )
