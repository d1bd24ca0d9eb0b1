"""How many lists of the vectors' index a search must read, measured on the vectors themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pgvector import Vector
from pgvector.asyncpg import register_vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from numpy.typing import NDArray

    from zava_server.data.vectors import Space

ENOUGH_RECALL = 0.995
"""Mean share of the ten nearest that must be found."""
_NEAREST = 10
_QUERIES = 48
_FEWEST_PROBES = 8
_STEP = 1.5

_SAMPLE = """
SELECT description_embedding AS vector FROM retail.product_description_embeddings
WHERE model = $1 AND dimensions = $2
ORDER BY md5(product_id::text)
LIMIT $3
"""
# The model as a constant: the index is a partial one.
_BY_INDEX = """
SELECT format(
    'SELECT product_id FROM retail.product_description_embeddings '
    'WHERE model = %L AND dimensions = %s '
    'ORDER BY description_embedding::%3$s(%2$s) <=> $1::vector(%2$s)::%3$s(%2$s) LIMIT $2',
    $1::text, $2::int, $3::text
)
"""
_ONE_BY_ONE = """
SELECT product_id FROM retail.product_description_embeddings
WHERE model = $2 AND dimensions = $3
ORDER BY description_embedding <=> $1 LIMIT $4
"""


async def measured_probes(owner: asyncpg.Connection, space: Space, kind: str, lists: int) -> int:
    """The fewest lists with which the index finds .995 of what comparing every vector finds.

    `kind` is the type that the index has made of the vectors. The queries lie between two products
    or off one, as those of people do.
    """
    await register_vector(owner)
    rows = await owner.fetch(_SAMPLE, space.model, space.dimensions, 2 * _QUERIES)
    queries = _queries(np.array([row["vector"].to_numpy() for row in rows], np.float32))
    by_index = await owner.fetchval(_BY_INDEX, space.model, space.dimensions, kind)
    async with owner.transaction(readonly=True):
        wanted = [
            await owner.fetch(_ONE_BY_ONE, query, space.model, space.dimensions, _NEAREST)
            for query in queries
        ]
        # Nothing but the index is to be measured.
        await owner.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        probes = _FEWEST_PROBES
        while probes < lists:
            await owner.execute(f"SET LOCAL ivfflat.probes = {probes:d}")
            found = [await owner.fetch(by_index, query, _NEAREST) for query in queries]
            if _recall(wanted, found) >= ENOUGH_RECALL:
                return probes
            probes = round(probes * _STEP)
    return lists


def _queries(products: NDArray[np.float32]) -> list[Vector]:
    random = np.random.default_rng(len(products))
    some, others = np.array_split(products, 2)
    others = others[: len(some)]
    noise = random.standard_normal(others.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    between = some[: len(others)] + others
    off = others + noise
    return [Vector(query) for query in np.concatenate([between[::2], off[1::2]])]


def _recall(
    wanted: Sequence[Sequence[asyncpg.Record]], found: Sequence[Sequence[asyncpg.Record]]
) -> float:
    hits = sum(
        len({row["product_id"] for row in rows} & {row["product_id"] for row in nearest})
        for rows, nearest in zip(found, wanted, strict=True)
    )
    return hits / max(1, sum(map(len, wanted)))
