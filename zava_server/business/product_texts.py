"""What is said about a product to the embedder."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_server.data.embeddings import Product


def embedded_texts(product: Product) -> tuple[str, ...]:
    """The texts whose vectors, added up, make the product's: its title, and what it is for.

    A title is how people ask who know what they want, a description how those ask who know what
    they need; embedded apart, the longer does not drown the shorter. docs/search.md compares.
    """
    title = f"{product.product_type}: {product.name}"
    return (title, product.description or title)


def content_hash(product: Product) -> bytes:
    """SHA-256 of the texts; a vector with another hash is out of date."""
    return hashlib.sha256("\0".join(embedded_texts(product)).encode()).digest()
