"""Entries in this process's memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from zava_server.infrastructure.cache.store import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MOST_ENTRIES = 2_000
MOST_BYTES = 32 * 1024**2
# Of the key, the objects around it and their places in the dictionary, about.
_BYTES_BESIDE = 600


@dataclass(frozen=True, slots=True)
class _Entry:
    generations: tuple[str, ...]
    content: bytes
    until: float

    @property
    def size(self) -> int:
        return len(self.content) + _BYTES_BESIDE


class MemoryStore:
    """The entries used last, as many as have room."""

    def __init__(
        self,
        *,
        most_entries: int = MOST_ENTRIES,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._generations: dict[str, str] = {}
        self._numbers = count(1)

    @property
    def name(self) -> str:
        """`memory`."""
        return "memory"

    @property
    def trouble(self) -> None:
        """Never any."""
        return None

    @property
    def entries(self) -> int:
        """How many are kept."""
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes in use, about."""
        return self._bytes

    async def find(self, key: str, topics: Sequence[str]) -> Found:
        """The entry, if there is one of these topics' generations."""
        generations = tuple(self._generations.get(topic, "0") for topic in topics)
        entry = self._entries.get(key)
        if entry is None:
            return Found(self, generations, None)
        if entry.generations != generations or entry.until <= self._clock():
            self._drop(key)
            return Found(self, generations, None)
        self._entries.move_to_end(key)
        return Found(self, generations, entry.content)

    async def keep(self, key: str, found: Found, entry: bytes, seconds: float) -> None:
        """Keeps an entry, and drops those used longest ago where there is no room."""
        if key in self._entries:
            self._drop(key)
        kept = _Entry(found.generations, entry, self._clock() + seconds)
        if kept.size > self._most_bytes:
            return
        self._entries[key] = kept
        self._bytes += kept.size
        while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))

    async def renew(self, topics: Iterable[str]) -> None:
        """Begins new generations."""
        for topic in topics:
            self._generations[topic] = str(next(self._numbers))

    def _drop(self, key: str) -> None:
        self._bytes -= self._entries.pop(key).size
