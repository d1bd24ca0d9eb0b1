"""The IVFFlat index of a model's vectors: built beside readers and writers, when it pays."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import asyncpg

from zava_server.data.recall import measured_probes

if TYPE_CHECKING:
    from collections.abc import Callable

    from zava_server.data.vectors import Space

INDEX_FROM = 5_000
"""Fewer vectors are compared one by one: that is exact, and as fast."""
MOST_DIMENSIONS = 4_000
"""What pgvector can index, as halfvec."""
HALFVEC_FROM = 1_024
"""From here on half the bits a number: `retail.search_products_by_description` says the same."""

_VECTORS_A_LIST = 100
# More would take k-means more memory than a process of the embedded PostgreSQL may have: 1.5 GiB.
_FEWEST_LISTS, _MOST_LISTS = 20, 1_000
# A catalogue that has grown so many times has too few lists, each too long.
_OUTGROWN = 3
# k-means looks at 50 vectors a list.
_SAMPLES_A_LIST = 50
_POLL_SECONDS = 0.5

_COUNT = """
SELECT count(*) FROM retail.product_description_embeddings WHERE model = $1 AND dimensions = $2
"""
_STATE = """
SELECT i.indisvalid AS valid,
    (SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'lists')
        AS lists
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indexrelid = to_regclass($1)
"""
_CREATE = """
SELECT format(
    'CREATE INDEX CONCURRENTLY %I ON retail.product_description_embeddings '
    'USING ivfflat ((description_embedding::%s(%s)) %s) WITH (lists = %s) '
    'WHERE model = %L AND dimensions = %s',
    $1::text, $2::text, $3::int, $2 || '_cosine_ops', $5::int, $4::text, $3
)
"""
_APPROXIMATE = """
UPDATE zava.embedding_models SET approximate = $3 WHERE model = $1 AND dimensions = $2
"""
_KEEP_PROBES = """
UPDATE zava.embedding_models SET probes = $3 WHERE model = $1 AND dimensions = $2
RETURNING serving
"""
# One that does not fit would push itself out.
_CAN_WARM = """
SELECT to_regprocedure('zava.pg_prewarm(regclass, text, text, bigint, bigint)') IS NOT NULL
    AND pg_relation_size(to_regclass($1)) <= pg_size_bytes(current_setting('shared_buffers'))
"""
_WARM = "SELECT zava.pg_prewarm(to_regclass($1))"
# Of k-means it tells nothing; then the vectors are put into their lists.
_PROGRESS = """
SELECT phase, tuples_done::float8 / nullif(tuples_total, 0) AS done
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
        rows = await self._owner.fetchval(_COUNT, space.model, space.dimensions)
        lists = max(_FEWEST_LISTS, min(_MOST_LISTS, rows // _VECTORS_A_LIST))
        state = await self._owner.fetchrow(_STATE, f"retail.{name}")
        if state is None or not state["valid"] or lists > _OUTGROWN * state["lists"]:
            if state is not None:
                await self.drop(space)
            if rows < INDEX_FROM or space.dimensions > MOST_DIMENSIONS:
                return False
            await self._build(space, lists, report)
            probes = await measured_probes(self._owner, space, _kind(space), lists)
            async with self._owner.transaction():
                if await self._owner.fetchval(_KEEP_PROBES, space.model, space.dimensions, probes):
                    await search_with(self._owner, probes)
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

    async def _build(self, space: Space, lists: int, report: Callable[[float], None]) -> None:
        create = await self._owner.fetchval(
            _CREATE, _name(space), _kind(space), space.dimensions, space.model, lists
        )
        await self._owner.execute(f"SET maintenance_work_mem = '{_build_mb(space, lists)}MB'")
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
            # Several processes share their work in /dev/shm, which containers keep small.
            await self._drop(name)
            await self._owner.execute("SET max_parallel_maintenance_workers = 0")
            await self._owner.execute(create)

    async def _watch(self, report: Callable[[float], None]) -> None:
        building = self._owner.get_server_pid()
        while True:
            row = await self._watcher.fetchrow(_PROGRESS, building)
            if row is not None:
                report(min(1.0, row["done"] or 0.0))
            await asyncio.sleep(_POLL_SECONDS)


async def search_with(owner: asyncpg.Connection, probes: int) -> None:
    """From now on a search reads so many lists of the index."""
    await owner.execute(
        "ALTER FUNCTION retail.search_products_by_description("
        f"vector, double precision, integer, text, uuid[]) SET ivfflat.probes = {probes:d}"
    )


def _build_mb(space: Space, lists: int) -> int:
    """Memory of k-means as pgvector takes it (ivfkmeans.c), and some for the sort that follows.

    The samples, the centres three times over, and a distance from each of both to each centre.
    """
    vector, distances = 4 * space.dimensions, 4 * lists
    samples = _SAMPLES_A_LIST * lists * (vector + distances)
    centres = lists * (3 * vector + distances)
    return (samples + centres) // 2**20 + 32


def _kind(space: Space) -> str:
    return "vector" if space.dimensions < HALFVEC_FROM else "halfvec"


def _name(space: Space) -> str:
    digest = hashlib.sha256(f"{space.model}\0{space.dimensions}".encode()).hexdigest()
    return f"embeddings_lists_{digest[:12]}"
