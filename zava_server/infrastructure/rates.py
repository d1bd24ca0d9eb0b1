"""How much one identity may ask: calls a minute, and statements at once."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

_WINDOW_SECONDS = 60.0


class Rates:
    """Counts per identity, in this process; a limit of 0 is none."""

    def __init__(
        self,
        *,
        calls_per_minute: int,
        concurrent_statements: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls_per_minute = calls_per_minute
        self._concurrent_statements = concurrent_statements
        self._clock = clock
        self._calls: defaultdict[Hashable, deque[float]] = defaultdict(deque)
        self._running: defaultdict[Hashable, int] = defaultdict(int)

    def count_call(self, identity: Hashable) -> None:
        """Counts a call in the last 60 seconds.

        Raises RateLimited with the seconds until the next one is allowed; that call counts not.
        """
        if not self._calls_per_minute:
            return
        now = self._clock()
        calls = self._calls[identity]
        while calls and calls[0] <= now - _WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= self._calls_per_minute:
            seconds = math.ceil(calls[0] + _WINDOW_SECONDS - now)
            raise RateLimited(
                f"More than {self._calls_per_minute:,} calls came within a minute.",
                f"Try again in {seconds} s.",
            )
        calls.append(now)

    @contextmanager
    def statement(self, identity: Hashable) -> Iterator[None]:
        """Counts a statement as running until the end of the context; raises RateLimited."""
        most = self._concurrent_statements
        if most and self._running[identity] >= most:
            raise RateLimited(
                f"{most} {'statement is' if most == 1 else 'statements are'} running already.",
                "Try again when one of them has ended.",
            )
        self._running[identity] += 1
        try:
            yield
        finally:
            self._running[identity] -= 1
            if not self._running[identity]:
                del self._running[identity]
