"""What guard, identity, transaction and encoding add to a statement, without MCP."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.ground import Ground
from tests.bench.interleaved import equal, interleaved
from tests.bench.result import Result, Target

_SQL = "SELECT 1"


async def run(ground: Ground) -> Sequence[Result]:
    queries, user = ground.services.sales_queries, ground.users["seattle"]
    raw = await ground.database.app.connect()
    try:
        answer = await queries.execute(user, _SQL, 1000)
        rows = await raw.fetch(_SQL)
        equal([list(row) for row in answer.table.rows], [list(row) for row in rows], _SQL)
        pair = await interleaved(
            lambda: queries.execute(user, _SQL, 1000),
            lambda: raw.fetch(_SQL),
            warm_up=ground.size.repeats(200),
            repeats=ground.size.repeats(1000),
        )
    finally:
        await raw.close()
    return [pair.result("SELECT 1 in process, against asyncpg alone", Target("difference", 0.8))]
