"""Two managers on two connections, with cancels, timeouts and errors between: nothing mixes."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.conftest import Staff
from tests.security.conftest import Canaries
from tests.security.live import described
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import ZavaError
from zava_server.startup import Database

SECONDS = float(os.environ.get("TEST_HAMMER_SECONDS", "10"))
WORKERS_EACH = 4
STATEMENT_SECONDS = 0.15

ANSWERED = [
    "SELECT * FROM retail.customers WHERE email LIKE 'canary-%'",
    "SELECT o.*, c.* FROM retail.orders o LEFT JOIN retail.customers c USING (customer_id) "
    "ORDER BY o.total_amount DESC LIMIT 20",
    "SELECT * FROM retail.store_managers",
    "SELECT * FROM retail.inventory ORDER BY stock_level DESC LIMIT 5",
    "SELECT store_id, count(*), max(total_amount) FROM retail.orders GROUP BY 1",
]
FAILING = [
    "SELECT email::int FROM retail.customers",
    "SELECT 1 / (line_no - line_no) FROM retail.order_items",
    "SELECT no_such_column FROM retail.orders",
    "SELECT * FROM identity.users",
]
ENDLESS = "SELECT c.*, pg_sleep(5) FROM retail.customers AS c"


@pytest.mark.timeout(SECONDS + 60)
async def test_two_managers_on_two_connections_never_get_each_others_rows(
    database: Database, signing_key: SigningKey, canaries: Canaries, staff: Staff
) -> None:
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + SECONDS

    async def call(queries: SalesQueries, handle: str, dice: random.Random) -> None:
        me = staff[handle]
        sql = dice.choice([*ANSWERED, *ANSWERED, *FAILING, ENDLESS])
        task = asyncio.create_task(queries.run(me, sql, 1000))
        patience = dice.choice([None, None, 0.0, 0.002, 0.01, 0.05])
        if patience is not None:
            await asyncio.wait({task}, timeout=patience)
            task.cancel()
        try:
            table = (await task).table
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1
            return
        except ZavaError as error:
            outcomes[error.code] += 1
            told = canaries.seen_in(described(error), me)
        else:
            outcomes["answered"] += 1
            told = canaries.seen_in(table.rows, me)
            check_rows(sql, table.rows, str(me.store_ids[0]))
        assert not told

    def check_rows(sql: str, rows: Sequence[Sequence[Any]], store: str) -> None:
        assert sql in ANSWERED
        assert {row[0] for row in rows} == {store}

    async def worker(queries: SalesQueries, handle: str, seed: int) -> None:
        dice = random.Random(seed)
        while time.monotonic() < end:
            await call(queries, handle, dice)

    async with Pool(database.app, min_size=2, max_size=2, acquire_seconds=5).running() as pool:
        reads = ReadTransactions(
            pool, signing_key, time_zone="UTC", statement_seconds=STATEMENT_SECONDS
        )
        queries = SalesQueries(reads, max_bytes=1_000_000)
        async with asyncio.TaskGroup() as group:
            for seed in range(WORKERS_EACH):
                group.create_task(worker(queries, "tacoma", seed))
                group.create_task(worker(queries, "everett", 100 + seed))
        for handle in ("tacoma", "everett") * 2:
            mine = (await queries.run(staff[handle], ANSWERED[0], 10)).table.rows
            assert [row[0] for row in mine] == [str(staff[handle].store_ids[0])]
        assert pool.figures().in_use == 0
        assert pool.figures().size <= 2
    assert min(outcomes["answered"], outcomes["cancelled"], outcomes["QUERY_TIMEOUT"]) > 10
    assert outcomes["DATABASE_ERROR"] > 10
