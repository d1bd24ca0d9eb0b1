"""How the server does: its parts, whether it can serve, how long it has, with what."""

from __future__ import annotations

import asyncio
import platform
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from zava_server.business.operations import judged
from zava_server.data.migrations import find_migrations
from zava_server.data.vital_signs import take_vital_signs
from zava_server.infrastructure.errors import Busy, ZavaError
from zava_server.infrastructure.health import Finding, HealthBoard, PartHealth, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from zava_server.business.operations import Operations
    from zava_server.data.pool import Pool
    from zava_server.data.replicas import Replicas
    from zava_server.data.signing_keys import Signer
    from zava_server.infrastructure.cache.cache import Cache
    from zava_server.infrastructure.embedders.embedder import CachedEmbedder

DATABASE, SCHEMA, IDENTITY_KEY = "database", "schema", "identity key"
EMBEDDER, CACHE, DISK = "embedder", "cache", "disk"
REPLICAS = "replicas"
_NEEDED = frozenset({DATABASE, SCHEMA, IDENTITY_KEY})

# PostgreSQL reserves its log by 16 MB; a large sort may take a gigabyte for a while.
_LITTLE_BYTES = 1024**3
_NOTHING_BYTES = 32 * 1024**2
_PACKAGES = ("zava", "fastmcp", "mcp", "asyncpg", "postgast", "onnxruntime")


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """The worst of what is needed to serve makes the whole; anything else only degrades it."""

    status: Status
    reason: str | None
    is_ready: bool
    parts: Sequence[PartHealth]
    started: datetime
    uptime_seconds: float
    versions: Mapping[str, str]


class HealthService:
    """Looks at all parts; `board` takes probes of further ones."""

    def __init__(
        self,
        pool: Pool,
        key: Signer,
        operations: Operations,
        embedder: CachedEmbedder,
        cache: Cache,
        data_dir: Path,
    ) -> None:
        self._pool = pool
        self._key = key
        self._operations = operations
        self._embedder = embedder
        self._cache = cache
        self._data_dir = data_dir
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._ours = [migration.name for migration in find_migrations()]
        self._pgvector = ""
        self.board = HealthBoard()
        self.board.register(self._database, DATABASE, SCHEMA, IDENTITY_KEY)
        self.board.register(self._search, EMBEDDER)
        self.board.register(self._answers, CACHE)
        self.board.register(self._disk, DISK)

    def watch(self, replicas: Replicas) -> None:
        """Looks at these as well."""

        async def look() -> Mapping[str, Finding]:
            figures = replicas.figures
            details = {"behind_seconds": replicas.behind_seconds, "in_use": figures.in_use}
            if replicas.trouble is None:
                return {REPLICAS: Finding(details=details)}
            reason = f"{replicas.trouble} The primary answers in their place."
            return {REPLICAS: Finding(Status.DEGRADED, reason, details)}

        self.board.register(look, REPLICAS)

    async def look(self) -> ServerHealth:
        """How everything does, at most a second old."""
        parts = await self.board.look()
        worst = max(parts, key=_weight)
        return ServerHealth(
            status=_weight(worst),
            reason=worst.finding.reason,
            is_ready=_can_serve(parts),
            parts=parts,
            started=self._started,
            uptime_seconds=time.monotonic() - self._clock,
            versions=self._versions(),
        )

    async def is_ready(self) -> bool:
        """Whether calls can be served now."""
        return _can_serve(await self.board.look())

    async def _database(self) -> Mapping[str, Finding]:
        started = time.perf_counter()
        try:
            signs = await take_vital_signs(self._pool, self._key)
        except Busy as busy:
            # It works, for others.
            return {
                DATABASE: Finding(Status.DEGRADED, busy.message),
                SCHEMA: Finding(),
                IDENTITY_KEY: Finding(),
            }
        except ZavaError as error:
            unknown = Finding(Status.DOWN, "The database cannot be asked.")
            return {
                DATABASE: Finding(Status.DOWN, error.message),
                SCHEMA: unknown,
                IDENTITY_KEY: unknown,
            }
        answered_ms = round((time.perf_counter() - started) * 1000, 1)
        self._pgvector = signs.pgvector
        return {
            DATABASE: self._pool_finding(answered_ms),
            SCHEMA: self._schema_finding(signs.files),
            IDENTITY_KEY: Finding()
            if signs.is_believed
            else Finding(Status.DOWN, "The database does not recognise the server's signature."),
        }

    def _pool_finding(self, answered_ms: float) -> Finding:
        pool = self._pool.figures()
        word, reason = judged(pool)
        details: dict[str, object] = {
            "answered_ms": answered_ms,
            "version": pool.server_version,
            "in_use": pool.in_use,
            "waiting": pool.waiting,
        }
        if pool.lag is not None:
            details["replica_lag_seconds"] = pool.lag.seconds
        return Finding(Status[word.upper()], reason, details)

    def _schema_finding(self, files: Sequence[str]) -> Finding:
        details = {"version": files[-1] if files else None}
        unknown = [name for name in files if name not in self._ours]
        missing = [name for name in self._ours if name not in files]
        if missing:
            return Finding(Status.DOWN, f"The schema lacks {missing[0]}.", details)
        if unknown:
            reason = f"The schema is newer than this server, by {unknown[-1]}: restart it updated."
            return Finding(Status.DEGRADED, reason, details)
        return Finding(details=details)

    async def _search(self) -> Mapping[str, Finding]:
        coverage = self._operations.coverage
        details = {
            "name": self._embedder.name,
            "model": self._embedder.model,
            "dimensions": self._embedder.dimensions,
            "embedded": coverage.embedded,
            "products": coverage.products,
        }
        if self._embedder.trouble is not None:
            return {EMBEDDER: Finding(Status.DEGRADED, self._embedder.trouble, details)}
        if coverage.share < 1:
            so_far = f"{coverage.embedded:,} of {coverage.products:,} products"
            reason = f"{so_far} can be found by meaning yet."
            return {EMBEDDER: Finding(Status.DEGRADED, reason, details)}
        return {EMBEDDER: Finding(details=details)}

    async def _answers(self) -> Mapping[str, Finding]:
        cache, kept = self._cache.status(), self._cache.figures()
        details = {
            "kind": cache.place,
            "entries_in_memory": kept.entries,
            "bytes_in_memory": kept.bytes,
            "hits": sum(kept.hits.values()),
            "misses": sum(kept.misses.values()),
            # Where changes are not told of, answers are kept for a second: slower, and right.
            "changes": cache.silence or "told by the database",
        }
        if cache.trouble is not None:
            reason = f"{cache.trouble} Answers are kept in memory for the time being."
            return {CACHE: Finding(Status.DEGRADED, reason, details)}
        return {CACHE: Finding(details=details)}

    async def _disk(self) -> Mapping[str, Finding]:
        try:
            usage = await asyncio.to_thread(shutil.disk_usage, self._data_dir)
        except OSError as error:
            return {DISK: Finding(Status.DEGRADED, f"It cannot be looked at: {error.strerror}.")}
        details = {"free_bytes": usage.free, "total_bytes": usage.total}
        free = f"{usage.free / 1024**2:,.0f} MB are free where the data directory lies."
        if usage.free < _NOTHING_BYTES:
            return {DISK: Finding(Status.DOWN, free, details)}
        if usage.free < _LITTLE_BYTES:
            return {DISK: Finding(Status.DEGRADED, free, details)}
        return {DISK: Finding(details=details)}

    def _versions(self) -> Mapping[str, str]:
        packages = {name: version(name) for name in _PACKAGES}
        return {
            **packages,
            "python": platform.python_version(),
            "postgresql": self._pool.figures().server_version,
            "pgvector": self._pgvector,
        }


def _weight(part: PartHealth) -> Status:
    """What a part's status means for the whole."""
    if part.name in _NEEDED:
        return part.finding.status
    return min(part.finding.status, Status.DEGRADED)


def _can_serve(parts: Sequence[PartHealth]) -> bool:
    return all(_weight(part) < Status.DOWN for part in parts)
