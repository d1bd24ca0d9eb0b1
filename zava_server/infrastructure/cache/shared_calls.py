"""One call for all who want the same at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

K = TypeVar("K")
T = TypeVar("T")


@dataclass(slots=True)
class _Call(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class SharedCalls(Generic[K, T]):
    """Calls under way, by what they are for.

    A call belongs to no single caller: who leaves early does not take it from the others, and it
    ends when the last one leaves.
    """

    def __init__(self) -> None:
        self._calls: dict[K, _Call[T]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._calls

    async def share(self, key: K, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """The result of the call under way for `key`, or of `work`, begun for all who ask now."""
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(asyncio.create_task(work()))
        call.waiting += 1
        try:
            return await asyncio.shield(call.task)
        finally:
            call.waiting -= 1
            # Nobody joins a call that is done: it would be taken for newer than it is.
            if not call.waiting or call.task.done():
                call.task.cancel()
                if self._calls.get(key) is call:
                    del self._calls[key]
