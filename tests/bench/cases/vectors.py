"""Search by meaning in 100,000 products, beside comparing each of them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import partial
from statistics import mean, median
from uuid import UUID

import asyncpg
import numpy as np
from pgvector.asyncpg import register_vector

from tests.bench.ground import Ground
from tests.bench.interleaved import equal, spread, timed
from tests.bench.result import Result, Target
from tests.bench.vector_index import AMONG, NOT_MEANING, PHRASES, QUERIES, Vectors, synthetic
from zava_server.business.catalogue_search import SearchRequest
from zava_server.data.demo.vectors import load_demo_vectors
from zava_server.data.vector_index import VectorIndex
from zava_server.data.vectors import Space
from zava_server.infrastructure.embedders.local import LocalEmbedder

_TEN, _TWENTY = 10, 20


async def measure(ground: Ground) -> Sequence[Result]:
    groups = tomllib.loads(QUERIES.read_text())
    asked = [text for kind, group in groups.items() if kind not in NOT_MEANING for text in group]
    asked = asked[:: max(1, len(asked) // ground.size.repeats(200))]
    embedder = LocalEmbedder()
    try:
        queries = await embedder.embed_documents(asked)
        space = Space(embedder.model, queries.shape[1])
        await _load(ground, space, embedder)
    finally:
        await embedder.close()
    app = await ground.database.app.connect()
    try:
        await register_vector(app)
        await app.prepare(AMONG)  # the driver looks up types as roles may not
        await app.execute("SET ROLE viewers")
        exact, one_by_one = await _nearest(app, queries, space)
        watcher = await ground.database.owner.connect() if ground.database.owner else None
        assert watcher is not None
        try:
            indexed = await VectorIndex(ground.owner, watcher).ensure(space, lambda _: None)
        finally:
            await watcher.close()
        equal(indexed, True, "an index of the vectors")
        found, by_index = await _nearest(app, queries, space)
    finally:
        await app.close()
    recall = [len(set(f) & set(e)) / len(e) for f, e in zip(found, exact, strict=True)]
    calls = await _calls(ground, asked)
    return [
        Result("search in the database, against an exact scan", median(by_index),
               median(one_by_one), "ms", Target("ours", 6), spread(by_index)),
        Result("recall of the ten nearest, against an exact scan", mean(recall), 1.0, "",
               Target("ratio", 0.97, at_least=True)),
        Result("search of a new query, without MCP", median(calls), None, "ms",
               Target("ours", 25), spread(calls)),
    ]  # fmt: skip


async def _load(ground: Ground, space: Space, embedder: LocalEmbedder) -> None:
    """Vectors as `tests.bench.vector_index` makes them, for the products there are."""
    ids = [row[0] for row in await ground.owner.fetch("SELECT product_id FROM retail.products")]
    real = np.array(list(load_demo_vectors(space.model).values()))
    phrases = [await embedder.embed_documents(words.split("|")) for words in PHRASES]
    made = synthetic(real, phrases, len(ids), crowded=False)
    await register_vector(ground.owner)
    await ground.owner.copy_records_to_table(
        "product_description_embeddings",
        schema_name="retail",
        columns=["product_id", "description_embedding", "model", "content_hash"],
        records=[(key, vector, space.model, b"") for key, vector in zip(ids, made, strict=True)],
    )
    await ground.owner.execute(
        "INSERT INTO zava.embedding_models (model, dimensions, serving) VALUES ($1, $2, true)",
        space.model,
        space.dimensions,
    )
    await ground.owner.execute("VACUUM ANALYZE retail.product_description_embeddings")


async def _nearest(
    app: asyncpg.Connection, queries: Vectors, space: Space
) -> tuple[list[list[UUID]], list[float]]:
    """The ten nearest products of each query, and how long the database took for twenty."""
    found: list[list[UUID]] = []
    times: list[float] = []
    for query in queries:

        async def search(query: Vectors = query) -> None:
            rows = await app.fetch(AMONG, query, _TWENTY, space.model, None)
            found.append([row["product_id"] for row in rows[:_TEN]])

        times.append(await timed(search))
    return found, times


async def _calls(ground: Ground, asked: Sequence[str]) -> list[float]:
    """As the tool asks: the query is embedded, and prices and stock of the hits are read."""
    search, user = ground.services.catalogue_search, ground.users["manager"]
    requests = [SearchRequest(text, max_rows=_TWENTY, mode="semantic") for text in asked]
    return [await timed(partial(search.search, user, request)) for request in requests]
