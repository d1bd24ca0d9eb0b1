"""What the database has told of changes, and whether it would have told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from zava_server.infrastructure.cache.store import Store

SALES, STOCK, CATALOGUE, PEOPLE, SCHEMA = "sales", "stock", "catalogue", "people", "schema"
TOPICS = frozenset({SALES, STOCK, CATALOGUE, PEOPLE, SCHEMA})
"""What changes are told of: orders and figures, stock, the catalogue and stores, users and their
rights, what tables look like."""


class Changes:
    """Passes signals of change on to the store, and knows how long silence means no change."""

    def __init__(
        self,
        store: Store,
        *,
        reads_are_current: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`reads_are_current` is false while answers come from a standby, which may be behind."""
        self._store = store
        self._reads_are_current = reads_are_current
        self._clock = clock
        self._until = 0.0
        self._told: frozenset[str] = frozenset()
        self._silence: str | None = "The database has not been asked yet."

    @property
    def silence(self) -> str | None:
        """Why changes would not be told of; None while they are."""
        if not self._reads_are_current():
            return "Answers come from a standby."
        if self._silence is None and self._clock() >= self._until:
            return "The connection for signals is silent."
        return self._silence

    async def renew(self, topics: Iterable[str]) -> None:
        """These have changed. What is no topic may be a change of anything."""
        changed = set(topics)
        if not changed.issubset(TOPICS):
            changed |= TOPICS
        if changed:
            await self._store.renew(sorted(changed & TOPICS))

    def heard(self, until: float, told: Collection[str]) -> None:
        """All changes so far of the topics `told` are known, and will be up to `until`."""
        self._until, self._told, self._silence = until, frozenset(told), None

    def silent(self, why: str) -> None:
        """Changes are not told of from now on; `why` is one sentence."""
        self._silence = why

    def would_be_told(self, topics: Collection[str]) -> bool:
        """Whether nothing said means nothing changed."""
        return self.silence is None and self._told.issuperset(topics)
