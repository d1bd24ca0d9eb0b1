"""The embedder: the model answers, and the catalogue is indexed with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from zava_server.doctor.finding import Finding, ok, problem, warning
from zava_server.infrastructure.errors import DatabaseUnavailable, ZavaError
from zava_server.startup import choose_embedder

if TYPE_CHECKING:
    from zava_server.infrastructure.embedders.embedder import Embedder
    from zava_server.infrastructure.settings import Settings

_SERVING = "SELECT model, dimensions FROM zava.embedding_models WHERE serving"
_MISSING = """
SELECT count(*) FROM retail.products AS p WHERE NOT EXISTS (
    SELECT FROM retail.product_description_embeddings AS e
    WHERE e.product_id = p.product_id AND e.model = $1 AND e.dimensions = $2
)
"""


async def look_at_embedder(settings: Settings) -> tuple[Finding, Embedder | None]:
    """Whether a query can be embedded; the embedder, to be closed, where it can."""
    try:
        embedder = await asyncio.to_thread(choose_embedder, settings)
    except ZavaError as error:
        return problem("embedder", error), None
    try:
        await embedder.embed_query("a hammer")
    except ZavaError as error:
        await embedder.close()
        return problem("embedder", error), None
    return ok("embedder", f"{embedder.name}: {_named(embedder)} answers"), embedder


async def look_at_index(owner: asyncpg.Connection, embedder: Embedder) -> Finding:
    """Whether searches find every product by this model."""
    try:
        return await _index_of(owner, embedder)
    except asyncpg.PostgresError as error:
        return problem(
            "search index",
            DatabaseUnavailable(f"It cannot be looked at: {error}.", "Restore what is missing."),
        )


async def _index_of(owner: asyncpg.Connection, embedder: Embedder) -> Finding:
    serving = await owner.fetchrow(_SERVING)
    if serving is None:
        return ok("search index", "none yet; the first start makes it")
    space = (embedder.model, embedder.dimensions)
    if tuple(serving) != space:
        return warning(
            "search index",
            f"it is of {serving['model']} ({serving['dimensions']} dimensions): products are found "
            "by words alone",
            "Choose that model in the settings, or run: zava-server db embed",
        )
    if missing := await owner.fetchval(_MISSING, *space):
        return warning(
            "search index",
            f"{missing:,} products are not in it",
            "Run: zava-server db embed",
        )
    return ok("search index", "every product is in it")


def _named(embedder: Embedder) -> str:
    return f"{embedder.model} ({embedder.dimensions} dimensions)"
