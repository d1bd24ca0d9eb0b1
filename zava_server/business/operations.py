"""How the connections and the search index do, without asking the database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.catalogue import Coverage
from zava_server.infrastructure.errors import ZavaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from zava_server.data.catalogue import Catalogue
    from zava_server.data.identity import Identity
    from zava_server.data.pool import Pool, PoolError, PoolFigures
    from zava_server.data.replicas import Replicas
    from zava_server.infrastructure.embedders.embedder import Embedder

OPS = "ops"
_AGAIN_WHILE_INCOMPLETE_SECONDS = 1.0
_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The pool's figures, and how far the search index has come.

    `status` is the pool's alone, and `reason` says why it is not `ok`: a catalogue that is still
    being indexed does not make the database worse. `errors` are the last ones, for `ops`.
    """

    status: str
    reason: str | None
    pool: PoolFigures
    errors: Sequence[PoolError]
    embedder: Embedder
    coverage: Coverage
    embedded_database: bool
    replicas: Replicas | None


class Operations:
    """Watches the pool and the search index."""

    def __init__(
        self,
        pool: Pool,
        catalogue: Catalogue,
        embedder: Embedder,
        *,
        embedded_database: bool,
        replicas: Replicas | None = None,
    ) -> None:
        self._pool = pool
        self._replicas = replicas
        self._catalogue = catalogue
        self._embedder = embedder
        self._embedded_database = embedded_database
        self._coverage = Coverage(0, 0)

    @property
    def pool(self) -> PoolFigures:
        """The pool now; takes no connection."""
        return self._pool.figures()

    @property
    def coverage(self) -> Coverage:
        """How much of the catalogue was indexed at the last count."""
        return self._coverage

    async def count_coverage(self, identity: Identity) -> None:
        """Counts how much of the catalogue is indexed, so that no question about health has to.

        Raises the hierarchy's errors; what was known before stands then.
        """
        self._coverage = await self._catalogue.coverage(identity, self._embedder.model)

    async def watch_coverage(self, somebody: Callable[[], Awaitable[Identity | None]]) -> None:
        """Counts again and again, with the rights of `somebody`, until it is cancelled."""
        while True:
            complete = self._coverage.share >= 1
            await asyncio.sleep(_AGAIN_SECONDS if complete else _AGAIN_WHILE_INCOMPLETE_SECONDS)
            # The pool tells what is wrong with the database.
            with suppress(ZavaError):
                if (identity := await somebody()) is not None:
                    await self.count_coverage(identity)

    def pool_health(self, identity: Identity) -> PoolHealth:
        """The pool's state. Takes no connection."""
        pool = self._pool.figures()
        status, reason = judged(pool)
        errors = pool.errors if OPS in identity.permissions else ()
        return PoolHealth(
            status,
            reason,
            pool,
            errors,
            self._embedder,
            self._coverage,
            self._embedded_database,
            self._replicas,
        )


def judged(pool: PoolFigures) -> tuple[str, str | None]:
    """Whether the pool is `ok`, `degraded` or `down`, and why it is not ok."""
    if pool.size == 0:
        return "down", "No connection to the database is open."
    if pool.waiting and pool.in_use >= pool.max_size:
        return "degraded", f"All connections are in use, {pool.waiting} calls wait for one."
    return "ok", None
