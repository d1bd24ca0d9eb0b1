"""The command `zava-server db embed`."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from zava_server.data.sessions import session
from zava_server.database_commands import owner_of
from zava_server.startup import check_prepared, choose_embedder, index_catalogue, open_database

if TYPE_CHECKING:
    from zava_server.business.search_index import IndexedCatalogue
    from zava_server.infrastructure.progress import ReportProgress
    from zava_server.infrastructure.settings import Settings


def with_embedder(
    settings: Settings, embedder: str | None, model: str | None, dimensions: int | None
) -> Settings:
    """The settings with another embedder, model or dimensions, as far as they are given.

    What the settings say of a model is about the embedder they name, and so goes with it.
    """
    changes: dict[str, Any] = {}
    if embedder not in (None, settings.embedder):
        changes = {
            "embedder": embedder,
            "embedding_model": None,
            "embedding_dimensions": None,
            "embedding_model_path": None,
        }
    if model is not None:
        changes |= {"embedding_model": model, "embedding_dimensions": None}
    if dimensions is not None:
        changes["embedding_dimensions"] = dimensions
    return settings.model_copy(update=changes)


async def embed_catalogue(settings: Settings, report: ReportProgress) -> IndexedCatalogue:
    """Embeds what is new or changed; with another model than the one that serves, everything.

    Raises DatabaseUnavailable, AIUnavailable, and ValidationError for settings that do not fit or
    without the owner's login.
    """
    async with open_database(settings, report) as database:
        async with session(owner_of(database)) as connection:
            await check_prepared(connection)
        embedder = await asyncio.to_thread(choose_embedder, settings, os.cpu_count())
        try:
            return await index_catalogue(owner_of(database), embedder, report, switch=True)
        finally:
            await embedder.close()


def describe_outcome(outcome: IndexedCatalogue) -> dict[str, Any]:
    """What a run has come to, as plain values."""
    return {
        "model": outcome.space.model,
        "dimensions": outcome.space.dimensions,
        "products": outcome.products,
        "embedded": outcome.embedded,
        "index": "ivfflat" if outcome.approximate else "none",
        "switched_from": str(outcome.switched_from) if outcome.switched_from else None,
    }
