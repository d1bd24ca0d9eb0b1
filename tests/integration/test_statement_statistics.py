"""What the server measures of statements, beside what PostgreSQL itself counted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.business.sales_queries import SalesQueryService
from zava_server.business.slow_queries import SlowQueries, StatementCost
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.data.identity import Identity
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.statement_log import StatementLog
from zava_server.data.statement_statistics import DatabaseStatistics
from zava_server.data.stores import Stores
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import (
    AuthorizationError,
    Busy,
    DatabaseError,
    ValidationError,
)
from zava_server.infrastructure.query_monitor import QueryMonitor
from zava_server.startup import Database

RESET = "SELECT statement_statistics.pg_stat_statements_reset()"

SLOW = "SELECT count(*) AS slow FROM generate_series(1, 1000000)"


class Server:
    """The parts of a server that measure, over a fresh monitor."""

    def __init__(self, pool: Pool, key: SigningKey) -> None:
        self.monitor = QueryMonitor(slow_seconds=1)
        self.transactions = ReadTransactions(
            pool, key, time_zone="UTC", statement_seconds=10, log=StatementLog(self.monitor)
        )
        queries = SalesQueries(self.transactions, max_bytes=1_000_000)
        self.sales = SalesQueryService(SqlGuard(RETAIL_POLICY), queries, self.monitor)
        self.slow = SlowQueries(self.monitor, DatabaseStatistics(self.transactions))

    async def cost(self, identity: Identity, words: str) -> StatementCost:
        """The one statement with these words in it."""
        answer = await self.slow.costliest(identity, 200)
        (found,) = [cost for cost in answer.statements if words in cost.query]
        return found


@pytest.fixture
async def observer(database: Database) -> AsyncIterator[asyncpg.Connection]:
    assert database.owner is not None
    connection = await database.owner.connect()
    await connection.execute(RESET)
    yield connection
    await connection.close()


@pytest.fixture
def server(pool: Pool, signing_key: SigningKey, observer: asyncpg.Connection) -> Server:
    return Server(pool, signing_key)


async def test_calls_and_rows_of_both_agree_over_all_users(server: Server, staff: Staff) -> None:
    for number in range(6):
        user = staff[("seattle", "tacoma", "head-office")[number % 3]]
        sql = f"SELECT sku, name FROM products WHERE name <> 'n{number}' ORDER BY sku LIMIT 7"
        await server.sales.execute(user, sql, 100)
    cost = await server.cost(staff["head-office"], "SELECT sku, name FROM products")
    assert cost.measured is not None
    assert cost.database is not None
    assert cost.measured.calls == cost.database.calls == 6
    assert cost.measured.rows == cost.database.rows == 42
    assert 0 < cost.database.total_ms < cost.measured.database_ms
    assert cost.database.buffer_hits > 0
    assert 0 < cost.database.share < 1
    assert cost.users == ["seattle", "tacoma", "head-office"]
    assert cost.query == "SELECT sku, name FROM products WHERE name <> $1 ORDER BY sku LIMIT $2"


@pytest.mark.parametrize("rows", [0, 499, 500, 501, 1000, 1700])
async def test_every_size_of_a_result_is_counted_by_postgresql(
    rows: int, server: Server, staff: Staff
) -> None:
    sql = f"SELECT n FROM generate_series(1, {rows}) AS n"
    answer = await server.sales.execute(staff["head-office"], sql, 1700)
    assert [row[0] for row in answer.table.rows] == list(range(1, rows + 1))
    cost = await server.cost(staff["head-office"], "generate_series")
    assert cost.database is not None
    assert (cost.database.calls, cost.database.rows) == (1, rows)


async def test_the_time_is_split_and_failures_are_counted(server: Server, staff: Staff) -> None:
    await server.sales.execute(staff["tacoma"], "SELECT 9 / n FROM generate_series(1, 9) n", 9)
    with pytest.raises(DatabaseError):
        await server.sales.execute(staff["tacoma"], "SELECT 9 / n FROM generate_series(0, 9) n", 9)
    cost = await server.cost(staff["tacoma"], "generate_series")
    figures = cost.measured
    assert figures is not None
    assert (figures.calls, figures.errors, figures.rows) == (2, 1, 9)
    parts = (figures.pool_ms, figures.database_ms, figures.encode_ms)
    assert min(parts) > 0
    assert figures.total_ms == pytest.approx(sum(parts))
    assert figures.received > 0
    (operation,) = server.monitor.operations()
    assert operation.outcomes == {"ok": 1, "DATABASE_ERROR": 1}


async def test_a_wait_for_a_connection_in_vain_is_no_time_of_the_database(
    database: Database, signing_key: SigningKey, staff: Staff
) -> None:
    small = Pool(database.app, min_size=1, max_size=1, acquire_seconds=0.05)
    async with small.running(), small.connection():
        server = Server(small, signing_key)
        with pytest.raises(Busy):
            await server.sales.execute(staff["tacoma"], "SELECT 1 AS one", 1)
        (figures,) = server.monitor.figures("tacoma")
    assert figures.pool_ms >= 50
    assert figures.database_ms == 0


async def test_zavas_own_statements_are_measured_too(server: Server, staff: Staff) -> None:
    await Stores(server.transactions.logged_as("stores")).all(staff["tacoma"])
    cost = await server.cost(staff["tacoma"], "FROM retail.stores")
    assert cost.operation == "stores"
    assert cost.measured is not None
    assert (cost.measured.calls, cost.measured.rows) == (1, 8)
    assert cost.measured.received > 8 * 16


async def test_what_ran_elsewhere_is_told_to_ops_without_its_literals(
    server: Server, pool: Pool, signing_key: SigningKey, staff: Staff
) -> None:
    other = Server(pool, signing_key)
    sql = "SELECT 'hush', count(*) FROM stores -- elsewhere hush"
    await other.sales.execute(staff["tacoma"], sql, 10)
    answer = await server.slow.costliest(staff["head-office"], 200)
    (cost,) = [c for c in answer.elsewhere if c.query == "SELECT $3, count(*) FROM stores"]
    assert (cost.operation, cost.measured) == ("query", None)
    everything = [c.query for c in (*answer.statements, *answer.elsewhere)]
    assert not any("hush" in query for query in everything)


async def test_no_utility_statement_is_told(
    server: Server, observer: asyncpg.Connection, staff: Staff
) -> None:
    await observer.execute("SET pg_stat_statements.track_utility = on")
    await observer.execute("COMMENT ON ROLE viewers IS 'hush'")
    answer = await server.slow.costliest(staff["head-office"], 200)
    assert not any("COMMENT" in c.query for c in (*answer.statements, *answer.elsewhere))


async def test_only_ops_gets_anything_past_the_guard_and_our_own_checks(
    transactions: ReadTransactions, staff: Staff
) -> None:
    for handle in ("tacoma", "puget-sound", "catalogue-agent"):
        with pytest.raises(AuthorizationError):
            await DatabaseStatistics(transactions).costliest(staff[handle], "total", 10)
        async with transactions.read_as(staff[handle]) as transaction:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await transaction.connection.fetch(
                    "SELECT * FROM statement_statistics.pg_stat_statements"
                )
    async with transactions.read_as(staff["head-office"]) as transaction:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await transaction.connection.fetch(
                "SELECT * FROM statement_statistics.pg_stat_statements(true)"
            )


async def test_the_app_itself_is_told_nothing(database: Database) -> None:
    connection = await database.app.connect()
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM zava.statement_statistics('total', 5)")
    finally:
        await connection.close()


async def test_sorting_is_by_total_mean_p95_or_calls(server: Server, staff: Staff) -> None:
    for _ in range(3):
        await server.sales.execute(staff["tacoma"], "SELECT 1 AS often", 1)
    await server.sales.execute(staff["tacoma"], SLOW, 1)
    for sort, first in (("calls", "often"), ("mean", "slow"), ("p95", "slow"), ("total", "slow")):
        answer = await server.slow.costliest(staff["tacoma"], 1, sort)
        assert first in answer.statements[0].query
    with pytest.raises(ValidationError, match="total, mean, p95, calls"):
        await server.slow.costliest(staff["tacoma"], 1, "colour")


async def test_without_the_extension_it_says_so_and_shows_its_own(
    server: Server, observer: asyncpg.Connection, staff: Staff
) -> None:
    await server.sales.execute(staff["head-office"], "SELECT 1 AS mine", 1)
    await observer.execute("ALTER SCHEMA statement_statistics RENAME TO moved")
    try:
        moved = await server.slow.costliest(staff["head-office"], 10)
        assert moved.notice is None
        await observer.execute("DROP EXTENSION pg_stat_statements")
        answer = await server.slow.costliest(staff["head-office"], 10)
    finally:
        await observer.execute("ALTER SCHEMA moved RENAME TO statement_statistics")
        await observer.execute(
            "CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA statement_statistics; "
            "REVOKE ALL ON ALL TABLES IN SCHEMA statement_statistics FROM PUBLIC; "
            "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA statement_statistics FROM PUBLIC"
        )
    assert answer.notice is not None
    assert "pg_stat_statements" in answer.notice
    assert any("mine" in cost.query for cost in answer.statements)
