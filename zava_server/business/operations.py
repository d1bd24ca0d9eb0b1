"""What the system knows about itself, for those who may know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.catalogue import Catalogue, Coverage
    from zava_server.data.identity import Identity
    from zava_server.data.pool import Pool, PoolFigures
    from zava_server.infrastructure.embedders.embedder import Embedder
    from zava_server.infrastructure.query_monitor import QueryMonitor, StatementFigures

OPS = "ops"
_MOST_QUERIES = 200


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The pool's figures, and how far the search index has come.

    `status` is the pool's alone, and `reason` says why it is not `ok`: a catalogue that is still
    being indexed does not make the database worse.
    """

    status: str
    reason: str | None
    pool: PoolFigures
    embedder: Embedder
    coverage: Coverage
    embedded_database: bool


class Operations:
    """Slow queries and pool health."""

    def __init__(
        self,
        monitor: QueryMonitor,
        pool: Pool,
        catalogue: Catalogue,
        embedder: Embedder,
        *,
        embedded_database: bool,
    ) -> None:
        self._monitor = monitor
        self._pool = pool
        self._catalogue = catalogue
        self._embedder = embedder
        self._embedded_database = embedded_database
        self._coverage: Coverage | None = None

    @property
    def slow_threshold_ms(self) -> float:
        """From this duration on a query counts as slow."""
        return self._monitor.slow_ms

    def slow_queries(self, identity: Identity, limit: int) -> Sequence[StatementFigures]:
        """The statements that took most time in all: one's own, everybody's with `ops`."""
        if not 1 <= limit <= _MOST_QUERIES:
            raise ValidationError(f"limit must be from 1 to {_MOST_QUERIES}.")
        user = None if OPS in identity.permissions else identity.handle
        figures = sorted(self._monitor.figures(user), key=lambda f: f.total_ms, reverse=True)
        return figures[:limit]

    async def pool_health(self, identity: Identity) -> PoolHealth:
        """The pool's state. Takes no connection once the catalogue is known to be covered."""
        if self._coverage is None or self._coverage.share < 1:
            self._coverage = await self._catalogue.coverage(identity, self._embedder.model)
        pool = self._pool.figures()
        status, reason = _judge(pool)
        return PoolHealth(
            status, reason, pool, self._embedder, self._coverage, self._embedded_database
        )


def _judge(pool: PoolFigures) -> tuple[str, str | None]:
    if pool.size == 0:
        return "down", "No connection to the database is open."
    if pool.waiting and pool.in_use >= pool.max_size:
        return "degraded", f"All connections are in use, {pool.waiting} calls wait for one."
    return "ok", None
