"""The vectors that ship with the demo are what the model makes of its texts today."""

from __future__ import annotations

from uuid import UUID

import numpy as np

from zava_server.business.product_texts import content_hash
from zava_server.business.search_index import product_vectors
from zava_server.data.demo.catalogue import load_catalogue
from zava_server.data.demo.vectors import load_demo_vectors
from zava_server.data.embeddings import Product
from zava_server.infrastructure.embedders.local import PACKAGE_MODEL, LocalEmbedder

PRODUCTS = [
    Product(UUID(int=0), category.name, kind.name, product.name, product.description)
    for category in load_catalogue().categories
    for kind in category.types
    for product in kind.products
]


def test_every_product_of_the_demo_has_one() -> None:
    """If not: python -m zava_server.embed_demo."""
    assert {content_hash(product) for product in PRODUCTS} == set(load_demo_vectors(PACKAGE_MODEL))


async def test_they_are_what_the_model_makes() -> None:
    some = PRODUCTS[::25]
    embedder = LocalEmbedder()
    made = await product_vectors(embedder, some)
    await embedder.close()
    kept = load_demo_vectors(PACKAGE_MODEL)
    for product, vector in zip(some, made, strict=True):
        assert kept[content_hash(product)] @ vector > 0.9999
        assert np.linalg.norm(kept[content_hash(product)]) - 1 < 1e-6


def test_another_model_gets_none_of_them() -> None:
    assert load_demo_vectors("text-embedding-3-small") == {}
