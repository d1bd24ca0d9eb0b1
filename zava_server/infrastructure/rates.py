"""How much one identity may ask: calls a minute, and statements at once."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable, Iterator

WINDOW_SECONDS = 60.0


class Rates:
    """Counts per identity, in this process; a limit of 0 is none."""

    def __init__(
        self,
        *,
        calls_per_minute: int,
        concurrent_statements: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls_per_minute = calls_per_minute
        self.concurrent_statements = concurrent_statements
        self._clock = clock
        self._calls: defaultdict[Hashable, deque[float]] = defaultdict(deque)
        self._running: defaultdict[Hashable, int] = defaultdict(int)

    @asynccontextmanager
    async def admitted(self, identity: Hashable, *, statement: bool) -> AsyncIterator[None]:
        """A call, which runs a caller's statement or does not; raises RateLimited."""
        self.count_call(identity)
        if not statement:
            yield
            return
        with self.statement(identity):
            yield

    def count_call(self, identity: Hashable) -> None:
        """Counts a call in the last 60 seconds.

        Raises RateLimited with the seconds until the next one is allowed; that call counts not.
        """
        if not self.calls_per_minute:
            return
        now = self._clock()
        calls = self._calls[identity]
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= self.calls_per_minute:
            raise too_many_calls(self.calls_per_minute, calls[0] + WINDOW_SECONDS - now)
        calls.append(now)

    @contextmanager
    def statement(self, identity: Hashable) -> Iterator[None]:
        """Counts a statement as running until the end of the context; raises RateLimited."""
        most = self.concurrent_statements
        if most and self._running[identity] >= most:
            raise too_many_statements(most)
        self._running[identity] += 1
        try:
            yield
        finally:
            self._running[identity] -= 1
            if not self._running[identity]:
                del self._running[identity]


def too_many_calls(most: int, seconds: float) -> RateLimited:
    """The next call is allowed after so many seconds."""
    return RateLimited(
        f"More than {most:,} calls came within a minute.", f"Try again in {math.ceil(seconds)} s."
    )


def too_many_statements(most: int) -> RateLimited:
    """So many are running."""
    return RateLimited(
        f"{most} {'statement is' if most == 1 else 'statements are'} running already.",
        "Try again when one of them has ended.",
    )
