"""Makes the catalogue searchable by meaning, or searchable by another model."""

from __future__ import annotations

import time
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zava_server.business.product_texts import content_hash, embedded_texts
from zava_server.data.vectors import OtherModel, Space
from zava_server.infrastructure.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from numpy.typing import NDArray

    from zava_server.data.embeddings import EmbeddingStore, Product
    from zava_server.data.vector_index import VectorIndex
    from zava_server.infrastructure.embedders.embedder import Embedder

STEP = "search index"
_BATCH = 64
_PACE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class IndexedCatalogue:
    """What a run has come to; `embedded` are the products it made vectors for."""

    space: Space
    products: int
    embedded: int
    approximate: bool
    switched_from: Space | None


async def build_search_index(
    store: EmbeddingStore,
    index: VectorIndex,
    embedder: Embedder,
    report: ReportProgress = ignore_progress,
    *,
    switch: bool = False,
    known: Mapping[bytes, NDArray[np.float32]] | None = None,
) -> IndexedCatalogue:
    """Embeds every product whose vector is missing or out of date.

    Each batch is kept when it is done, so that an interrupted run goes on where it stopped. Where
    the catalogue is searched by another model, its vectors serve until all of the new ones are
    there. `known` holds vectors of the model by content hash, which need not be made.

    Raises OtherModel where another model serves and `switch` is not asked for, AIUnavailable.
    """
    space = Space(embedder.model, embedder.dimensions)
    serving = await store.serving()
    if serving not in (None, space) and not switch:
        raise OtherModel(f"The catalogue's vectors are of {serving}, the server's are of {space}.")
    await store.announce(space)
    if serving == space:
        await index.warm(space)
    if serving is None:
        await store.serve(space)
    run = _Run(store, embedder, space, report, known or {})
    products = await run.embed_outdated()
    approximate = await index.ensure(space, _build_reported(report))
    if serving not in (None, space):
        # The index may have taken a while, in which the catalogue changed.
        products = await run.embed_outdated()
        report(Progress(STEP, 1.0, "switching"))
        await store.serve(space)
    for other in await store.others() if switch else ():
        await index.drop(other)
        await store.forget(other)
    report(Progress(STEP, 1.0, f"{products:,} products"))
    return IndexedCatalogue(
        space, products, run.embedded, approximate, serving if serving != space else None
    )


async def product_vectors(embedder: Embedder, products: Sequence[Product]) -> NDArray[np.float32]:
    """One unit vector a product: the sum of those of its texts."""
    texts = [embedded_texts(product) for product in products]
    vectors = await embedder.embed_documents([text for group in texts for text in group])
    ends = np.cumsum([len(group) for group in texts], dtype=int)
    sums = [part.sum(axis=0) for part in np.split(vectors, ends)[: len(texts)]]
    rows = np.array(sums, np.float32).reshape(len(texts), embedder.dimensions)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


class _Run:
    def __init__(
        self,
        store: EmbeddingStore,
        embedder: Embedder,
        space: Space,
        report: ReportProgress,
        known: Mapping[bytes, NDArray[np.float32]],
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._space = space
        self._report = report
        self._known = known
        self.embedded = 0

    async def embed_outdated(self) -> int:
        """Brings all vectors up to date; returns how many products there are."""
        products = 0
        outdated: list[UUID] = []
        async with aclosing(self._store.products(self._space)) as pages:
            async for page in pages:
                products += len(page)
                stale = [product for product, kept in page if content_hash(product) != kept]
                known = [product for product in stale if content_hash(product) in self._known]
                await self._keep_known(known)
                outdated += [p.product_id for p in stale if content_hash(p) not in self._known]
        pace = _Pace(len(outdated))
        for start in range(0, len(outdated), _BATCH):
            self._report(Progress(STEP, start / len(outdated), pace.at(start)))
            batch = outdated[start : start + _BATCH]
            await self._embed(await self._store.products_by_id(self._space, batch))
        self.embedded += len(outdated)
        return products

    async def _keep_known(self, products: Sequence[Product]) -> None:
        hashes = [content_hash(product) for product in products]
        if hashes:
            vectors = np.array([self._known[digest] for digest in hashes], np.float32)
            await self._store.save(self._space, products, hashes, vectors)

    async def _embed(self, products: Sequence[Product]) -> None:
        hashes = [content_hash(product) for product in products]
        vectors = await product_vectors(self._embedder, products)
        await self._store.save(self._space, products, hashes, vectors)


class _Pace:
    """How fast it goes and how long it will take, by the last half minute."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen = deque[tuple[float, int]]()

    def at(self, done: int) -> str:
        """Says so, in a phrase."""
        now = time.monotonic()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _PACE_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        text = f"{done:,} of {self._total:,} products"
        if now - since < 1:
            return text
        rate = (done - before) / (now - since)
        left = (self._total - done) / rate
        return f"{text} · {rate:,.0f} a second · {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _build_reported(report: ReportProgress) -> Callable[[float], None]:
    return lambda share: report(Progress(STEP, share, f"building the index: {share:.0%}"))
