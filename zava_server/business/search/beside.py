"""Work done beside other work that does not need it yet."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

T = TypeVar("T")


@asynccontextmanager
async def beside(work: Coroutine[object, object, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Begins `work` at once, to be awaited in the context; what nobody awaited ends with it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
