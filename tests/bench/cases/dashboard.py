"""A year's dashboard from the rollups, beside the same figures from orders and their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg

from tests.bench.ground import Ground
from tests.bench.interleaved import equal, interleaved
from tests.bench.result import Result, Target
from zava_server.business.store_performance import StorePerformance, StorePerformanceService
from zava_server.data.identity import Identity
from zava_server.data.performance import Performance
from zava_server.data.transactions import ReadTransactions

_FROM_LINES = Path(__file__).with_name("dashboard_from_lines.sql").read_text()
_LATEST = "SELECT max(order_date) FROM retail.orders"

Figures = Mapping[str, float | int | None]


async def run(ground: Ground) -> Sequence[Result]:
    return [await _dashboard(ground, ground.users[who]) for who in ("seattle", "head-office")]


async def _dashboard(ground: Ground, user: Identity) -> Result:
    now: datetime = await ground.owner.fetchval(_LATEST) + timedelta(seconds=1)
    transactions = ReadTransactions(
        ground.pool, ground.key, time_zone=ground.settings.time_zone, statement_seconds=30
    )
    service = StorePerformanceService(Performance(transactions), lambda: now)
    answer = await service.performance(user, None, "12m")
    arguments = [user.store_ids, *_periods(answer, ground.settings.time_zone)]
    what = f"12 months of {user.handle}, against the same from lines"
    rows = await ground.owner.fetch(_FROM_LINES, *arguments)
    equal(_told(answer), _counted(rows), what)
    pair = await interleaved(
        lambda: service.performance(user, None, "12m"),
        lambda: ground.owner.fetch(_FROM_LINES, *arguments),
        warm_up=ground.size.repeats(2),
        repeats=ground.size.repeats(15),
    )
    return pair.result(what, Target("ratio", 0.05))


def _periods(answer: StorePerformance, time_zone: str) -> Sequence[object]:
    """Names, starts and ends. Last year's are those of the period before."""
    zone = ZoneInfo(answer.time_zone or time_zone)
    spans = {"current": answer.periods.current, "previous": answer.periods.previous}
    starts = [datetime.combine(span.start, time(), zone) for span in spans.values()]
    return [list(spans), starts, [span.end.replace(tzinfo=zone) for span in spans.values()]]


def _told(answer: StorePerformance) -> dict[tuple[str, str], Figures]:
    figures: dict[tuple[str, str], Figures] = {
        ("all", "current"): asdict(answer.current),
        ("all", "previous"): asdict(answer.previous),
    }
    for part in ("category", "weekday", "hour"):
        for one in getattr(answer, f"by_{part}"):
            figures[part, one.name] = {"revenue": one.revenue, "orders": one.orders}
    return figures


def _counted(rows: Sequence[asyncpg.Record]) -> dict[tuple[str, str], Figures]:
    figures: dict[tuple[str, str], Figures] = {}
    for row in rows:
        counted = dict(row)
        part, name = counted.pop("part"), counted.pop("name")
        if part != "all":
            # Orders are not told by category.
            counted = {"revenue": counted["revenue"], "orders": counted["orders"] or 0}
        figures[part, name] = counted
    return figures
