"""Queries are remembered, and equal ones at the same time share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from zava_server.infrastructure.embedders.embedder import CachedEmbedder
from zava_server.infrastructure.errors import AIUnavailable


class Gated:
    """An embedder that answers when told to, and counts."""

    name, model, dimensions = "local", "gated", 1

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.failing = False
        self.queries: list[str] = []
        self.cancelled = 0

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), np.float32)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        self.queries.append(text)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failing:
            raise AIUnavailable("Down.")
        return np.ones(1, np.float32)

    async def close(self) -> None:
        pass


async def turns() -> None:
    """Lets every ready task run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_query_is_asked_for_once() -> None:
    inner = Gated()
    embedder = CachedEmbedder(inner)
    first = await embedder.embed_query("tape")
    assert await embedder.embed_query("tape") is first
    assert inner.queries == ["tape"]


async def test_the_query_used_longest_ago_is_forgotten() -> None:
    inner = Gated()
    embedder = CachedEmbedder(inner, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await embedder.embed_query(text)
    assert inner.queries == ["a", "b", "c", "b"]


async def test_a_remembered_vector_cannot_be_changed() -> None:
    vector = await CachedEmbedder(Gated()).embed_query("tape")
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 7


async def test_equal_queries_at_the_same_time_share_one_call() -> None:
    inner = Gated()
    inner.open.clear()
    embedder = CachedEmbedder(inner)
    callers = [asyncio.create_task(embedder.embed_query("tape")) for _ in range(5)]
    await turns()
    inner.open.set()
    await asyncio.gather(*callers)
    assert inner.queries == ["tape"]


async def test_other_callers_still_get_their_vector_when_the_first_leaves() -> None:
    inner = Gated()
    inner.open.clear()
    embedder = CachedEmbedder(inner)
    first, second = (asyncio.create_task(embedder.embed_query("tape")) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    inner.open.set()
    assert (await second).shape == (1,)
    assert first.cancelled()
    assert inner.queries == ["tape"]


async def test_the_call_ends_when_the_last_caller_leaves() -> None:
    inner = Gated()
    inner.open.clear()
    embedder = CachedEmbedder(inner)
    only = asyncio.create_task(embedder.embed_query("tape"))
    await turns()
    only.cancel()
    await turns()
    assert inner.cancelled == 1
    inner.open.set()
    assert (await embedder.embed_query("tape")).shape == (1,)


async def test_a_failure_reaches_every_caller_and_is_not_remembered() -> None:
    inner = Gated()
    inner.open.clear()
    inner.failing = True
    embedder = CachedEmbedder(inner)
    callers = [asyncio.create_task(embedder.embed_query("tape")) for _ in range(3)]
    await turns()
    inner.open.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(outcome, AIUnavailable) for outcome in outcomes)
    inner.failing = False
    assert (await embedder.embed_query("tape")).shape == (1,)


async def test_documents_and_description_are_those_of_the_inner_embedder() -> None:
    embedder = CachedEmbedder(Gated())
    assert (embedder.name, embedder.model, embedder.dimensions) == ("local", "gated", 1)
    assert (await embedder.embed_documents(["a", "b"])).shape == (2, 1)
