"""What the cache needs of a place to keep entries in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Found:
    """What lies under a key, if it is of the topics' generations now, and where it was looked for.

    `generations` are asked for before an answer is computed, and kept with it: what was computed
    of old data is never found after a change.
    """

    store: Store
    generations: tuple[str, ...]
    entry: bytes | None


class StoreLost(Exception):
    """A store cannot be used; the text is one sentence without an address."""


class Store(Protocol):
    """Entries by key, each of certain generations of its topics; methods may raise StoreLost."""

    async def find(self, key: str, topics: Sequence[str]) -> Found:
        """The entry, if there is one of these topics' generations."""

    async def keep(self, key: str, found: Found, entry: bytes, seconds: float) -> None:
        """Keeps an entry of the generations in `found`, for so long at most."""

    async def renew(self, topics: Iterable[str]) -> None:
        """Begins new generations; no entry of the ones before is found again."""


class Place(Store, Protocol):
    """A store that can always be used. Its methods raise nothing."""

    @property
    def name(self) -> str:
        """`memory` or `redis`: where entries are kept now."""

    @property
    def trouble(self) -> str | None:
        """Why it is not the one that was set up, as one sentence; None where it is."""

    @property
    def entries(self) -> int:
        """How many are kept in memory."""

    @property
    def size(self) -> int:
        """How many bytes these take, about."""
