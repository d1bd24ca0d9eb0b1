"""The figures of the stores that an import has touched, counted anew."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

from zava_server.infrastructure.progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from zava_server.infrastructure.progress import ReportProgress

_STEP = "sales figures"
_TICK_SECONDS = 0.4
_COUNT_TOUCHED = "SELECT count(DISTINCT store_id) FROM touched_stores"
# The planner counts by the new sizes, and so do queries from the commit on.
_ANALYZE = """
ANALYZE retail.stores, retail.products, retail.product_costs, retail.customers, retail.orders,
    retail.order_items, retail.inventory
"""
# All at once: it reads whole tables, however few the stores.
_COUNT_ANEW = """
SELECT retail.rebuild_rollups(ARRAY(SELECT DISTINCT store_id FROM touched_stores))
"""


async def count_anew(owner: asyncpg.Connection, report: ReportProgress) -> None:
    """Within the import's transaction, whose writing must be done."""
    await owner.execute(_ANALYZE)
    stores = await owner.fetchval(_COUNT_TOUCHED)
    if stores:
        async with _ticking(report, f"{stores:,} stores"):
            await owner.execute(_COUNT_ANEW)
    report(Progress(_STEP, 1.0, f"{stores:,} stores"))


@asynccontextmanager
async def _ticking(report: ReportProgress, what: str) -> AsyncIterator[None]:
    """Reports again and again, with the seconds gone by, until the work is done."""

    async def tick() -> None:
        started = monotonic()
        while True:
            report(Progress(_STEP, 0.0, f"{what}, {monotonic() - started:.1f} s"))
            await asyncio.sleep(_TICK_SECONDS)

    ticker = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticker.cancel()
