"""Waiting for work that has to come to its end, such as closing what was opened."""

from __future__ import annotations

import asyncio


async def wait_to_the_end(task: asyncio.Task[object]) -> None:
    """Waits until `task` is done, whatever its result; a cancellation meanwhile is raised after.

    A second SIGTERM, or one that follows the end of input, must not cut short the stopping of the
    database: nobody would stop it then.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
