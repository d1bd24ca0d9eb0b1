"""The pool lends for a bounded wait and is whole again after whatever happened to a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from asyncpg import connect_utils

from tests.conftest import Staff
from tests.integration.states import until, until_it_is
from zava_server.data import transactions as transactions_module
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.stores import Stores
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import (
    Busy,
    DatabaseError,
    DatabaseUnavailable,
    QueryTimeout,
    ResultTooLarge,
    ZavaError,
)
from zava_server.startup import Database

SIZE = 2
CALLS = 40
MAX_BYTES = 100_000


@pytest.fixture
async def small(database: Database) -> AsyncIterator[Pool]:
    pool = Pool(database.app, min_size=1, max_size=SIZE, acquire_seconds=5)
    async with pool.running():
        yield pool


@pytest.fixture
async def hasty(database: Database) -> AsyncIterator[Pool]:
    pool = Pool(database.app, min_size=SIZE, max_size=SIZE, acquire_seconds=0.3)
    async with pool.running():
        yield pool


def transactions(pool: Pool, key: SigningKey, seconds: float) -> ReadTransactions:
    return ReadTransactions(pool, key, time_zone="UTC", statement_seconds=seconds)


@pytest.fixture
def queries(small: Pool, signing_key: SigningKey) -> SalesQueries:
    return SalesQueries(transactions(small, signing_key, 30), max_bytes=MAX_BYTES)


@pytest.fixture
def impatient(small: Pool, signing_key: SigningKey) -> ReadTransactions:
    return transactions(small, signing_key, 0.5)


@pytest.fixture
async def observer(database: Database) -> AsyncIterator[asyncpg.Connection]:
    assert database.owner is not None
    connection = await database.owner.connect()
    yield connection
    await connection.close()


async def assert_whole(pool: Pool) -> None:
    """Every connection can be lent, in no transaction, and knows nobody."""
    async with asyncio.timeout(10):
        while pool.figures().in_use:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.01)
    async with pool.connection() as one, pool.connection() as other:
        for connection in (one, other):
            assert not connection.is_in_transaction()
            assert not await connection.fetchval("SELECT current_setting('zava.identity', true)")
            assert await connection.fetchval("SELECT current_user = session_user")
            assert await connection.fetchval("SELECT retail.current_user_id()") is None
    assert pool.figures().size == SIZE
    assert pool.figures().waiting == 0


async def test_calls_beyond_the_connections_are_told_that_it_is_busy(
    hasty: Pool, signing_key: SigningKey, staff: Staff
) -> None:
    queries = SalesQueries(transactions(hasty, signing_key, 30), max_bytes=MAX_BYTES)
    answers = await asyncio.gather(
        *(queries.run(staff["seattle"], "SELECT pg_sleep(0.5)", 1) for _ in range(CALLS)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert SIZE <= CALLS - len(refused) < CALLS / 2
    assert all(isinstance(error, Busy) for error in refused)
    assert "All 2 database connections stayed in use for 0.3 s." in str(refused[0])
    await assert_whole(hasty)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 1 / 0", DatabaseError),
        (f"SELECT repeat('x', {MAX_BYTES})", ResultTooLarge),
        ("SELECT repeat('x', 60000000)::int", ResultTooLarge),
        (
            "SELECT array_agg(repeat('x', n)) FROM generate_series(1000000, 1005000) n",
            ResultTooLarge,
        ),
        ("ROLLBACK", ZavaError),
    ],
    ids=["error", "large-row", "large-message", "out-of-memory", "rollback"],
)
async def test_after_a_failure_it_is_whole(
    sql: str, error: type[ZavaError], small: Pool, queries: SalesQueries, staff: Staff
) -> None:
    results = await asyncio.gather(
        *(queries.run(staff["seattle"], sql, 10) for _ in range(SIZE)), return_exceptions=True
    )
    assert all(isinstance(result, error) for result in results), results
    await assert_whole(small)


async def test_after_timeouts_it_is_whole(
    small: Pool, impatient: ReadTransactions, staff: Staff
) -> None:
    impatiently = SalesQueries(impatient, max_bytes=MAX_BYTES)
    results = await asyncio.gather(
        *(impatiently.run(staff["seattle"], "SELECT pg_sleep(9)", 10) for _ in range(SIZE)),
        return_exceptions=True,
    )
    assert all(isinstance(result, QueryTimeout) for result in results), results
    await assert_whole(small)


async def test_after_cancelled_calls_it_is_whole(
    small: Pool, queries: SalesQueries, staff: Staff
) -> None:
    """Cancelled while they wait for a connection, begin, run and fetch."""
    for moment in range(30):
        calls = [
            asyncio.create_task(
                queries.run(
                    staff["seattle"],
                    "SELECT pg_sleep(0.0001), n FROM generate_series(1, 9000) AS n",
                    50_000,
                )
            )
            for _ in range(SIZE + 2)
        ]
        await asyncio.sleep(moment / 1000)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert all(call.cancelled() for call in calls)
    await assert_whole(small)


async def test_a_lost_connection_is_replaced(
    small: Pool, queries: SalesQueries, staff: Staff, observer: asyncpg.Connection
) -> None:
    calls = [
        asyncio.create_task(queries.run(staff["seattle"], "SELECT pg_sleep(20) AS to_be_lost", 1))
        for _ in range(SIZE)
    ]
    ended = 0
    async with asyncio.timeout(10):
        while ended < SIZE:
            ended += await observer.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE state = 'active' AND query LIKE '%row_to_json%to_be_lost%' "
                "AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.01)
    for result in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(result, DatabaseUnavailable)
        assert result.message == "The connection to the database was lost."
    await assert_whole(small)


async def test_a_connection_that_ended_while_idle_is_no_internal_error(
    small: Pool, queries: SalesQueries, staff: Staff, observer: asyncpg.Connection
) -> None:
    """Its end may be told and not yet have happened when the next call takes it."""
    for _ in range(100):
        async with small.connection() as connection:
            backend = connection.get_server_pid()
        await observer.fetchval("SELECT pg_terminate_backend($1)", backend)
        try:
            await queries.run(staff["seattle"], "SELECT 1", 1)
        except DatabaseUnavailable:
            continue
    await assert_whole(small)


async def test_our_own_queries_meet_the_same_limits(
    small: Pool, impatient: ReadTransactions, staff: Staff, observer: asyncpg.Connection
) -> None:
    """A lock on the stores holds the query up until its time is over."""
    async with observer.transaction():
        await observer.execute("LOCK TABLE retail.stores")
        with pytest.raises(QueryTimeout):
            await Stores(impatient).all(staff["seattle"])
    assert len(await Stores(impatient).all(staff["seattle"])) == 8
    await assert_whole(small)


async def test_a_cancel_that_comes_too_early_is_sent_again(
    small: Pool,
    queries: SalesQueries,
    staff: Staff,
    observer: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send, sent = connect_utils._cancel, 0  # type: ignore[attr-defined]  # the stubs hide it

    async def lose_the_first(**arguments: Any) -> None:
        nonlocal sent
        sent += 1
        if sent > 1:
            await send(**arguments)

    async def running() -> int:
        count: int = await observer.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%too_early%' "
            "AND wait_event = 'PgSleep'"
        )
        return count

    monkeypatch.setattr(connect_utils, "_cancel", lose_the_first)
    sql = "SELECT pg_sleep(25) AS too_early"
    call = asyncio.create_task(queries.run(staff["seattle"], sql, 1))
    await until_it_is(running, 1, seconds=20)
    call.cancel()
    await asyncio.wait({call})
    await until_it_is(running, 0, seconds=20)
    assert sent > 1
    await until(lambda: small.figures().in_use == 0)
    assert small.figures().endings == {}


async def test_an_answer_that_this_process_did_not_look_for_in_time_makes_it_busy(
    small: Pool, signing_key: SigningKey, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = transactions(small, signing_key, 30)
    assume = reads._assume

    async def held_up(*arguments: Any) -> None:
        time.sleep(0.8)  # noqa: ASYNC251 - nothing else runs meanwhile, which is the point
        await assume(*arguments)

    monkeypatch.setattr(transactions_module, "_ANSWER_SECONDS", 0.1)
    with monkeypatch.context() as within:
        within.setattr(reads, "_assume", held_up)
        with pytest.raises(Busy, match="more to do than it can"):
            async with reads.read_as(staff["seattle"]):
                pass
    monkeypatch.undo()
    await assert_whole(small)
