"""A call of the real server beside one of a server without walls, over stdio and HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastmcp import Client

from tests.bench.clients import (
    bare_command,
    both_over_http,
    fetch,
    one,
    over_stdio,
    plain,
    query,
    stdio_command,
)
from tests.bench.ground import Ground
from tests.bench.interleaved import equal, interleaved
from tests.bench.result import Result, Target

_USER = "seattle"
_ONE = "SELECT 1"
_ROWS = """
SELECT store_id, order_id, line_no, product_id, quantity, unit_price, discount_percent, total_amount
FROM retail.order_items WHERE store_id = '{store}'
ORDER BY store_id, order_id, line_no LIMIT 1000
"""


async def over_stdio_run(ground: Ground) -> Sequence[Result]:
    async with (
        over_stdio(stdio_command(ground, _USER)) as ours,
        over_stdio(bare_command(ground)) as bare,
    ):
        return [
            await _select_one(ground, ours, bare, "stdio", 1.6),
            await _thousand_rows(ground, ours, bare),
        ]


async def over_http_run(ground: Ground) -> Sequence[Result]:
    async with both_over_http(ground, _USER) as (ours, bare):
        return [await _select_one(ground, ours, bare, "HTTP", 1.5)]


async def _select_one(
    ground: Ground, ours: Client[Any], bare: Client[Any], way: str, bound: float
) -> Result:
    equal(await query(ours, _ONE), await one(bare), _ONE)
    pair = await interleaved(
        lambda: query(ours, _ONE),
        lambda: one(bare),
        warm_up=ground.size.repeats(100),
        repeats=ground.size.repeats(500),
    )
    return pair.result(f"SELECT 1 over {way}, against a constant", Target("ratio", bound))


async def _thousand_rows(ground: Ground, ours: Client[Any], bare: Client[Any]) -> Result:
    sql = _ROWS.format(store=ground.users[_USER].store_ids[0])
    what = "1,000 rows × 8 over stdio, against asyncpg as owner"
    equal(plain(await query(ours, sql)), plain(await fetch(bare, sql)), what)
    pair = await interleaved(
        lambda: query(ours, sql),
        lambda: fetch(bare, sql),
        warm_up=ground.size.repeats(20),
        repeats=ground.size.repeats(100),
    )
    return pair.result(what, Target("ratio", 2.0))
