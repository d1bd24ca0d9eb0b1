"""Order lines as psql copies them: rows that are prepared, foreign keys dropped and added again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.interleaved import equal
from zava_server.data.embedded.binaries import installed
from zava_server.data.endpoint import Endpoint

TABLES = (
    "stores",
    "categories",
    "product_types",
    "products",
    "product_costs",
    "customers",
    "orders",
    "order_items",
)
"""What an import fills from its files. Not the sums that it makes of them."""

_COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_schema = 'retail' AND table_name = $1 AND is_generated = 'NEVER'
"""
_FOREIGN_KEYS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I;', conrelid::regclass, conname) AS drop,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s;', conrelid::regclass, conname,
        pg_get_constraintdef(oid)) AS add
FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND conrelid::regclass::text = ANY ($1)
"""
_LINES = "SELECT count(*), sum(total_amount), count(DISTINCT order_id) FROM retail.order_items"
_COPY = "bench_copy"


@dataclass(frozen=True)
class EmptyCopy:
    """A database with the schema of another and nothing in it, on the same server."""

    origin: Endpoint

    @property
    def place(self) -> Endpoint:
        return replace(self.origin, database=_COPY)

    async def make(self) -> None:
        """While nobody is connected to the other, and before it is filled."""
        await self._in_postgres(
            f"CREATE DATABASE {_COPY} TEMPLATE {self.origin.database} STRATEGY file_copy"
        )

    async def fill(self, directory: Path) -> float:
        """How many seconds psql takes for the rows that the other has by now."""
        source = await self.origin.connect()
        try:
            names = [f"retail.{table}" for table in TABLES]
            columns = [await source.fetchval(_COLUMNS, table) for table in TABLES]
            keys = await source.fetch(_FOREIGN_KEYS, names)
            lines = await source.fetchrow(_LINES)
        finally:
            await source.close()
        tables = [f"{name} ({listed})" for name, listed in zip(names, columns, strict=True)]
        files = [directory / f"{table}.copied" for table in TABLES]
        pairs = list(zip(tables, files, strict=True))
        await self._psql(self.origin, [f"\\copy {table} TO '{file}'" for table, file in pairs])
        started = time.perf_counter()
        await self._psql(
            self.place,
            [
                # Sums by day and the like: they are no part of the baseline.
                "SET zava.bulk_load = 'on';",
                *(key["drop"] for key in keys),
                *(f"\\copy {table} FROM '{file}'" for table, file in pairs),
                *(key["add"] for key in keys),
            ],
        )
        seconds = time.perf_counter() - started
        copy = await self.place.connect()
        try:
            equal(await copy.fetchrow(_LINES), lines, "lines imported and copied")
        finally:
            await copy.close()
        return seconds

    async def remove(self) -> None:
        await self._in_postgres(f"DROP DATABASE {_COPY}")

    async def _in_postgres(self, sql: str) -> None:
        connection = await replace(self.origin, database="postgres").connect()
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def _psql(self, place: Endpoint, commands: Sequence[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            str(installed().postgres.with_name("psql")),
            *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"),
            *("--host", str(place.host), "--port", str(place.port)),
            *("--username", str(place.user), "--dbname", str(place.database)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await process.communicate("\n".join(commands).encode() + b"\n")
        if process.returncode != 0:
            raise SystemExit(f"psql: {told.decode()}")
