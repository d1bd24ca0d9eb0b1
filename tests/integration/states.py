"""Waiting for a state instead of for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Returns as soon as it does."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - other parts do not set events for tests
            await asyncio.sleep(0.01)


async def until_it_is(
    answer: Callable[[], Awaitable[object]], wanted: object, seconds: float = 2
) -> None:
    """Asks until it is answered so, by default for the time in which a change is to be seen."""
    async with asyncio.timeout(seconds):
        while await answer() != wanted:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
