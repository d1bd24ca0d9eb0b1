"""A year's dashboard from the rollups, beside the same figures from orders and their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, time, timedelta
from functools import partial
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
_WHO = ("seattle", "head-office")
_LATEST = "SELECT max(order_date) FROM retail.orders"

Figures = Mapping[str, float | int | None]


async def run(ground: Ground) -> Sequence[Result]:
    return await measure(ground, "")


async def measure(ground: Ground, where: str) -> Sequence[Result]:
    """A store's and the chain's; `where` says of which database."""
    return [await _beside_lines(ground, ground.users[who], where) for who in _WHO]


async def growth(small: Ground, large: Ground) -> Sequence[Result]:
    """What more data add."""
    found = []
    for who in _WHO:
        asked = [
            partial((await _service(ground)).performance, ground.users[who], None, "12m")
            for ground in (large, small)
        ]
        pair = await interleaved(
            *asked,
            warm_up=large.size.repeats(10),
            repeats=large.size.repeats(60),
        )
        what = f"12 months of {who} from 10 × the data, against 1 ×"
        found.append(pair.result(what, Target("ratio", 1.3)))
    return found


async def _service(ground: Ground) -> StorePerformanceService:
    now: datetime = await ground.owner.fetchval(_LATEST) + timedelta(seconds=1)
    transactions = ReadTransactions(
        ground.pool, ground.key, time_zone=ground.settings.time_zone, statement_seconds=30
    )
    return StorePerformanceService(Performance(transactions), lambda: now)


async def _beside_lines(ground: Ground, user: Identity, where: str) -> Result:
    service = await _service(ground)
    answer = await service.performance(user, None, "12m")
    arguments = [user.store_ids, *_periods(answer, ground.settings.time_zone)]
    what = f"12 months of {user.handle}{where}, against the same from lines"
    rows = await ground.owner.fetch(_FROM_LINES, *arguments)
    equal(_told(answer), _counted(rows), what)
    pair = await interleaved(
        lambda: service.performance(user, None, "12m"),
        lambda: ground.owner.fetch(_FROM_LINES, *arguments),
        warm_up=0,  # both were asked before, to be compared
        repeats=ground.size.repeats(9),
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
