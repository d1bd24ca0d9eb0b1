"""Behind PgBouncer in transaction mode, where each transaction meets another session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from pydantic import SecretStr

from tests.conftest import Staff
from tests.integration.embedded_processes import reachable_directory
from tests.integration.pgbouncer import pooler
from tests.integration.postgres_servers import HOST, PostgresServer, copy_of
from tests.integration.states import until, until_it_is
from tests.security.conftest import Canaries
from tests.security.hammer import ANSWERED, STATEMENT_SECONDS, Hammer
from zava_server.backend import Backend
from zava_server.data.endpoint import Endpoint
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

SESSIONS = 8
CLIENTS = 200
SECONDS = 6.0
STORES = ["seattle", "bellevue", "tacoma", "spokane", "everett", "redmond", "kirkland", "online"]


@pytest.fixture(scope="module")
async def primary(database: Database, canaries: Canaries) -> AsyncIterator[PostgresServer]:
    """A server of one's own, with the canaries in it."""
    async with copy_of(database) as server:
        yield server


@pytest.fixture(scope="module")
async def pooled(primary: PostgresServer) -> AsyncIterator[str]:
    """Where zava_app logs in at the pooler."""
    with (
        reachable_directory() as place,
        pooler(primary.port, place, sessions=SESSIONS) as port,
    ):
        yield f"postgresql://zava_app@{HOST}:{port}/zava"


@asynccontextmanager
async def looking(primary: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    """The owner, past the pooler."""
    connection = await asyncpg.connect(
        host=HOST, port=primary.port, user="zava_owner", database="zava"
    )
    try:
        yield connection
    finally:
        await connection.close()


SESSIONS_NOW = """
SELECT count(*) AS all, count(*) FILTER (WHERE state <> 'idle') AS busy,
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks
FROM pg_stat_activity WHERE usename = 'zava_app'
"""
RUNNING = """
SELECT count(*) FROM pg_stat_activity
WHERE query LIKE '%to_be_ended%' AND state = 'active' AND pid <> pg_backend_pid()
"""

LEFT = """
SELECT nullif(current_setting('zava.identity', true), '') AS identity, current_user AS role
"""


async def left_in_sessions(pooled: str) -> list[tuple[str | None, str, bool]]:
    """Identity, role and whether anything is prepared, in each session that the pooler lends."""
    # All at once, so that each has another session.
    clients = [await asyncpg.connect(pooled, statement_cache_size=0) for _ in range(SESSIONS)]
    found = []
    for client in clients:
        await client.execute("BEGIN")
        row = await client.fetchrow(LEFT)
        assert row is not None
        # It refuses a session in which SQL has prepared any,
        await client.execute("SELECT identity.check_statements(0)")
        try:
            # and one in which fewer are prepared than there should be.
            await client.execute("SELECT identity.check_statements(1)")
            prepared = True
        except asyncpg.RaiseError:
            prepared = False
        found.append((row["identity"], row["role"], prepared))
    for client in clients:
        await client.close()
    return found


@pytest.mark.timeout(120)
async def test_two_hundred_clients_of_eight_stores_get_their_own_rows_only(
    primary: PostgresServer,
    pooled: str,
    signing_key: SigningKey,
    canaries: Canaries,
    staff: Staff,
) -> None:
    there = Endpoint.from_url(pooled, "ZAVA_DATABASE_URL")
    async with Pool(there, min_size=1, max_size=CLIENTS, acquire_seconds=30).running() as pool:
        reads = ReadTransactions(
            pool, signing_key, time_zone="UTC", statement_seconds=STATEMENT_SECONDS
        )
        queries = SalesQueries(reads, max_bytes=1_000_000)
        hammer = Hammer(queries, staff, canaries)
        end = time.monotonic() + SECONDS
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(hammer.work(STORES[number % len(STORES)], number, end))
        for handle in STORES:
            mine = (await queries.run(staff[handle], ANSWERED[0], 10)).table.rows
            assert [row[0] for row in mine] == [str(staff[handle].store_ids[0])]
        async with looking(primary) as owner:
            await until(lambda: pool.figures().in_use == 0)
            now = await owner.fetchrow(SESSIONS_NOW)
            assert now is not None
            assert now["all"] <= SESSIONS
            assert (now["busy"], now["locks"]) == (0, 0)
    assert set(await left_in_sessions(pooled)) == {(None, "zava_app", False)}
    assert hammer.outcomes["answered"] > 10
    assert hammer.outcomes["cancelled"] > 10


async def test_the_whole_server_works_and_a_cancelled_call_ends_its_statement(
    primary: PostgresServer, pooled: str, settings: Settings
) -> None:
    behind = settings.model_copy(update={"database_url": SecretStr(pooled), "user": "tacoma"})
    async with Backend(behind).running() as backend, looking(primary) as owner:
        await backend.ready()
        services, me = backend.services, backend.identity
        assert (await services.sales_queries.execute(me, "SELECT count(*) FROM orders", 10)).table
        assert await services.stores.all(me)
        assert await services.schemas.describe(me, ["retail.orders"])
        sql = "SELECT count(*) AS to_be_ended FROM orders a, order_items b, order_items c"
        task = asyncio.create_task(services.sales_queries.execute(me, sql, 10))
        await until_it_is(lambda: owner.fetchval(RUNNING), 1, seconds=20)
        task.cancel()
        await until_it_is(lambda: owner.fetchval(RUNNING), 0, seconds=20)
