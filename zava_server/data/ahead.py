"""Values made in a thread while those before them are being used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

T = TypeVar("T")


async def made_ahead(values: Iterator[T]) -> AsyncGenerator[T]:
    """The values, each made in a thread while the one before is being used. To be closed."""
    end = object()

    def make_next() -> asyncio.Task[T | object]:
        return asyncio.create_task(asyncio.to_thread(next, values, end))

    upcoming = make_next()
    try:
        while (value := await asyncio.shield(upcoming)) is not end:
            upcoming = make_next()
            yield cast("T", value)
    finally:
        # A thread cannot be stopped, but its piece is done within a moment.
        await asyncio.wait([upcoming])
