"""Two managers on two connections, with cancels, timeouts and errors between: nothing mixes."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from tests.conftest import Staff
from tests.security.conftest import Canaries
from tests.security.hammer import ANSWERED, STATEMENT_SECONDS, Hammer
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.startup import Database

SECONDS = float(os.environ.get("TEST_HAMMER_SECONDS", "6"))
WORKERS_EACH = 4


@pytest.mark.timeout(SECONDS + 60)
async def test_two_managers_on_two_connections_never_get_each_others_rows(
    database: Database, signing_key: SigningKey, canaries: Canaries, staff: Staff
) -> None:
    async with Pool(database.app, min_size=2, max_size=2, acquire_seconds=5).running() as pool:
        reads = ReadTransactions(
            pool, signing_key, time_zone="UTC", statement_seconds=STATEMENT_SECONDS
        )
        queries = SalesQueries(reads, max_bytes=1_000_000)
        hammer = Hammer(queries, staff, canaries)
        end = time.monotonic() + SECONDS
        async with asyncio.TaskGroup() as group:
            for seed in range(WORKERS_EACH):
                group.create_task(hammer.work("tacoma", seed, end))
                group.create_task(hammer.work("everett", 100 + seed, end))
        for handle in ("tacoma", "everett") * 2:
            mine = (await queries.run(staff[handle], ANSWERED[0], 10)).table.rows
            assert [row[0] for row in mine] == [str(staff[handle].store_ids[0])]
        assert pool.figures().in_use == 0
        assert pool.figures().size <= 2
    outcomes = hammer.outcomes
    assert min(outcomes["answered"], outcomes["cancelled"], outcomes["QUERY_TIMEOUT"]) > 10
    assert outcomes["DATABASE_ERROR"] > 10
