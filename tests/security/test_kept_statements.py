"""What the server prepares on a connection serves the next call, and no caller can change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.data.measured_connection import MeasuredConnection
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import DatabaseLost
from zava_server.startup import Database

MINE = "SELECT DISTINCT store_id::text FROM retail.orders"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """One connection, so that every caller has the same."""
    async with Pool(database.app, min_size=1, max_size=1, acquire_seconds=5).running() as running:
        yield running


@pytest.fixture
def transactions(pool: Pool, signing_key: SigningKey) -> ReadTransactions:
    return ReadTransactions(pool, signing_key, time_zone="UTC", statement_seconds=5)


async def names_kept(pool: Pool) -> set[str]:
    async with pool.connection() as connection:
        kept: Any = cast("MeasuredConnection", connection)._stmt_cache
        return {statement.name for statement in kept.iter_statements()}


async def session_of(pool: Pool) -> int:
    async with pool.connection() as connection:
        return connection.get_server_pid()


async def test_the_next_call_finds_them_prepared(
    pool: Pool, transactions: ReadTransactions, staff: Staff
) -> None:
    async with transactions.read_as(staff["tacoma"]):
        pass
    kept = await names_kept(pool)
    async with transactions.read_as(staff["everett"]):
        pass
    assert kept
    assert await names_kept(pool) == kept


async def test_a_callers_statement_is_not_kept(
    pool: Pool, transactions: ReadTransactions, staff: Staff
) -> None:
    queries = SalesQueries(transactions, max_bytes=1_000_000)
    await queries.run(staff["tacoma"], MINE, 10)
    kept = await names_kept(pool)
    await queries.run(staff["tacoma"], f"{MINE} LIMIT 3", 10)
    assert await names_kept(pool) == kept


async def test_a_plan_made_for_one_role_serves_another_with_its_own_rows(
    transactions: ReadTransactions, staff: Staff
) -> None:
    for handle in ("tacoma", "head-office", "everett", "puget-sound", "tacoma") * 2:
        async with transactions.read_as(staff[handle]) as transaction:
            rows = await transaction.connection.fetch(MINE)
        assert {row[0] for row in rows} == {str(store) for store in staff[handle].store_ids}


@pytest.mark.parametrize(
    "attack",
    [
        "DEALLOCATE ALL",
        'PREPARE more AS SELECT 1; DEALLOCATE "{name}"',
        'DEALLOCATE "{name}"; PREPARE "{name}" AS SELECT 1',
        "DISCARD ALL",
    ],
    ids=["taken away", "swapped", "in place of ours", "discarded"],
)
async def test_a_caller_who_changes_them_costs_the_connection(
    attack: str, pool: Pool, transactions: ReadTransactions, staff: Staff
) -> None:
    async with transactions.read_as(staff["tacoma"]):
        pass
    before, name = await session_of(pool), min(await names_kept(pool))
    async with transactions.read_as(staff["tacoma"]) as transaction:
        await transaction.connection.execute("COMMIT")
        await transaction.connection.execute(attack.format(name=name))
    assert await session_of(pool) != before
    async with transactions.read_as(staff["everett"]) as transaction:
        rows = await transaction.connection.fetch(MINE)
    assert [row[0] for row in rows] == [str(staff["everett"].store_ids[0])]


@pytest.fixture
async def changing(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner, with a table `retail.changing` that all managers may read."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute("CREATE TABLE retail.changing AS SELECT 1.5::numeric(10, 2) AS n")
    await admin.execute("GRANT SELECT ON retail.changing TO store_managers")
    yield admin
    await admin.execute("DROP TABLE retail.changing; DROP TYPE IF EXISTS retail.mood")
    await admin.close()


async def test_a_table_that_changes_its_form_costs_one_attempt(
    changing: asyncpg.Connection, transactions: ReadTransactions, staff: Staff
) -> None:
    async def read() -> object:
        async with transactions.read_as(staff["tacoma"]) as transaction:
            return await transaction.connection.fetchval("SELECT n FROM retail.changing")

    before = await read()
    await changing.execute("ALTER TABLE retail.changing ALTER n TYPE numeric(12, 2)")
    # Calls are made again after this.
    with pytest.raises(DatabaseLost):
        await read()
    assert await read() == before


async def test_a_type_that_is_newer_than_the_connection_costs_the_connection(
    changing: asyncpg.Connection, pool: Pool, transactions: ReadTransactions, staff: Staff
) -> None:
    queries = SalesQueries(transactions, max_bytes=1_000_000)
    before = await session_of(pool)
    await changing.execute(
        """
        CREATE TYPE retail.mood AS ENUM ('good', 'bad');
        ALTER TABLE retail.changing ADD COLUMN mood retail.mood DEFAULT 'good'
        """
    )
    with pytest.raises(DatabaseLost):
        await queries.run(staff["tacoma"], "SELECT mood FROM retail.changing", 10)
    answer = await queries.run(staff["tacoma"], "SELECT mood FROM retail.changing", 10)
    assert list(answer.table.rows) == [["good"]]
    assert await session_of(pool) != before
