"""Puts the demo retailer into an empty database, all of it or nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, fields
from time import monotonic
from typing import TYPE_CHECKING

from zava_server.data.ahead import made_ahead
from zava_server.data.binary_copy import COPY_HEADER, COPY_TRAILER
from zava_server.data.demo.bulk_load import strip
from zava_server.data.demo.catalogue import load_catalogue
from zava_server.data.demo.generator import Generator
from zava_server.data.demo.retailer import USERS
from zava_server.data.demo.rows import TABLES
from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from zava_server.data.demo.bulk_load import Restoration

DEFAULT_SEED = 2026

_STEP = "demo data"
# Those with many rows, and those under forced row security.
_ROLLUPS = (
    "daily_sales",
    "daily_totals",
    "daily_margins",
    "hourly_margins",
    "hourly_sales",
    "monthly_sales",
    "monthly_products",
    "monthly_rhythm",
    "monthly_margins",
    "visits",
    "daily_visits",
    "repeat_visits",
)
_STRIPPED = ("product_costs", "customers", "orders", "order_items", "inventory", *_ROLLUPS)
# Copying takes about this share of the time; the rest is indexes, keys and the rollup.
_COPY_SHARE = 0.6
_TICK_SECONDS = 0.4
_SLICE_BYTES = 256 * 1024

_MEMORY = "SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '128MB'"
# Few products, each sold often: it pays at once, or as soon as some orders are added.
_SUM_BY_PRODUCT = "INSERT INTO zava.sums_by_product DEFAULT VALUES"
_REBUILD = "SELECT retail.rebuild_rollups()"
_ANALYZE = "ANALYZE " + ", ".join(f"retail.{table}" for table in TABLES)
_ANALYZE_ROLLUPS = "ANALYZE " + ", ".join(f"retail.{table}" for table in _ROLLUPS)

_INSERT_USER = """
INSERT INTO identity.users (user_id, handle, display_name, role, permissions, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_INSERT_USER_STORE = """
INSERT INTO identity.user_stores (user_id, store_id, created_at) VALUES ($1, $2, $3)
"""
_INSERT_STORE_MANAGER = """
INSERT INTO retail.store_managers (user_id, store_id, created_at) VALUES ($1, $2, $3)
"""


@dataclass(frozen=True, slots=True)
class DemoCounts:
    """How many rows a load has made."""

    stores: int
    products: int
    customers: int
    orders: int
    order_items: int
    inventory: int


async def load_demo(
    connection: asyncpg.Connection,
    *,
    seed: int = DEFAULT_SEED,
    until: datetime,
    scale: float = 1.0,
    report: ReportProgress = ignore_progress,
) -> DemoCounts:
    """Fills the empty database behind the owner's connection, in one transaction.

    `until` is the demo's present, an aware time; `scale` multiplies customers and orders.
    Raises ValidationError when there are stores already, or for a wrong `until` or `scale`.
    """
    generator = Generator(seed, until, scale, load_catalogue())
    async with connection.transaction():
        # Of two loads at the same time the second waits here, and then finds the stores.
        await connection.execute("LOCK TABLE retail.stores IN SHARE ROW EXCLUSIVE MODE")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM retail.stores)"):
            raise ValidationError(
                "The database already holds stores.",
                "Demo data go into an empty database; `zava-server db reset` empties this one.",
            )
        await connection.execute(_MEMORY)
        await connection.execute(_SUM_BY_PRODUCT)
        restorations = await strip(connection, [f"retail.{table}" for table in _STRIPPED])
        rows = await _copy(connection, generator, report)
        await _add_users(connection, generator)
        await _finish(connection, restorations, rows, report)
    report(Progress(_STEP, 1.0, f"{rows['orders']:,} orders"))
    return DemoCounts(**{field.name: rows[field.name] for field in fields(DemoCounts)})


async def _copy(
    connection: asyncpg.Connection, generator: Generator, report: ReportProgress
) -> Mapping[str, int]:
    """Copies everything; returns how many rows each table got."""
    counted = dict.fromkeys(TABLES, 0)
    expected = generator.expected_orders
    async with aclosing(made_ahead(_encoded(generator))) as pieces:
        async for table, rows, data in pieces:
            await connection.copy_to_table(
                table,
                schema_name="retail",
                columns=list(TABLES[table]),
                source=_in_slices(data),
                format="binary",
                freeze=table in _STRIPPED,
            )
            counted[table] += rows
            done = min(counted["orders"], expected)
            detail = f"{done:,} of {expected:,} orders"
            report(Progress(_STEP, _COPY_SHARE * done / expected, detail))
    return counted


def _encoded(generator: Generator) -> Iterator[tuple[str, int, bytes]]:
    """Table, number of rows and the rows as a whole COPY stream."""
    for rows in generator.rows():
        yield rows.table, len(rows), COPY_HEADER + rows.encode() + COPY_TRAILER


async def _in_slices(data: bytes) -> AsyncIterator[bytes]:
    """Slices small enough for the event loop to get its turn between them."""
    for start in range(0, len(data), _SLICE_BYTES):
        yield data[start : start + _SLICE_BYTES]


async def _add_users(connection: asyncpg.Connection, generator: Generator) -> None:
    since = generator.opened_at
    for user in USERS:
        user_id = generator.user_id(user.handle)
        await connection.execute(
            _INSERT_USER,
            user_id,
            user.handle,
            user.display_name,
            user.role,
            user.permissions,
            since,
        )
        for name in user.stores:
            store_id = generator.store_id(name)
            await connection.execute(_INSERT_USER_STORE, user_id, store_id, since)
            if user.role == "store_manager":
                await connection.execute(_INSERT_STORE_MANAGER, user_id, store_id, since)


async def _finish(
    connection: asyncpg.Connection,
    restorations: Sequence[Restoration],
    rows: Mapping[str, int],
    report: ReportProgress,
) -> None:
    # The rollups need the planner's statistics but no index, and fill faster without their own.
    steps = [
        (_ANALYZE, "statistics", rows["orders"]),
        (_REBUILD, "sales figures", 2 * rows["order_items"]),
    ]
    steps += [(step.statement, step.purpose, rows.get(step.table, 0)) for step in restorations]
    steps += [(_ANALYZE_ROLLUPS, "statistics", 0)]
    work, done = sum(size for _, _, size in steps), 0
    for statement, purpose, size in steps:
        fraction = _COPY_SHARE + (1 - _COPY_SHARE) * done / work
        async with _ticking(report, fraction, purpose):
            await connection.execute(statement)
        done += size


@asynccontextmanager
async def _ticking(report: ReportProgress, fraction: float, detail: str) -> AsyncIterator[None]:
    """Reports now, and again and again with the seconds gone by until the work is done."""

    async def tick() -> None:
        started = monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            report(Progress(_STEP, fraction, f"{detail}, {monotonic() - started:.1f} s"))

    report(Progress(_STEP, fraction, detail))
    ticker = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticker.cancel()
