"""The HNSW index of a model's vectors: built beside readers and writers, when it pays."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Callable

    from zava_server.data.vectors import Space

HNSW_FROM = 5_000
"""Fewer vectors are compared one by one: that is exact, and as fast."""
MOST_DIMENSIONS = 4_000
"""What pgvector can index, as halfvec."""
HALFVEC_FROM = 1_024
"""From here on half the bits a number: `retail.search_products_by_description` says the same."""

# A process of the embedded PostgreSQL may take 1.5 GiB in all. What is above this is built on disk.
_MOST_MEMORY_MB = 512
# Of a vector's place in the graph, beside its numbers: 2 × 16 neighbours on its lowest level.
_GRAPH_BYTES = 1_000
_POLL_SECONDS = 0.5

# ef_construction: near duplicates crowd a catalogue, and with pgvector's 64 a vector finds none but
# those to be linked with. 200 takes twice as long to build and no longer to search.
_COUNT = """
SELECT count(*) FROM retail.product_description_embeddings WHERE model = $1 AND dimensions = $2
"""
_STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"
_CREATE = """
SELECT format(
    'CREATE INDEX CONCURRENTLY %I ON retail.product_description_embeddings '
    'USING hnsw ((description_embedding::%s(%s)) %s) WITH (ef_construction = 200) '
    'WHERE model = %L AND dimensions = %s',
    $1::text, $2::text, $3::int, $2 || '_cosine_ops', $4::text, $3
)
"""
_APPROXIMATE = """
UPDATE zava.embedding_models SET approximate = $3 WHERE model = $1 AND dimensions = $2
"""
# One that does not fit would push itself out.
_CAN_WARM = """
SELECT to_regprocedure('zava.pg_prewarm(regclass, text, text, bigint, bigint)') IS NOT NULL
    AND pg_relation_size(to_regclass($1)) <= pg_size_bytes(current_setting('shared_buffers'))
"""
_WARM = "SELECT zava.pg_prewarm(to_regclass($1))"
_PROGRESS = """
SELECT phase, blocks_done::float8 / nullif(blocks_total, 0) AS done
FROM pg_stat_progress_create_index WHERE pid = $1
"""


class VectorIndex:
    """Builds and drops indexes as the owner; `watcher` is a second connection of the owner's."""

    def __init__(self, owner: asyncpg.Connection, watcher: asyncpg.Connection) -> None:
        self._owner = owner
        self._watcher = watcher

    async def ensure(self, space: Space, report: Callable[[float], None]) -> bool:
        """Builds the index of `space` unless it is there or would not pay; whether there is one.

        `report` gets the share done, 0 to 1. An interrupted build leaves an invalid index, which
        the next one replaces.
        """
        name = _name(space)
        valid = await self._owner.fetchval(_STATE, f"retail.{name}")
        if not valid:
            rows = await self._owner.fetchval(_COUNT, space.model, space.dimensions)
            if rows < HNSW_FROM or space.dimensions > MOST_DIMENSIONS:
                return False
            if valid is not None:
                await self._drop(name)
            await self._build(space, rows, report)
        await self._owner.execute(_APPROXIMATE, space.model, space.dimensions, True)
        return True

    async def warm(self, space: Space) -> None:
        """Reads the index of `space` into PostgreSQL's memory, where there is one and a way to.

        The first searches after a start would read it page by page: 17 ms instead of 4.
        """
        name = f"retail.{_name(space)}"
        if await self._owner.fetchval(_CAN_WARM, name):
            await self._owner.execute(_WARM, name)

    async def drop(self, space: Space) -> None:
        """Drops the index of `space`, if there is one."""
        await self._owner.execute(_APPROXIMATE, space.model, space.dimensions, False)
        await self._drop(_name(space))

    async def _drop(self, name: str) -> None:
        await self._owner.execute(f"DROP INDEX CONCURRENTLY IF EXISTS retail.{name}")

    async def _build(self, space: Space, rows: int, report: Callable[[float], None]) -> None:
        kind = "vector" if space.dimensions < HALFVEC_FROM else "halfvec"
        create = await self._owner.fetchval(
            _CREATE, _name(space), kind, space.dimensions, space.model
        )
        number_bytes = 4 if kind == "vector" else 2
        needed = rows * (space.dimensions * number_bytes + _GRAPH_BYTES) // 2**20 + 64
        await self._owner.execute(f"SET maintenance_work_mem = '{min(needed, _MOST_MEMORY_MB)}MB'")
        watching = asyncio.create_task(self._watch(report))
        try:
            await self._create(create, _name(space))
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            if not self._owner.is_closed():
                await self._owner.execute(
                    "RESET maintenance_work_mem; RESET max_parallel_maintenance_workers"
                )

    async def _create(self, create: str, name: str) -> None:
        try:
            await self._owner.execute(create)
        except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError):
            # Several processes share the graph in /dev/shm, which containers keep small.
            await self._drop(name)
            await self._owner.execute("SET max_parallel_maintenance_workers = 0")
            await self._owner.execute(create)

    async def _watch(self, report: Callable[[float], None]) -> None:
        building = self._owner.get_server_pid()
        while True:
            row = await self._watcher.fetchrow(_PROGRESS, building)
            if row is not None and row["phase"].startswith("building index"):
                report(min(1.0, row["done"] or 0.0))
            await asyncio.sleep(_POLL_SECONDS)


def _name(space: Space) -> str:
    digest = hashlib.sha256(f"{space.model}\0{space.dimensions}".encode()).hexdigest()
    return f"embeddings_near_{digest[:12]}"
