"""Generated SELECTs give each user what the same query gives over their stores' rows alone."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings

from tests.conftest import Staff
from tests.security.conftest import Canaries
from tests.security.generated_selects import SCHEMA, selects
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.statements import Table, run_statement
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import DatabaseError, QueryRejected
from zava_server.startup import Database

# A few hundred in all; thousands when asked: TEST_GENERATED=5000.
STATEMENTS = int(os.environ.get("TEST_GENERATED", "120"))
MAX_ROWS = 20_000
MAX_BYTES = 16_000_000
TIME_ZONE = "America/Los_Angeles"
SHARED = ("stores", "categories", "product_types", "products", "product_costs")
TENANT = (
    "customers", "orders", "order_items", "inventory", "store_managers", "daily_sales",
    "daily_totals", "daily_margins", "hourly_sales", "monthly_sales", "monthly_products",
    "hourly_margins", "visits", "daily_visits", "repeat_visits", "monthly_rhythm",
    "monthly_margins",
)  # fmt: skip
HANDLES = ("tacoma", "puget-sound", "head-office")


@pytest.fixture(scope="module")
async def oracle(
    database: Database, staff: Staff, canaries: Canaries
) -> AsyncIterator[asyncpg.Connection]:
    """The owner, with a schema for each user that holds only what is theirs."""
    assert database.owner is not None
    owner = await database.owner.connect()
    for handle in HANDLES:
        schema = f'"oracle {handle}"'
        stores = ", ".join(f"'{store}'" for store in staff[handle].store_ids)
        await owner.execute(f"CREATE SCHEMA {schema}")
        for table in SHARED:
            await owner.execute(f"CREATE VIEW {schema}.{table} AS SELECT * FROM retail.{table}")
        for table in TENANT:
            await owner.execute(
                f"CREATE TABLE {schema}.{table} AS SELECT * FROM retail.{table} "
                f"WHERE store_id IN ({stores})"
            )
    await owner.execute(f"SET TimeZone = '{TIME_ZONE}'; SET statement_timeout = '20s'; ANALYZE")
    yield owner
    for handle in HANDLES:
        await owner.execute(f'DROP SCHEMA "oracle {handle}" CASCADE')
    await owner.close()


def multiset(table: Table) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True) for row in table.rows)


async def by_the_oracle(oracle: asyncpg.Connection, handle: str, sql: str) -> Table | str:
    sql = sql.replace(SCHEMA, f'"oracle {handle}"')
    try:
        async with oracle.transaction(readonly=True):
            connection: Any = oracle
            return await run_statement(connection, sql, max_rows=MAX_ROWS, max_bytes=MAX_BYTES)
    except DatabaseError as error:
        return error.message.partition(" (line")[0]


async def by_the_server(queries: SalesQueries, staff: Staff, handle: str, sql: str) -> Table | str:
    checked = SqlGuard(RETAIL_POLICY).check(sql.replace(SCHEMA, "retail"))
    try:
        return (await queries.run(staff[handle], checked.sql, MAX_ROWS)).table
    except DatabaseError as error:
        return error.message.partition(" (line")[0]


@pytest.mark.timeout(3600 if STATEMENTS > 1000 else 120)
@pytest.mark.parametrize("handle", HANDLES)
async def test_a_generated_select_gives_exactly_the_rows_of_ones_own_stores(
    handle: str,
    oracle: asyncpg.Connection,
    transactions: ReadTransactions,
    canaries: Canaries,
    staff: Staff,
) -> None:
    queries = SalesQueries(transactions, max_bytes=MAX_BYTES)
    compared = Counter[str]()

    @settings(
        max_examples=STATEMENTS,
        deadline=None,
        database=None,
        derandomize=STATEMENTS <= 1000,
        suppress_health_check=list(HealthCheck),
    )
    @given(selects())
    async def check(sql: str) -> None:
        try:
            found = await by_the_server(queries, staff, handle, sql)
        except QueryRejected as rejected:
            raise AssertionError(f"an honest statement was rejected: {rejected}") from rejected
        expected = await by_the_oracle(oracle, handle, sql)
        if isinstance(found, str) or isinstance(expected, str):
            assert found == expected
            compared["errors"] += 1
            return
        assert not canaries.seen_in(found.rows, staff[handle])
        assert found.truncated == expected.truncated
        if not found.truncated:
            assert multiset(found) == multiset(expected)
        compared["with rows" if found.rows else "empty"] += 1

    await run_given(check)
    # The comparison would say nothing if most were empty or wrong.
    assert compared["with rows"] > sum(compared.values()) / 2
    assert compared["errors"] < sum(compared.values()) / 20


async def run_given(check: Any) -> None:
    """Runs an async hypothesis test in the running loop, in whose connections it works."""
    loop = asyncio.get_running_loop()
    inner = check.hypothesis.inner_test

    def wait_for(*arguments: Any, **named: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(*arguments, **named), loop).result()

    check.hypothesis.inner_test = wait_for
    await asyncio.to_thread(check)
