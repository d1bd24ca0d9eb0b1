"""Embeds the demo's products for the package: `python -m zava_server.embed_demo`.

To be run whenever their texts, or what is embedded of them, change.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from zava_server.business.product_texts import content_hash
from zava_server.business.search_index import product_vectors
from zava_server.data.demo.catalogue import load_catalogue
from zava_server.data.demo.vectors import save_demo_vectors
from zava_server.data.embeddings import Product
from zava_server.infrastructure.embedders.local import LocalEmbedder


def demo_products() -> list[Product]:
    """The demo's products as the database has them, but for their keys."""
    return [
        Product(UUID(int=0), category.name, kind.name, product.name, product.description)
        for category in load_catalogue().categories
        for kind in category.types
        for product in kind.products
    ]


async def main() -> None:
    """Writes the file beside the catalogue."""
    products = demo_products()
    embedder = LocalEmbedder()
    vectors = await product_vectors(embedder, products)
    await embedder.close()
    save_demo_vectors(embedder.model, [content_hash(p) for p in products], vectors)


if __name__ == "__main__":
    asyncio.run(main())
