"""The calls under way, which a server that stops lets finish."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# An answer takes some turns of the event loop and a thread to leave; nothing tells when it has.
_SECONDS_TO_ANSWER = 0.1


class CallsUnderWay:
    """Counts calls; ends them, and admits no more, once the server stops."""

    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._stopping = False
        self._none = asyncio.Event()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A call. Raises DatabaseUnavailable where the server stops before it is done."""
        if self._stopping:
            raise _stopping()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
                    if not self._limits:
                        self._none.set()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise _stopping() from error

    async def finish(self, grace_seconds: float) -> None:
        """Admits no more calls and returns when all have been answered.

        Those that take longer than `grace_seconds` are ended, and answered with an error.
        """
        self._stopping = True
        if not self._limits:
            return
        self._none.clear()
        try:
            await asyncio.wait_for(self._none.wait(), grace_seconds)
        except TimeoutError:
            now = asyncio.get_running_loop().time()
            for limit in self._limits:
                limit.reschedule(now)
            await self._none.wait()
        await asyncio.sleep(_SECONDS_TO_ANSWER)


def _stopping() -> DatabaseUnavailable:
    return DatabaseUnavailable("The server is stopping.", "Connect again in a moment.")
