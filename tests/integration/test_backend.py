"""The session behind a server: what becomes of it when a part of it fails."""

from __future__ import annotations

import pytest

from zava_server.backend import Backend
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
