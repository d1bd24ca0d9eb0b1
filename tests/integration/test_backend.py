"""The session behind a server: what becomes of it when a part of it fails."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.states import until, until_it_is
from zava_server import backend as backend_module
from zava_server import startup
from zava_server.backend import Backend
from zava_server.business import operations
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database


async def test_a_failure_after_the_start_ends_the_service(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(self: Backend) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Backend, "_make_searchable", break_down)
    seattle = settings.model_copy(update={"user": "seattle"})
    async with Backend(seattle).running() as backend:
        await backend.ready()
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            await backend.failed()


async def test_a_table_that_is_away_for_a_while_does_not_end_the_service(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.owner is not None
    monkeypatch.setattr(backend_module, "_INDEX_AGAIN_SECONDS", 0.3)
    monkeypatch.setattr(operations, "_AGAIN_WHILE_INCOMPLETE_SECONDS", 0.1)
    admin = await database.owner.connect()
    # Until it is given back, no index is made.
    await admin.execute(
        f"SELECT pg_advisory_lock({startup._INDEX_LOCK});"
        "DELETE FROM retail.product_description_embeddings WHERE product_id IN "
        "(SELECT product_id FROM retail.product_description_embeddings LIMIT 1)"
    )
    seattle = settings.model_copy(update={"user": "seattle"})

    def is_missed() -> bool:
        counts = backend.services.metrics.exposition()[0].decode()
        return 'zava_query_total{status="DATABASE_ERROR",type="search"}' in counts

    async def missing() -> int:
        coverage = backend.services.operations.coverage
        return coverage.products - coverage.embedded

    async with Backend(seattle).running() as backend:
        await backend.ready()
        ended = asyncio.create_task(backend.failed())
        away = "ALTER TABLE retail.product_description_embeddings RENAME TO away"
        await admin.execute(f"{away}; SELECT pg_advisory_unlock_all()")
        try:
            await until(lambda: is_missed() or ended.done())
        finally:
            await admin.execute("ALTER TABLE retail.away RENAME TO product_description_embeddings")
            await admin.close()
        assert not ended.done()
        await until_it_is(missing, 0, seconds=20)
        ended.cancel()
