"""No statement takes more memory, bytes or time than it may, and an error tells nothing foreign.

Statements that the guard would refuse run below it, as if it had a hole.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.conftest import Staff
from zava_server.data import transactions as transactions_module
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.statements import Table
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import (
    DatabaseError,
    QueryCancelled,
    QueryTimeout,
    ResultTooLarge,
    ZavaError,
)
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

MAX_BYTES = 8 * 1024 * 1024
MOST_GROWTH = 64 * 1024 * 1024

RunBelowTheGuard = Callable[..., Coroutine[Any, Any, Table]]


def queries(pool: Pool, key: SigningKey, seconds: float, max_bytes: int) -> SalesQueries:
    transactions = ReadTransactions(pool, key, time_zone="UTC", statement_seconds=seconds)
    return SalesQueries(transactions, max_bytes=max_bytes)


@pytest.fixture
def run(pool: Pool, signing_key: SigningKey, staff: Staff) -> RunBelowTheGuard:
    async def run_as_seattle(
        sql: str, *, max_rows: int = 1000, seconds: float = 30, max_bytes: int = MAX_BYTES
    ) -> Table:
        timed = await queries(pool, signing_key, seconds, max_bytes).run(
            staff["seattle"], sql, max_rows
        )
        return timed.table

    return run_as_seattle


class TestBytes:
    """What travels is bounded by the database, whatever the rows are like."""

    async def test_rows_that_fit_come_back_and_the_rest_is_said(
        self, run: RunBelowTheGuard
    ) -> None:
        table = await run("SELECT repeat('x', 3000) FROM generate_series(1, 20)", max_bytes=10_000)
        assert (len(table.rows), table.truncated) == (3, True)

    async def test_large_rows_beyond_the_limit_do_not_travel(self, run: RunBelowTheGuard) -> None:
        """A fetch asks for 500 rows, whatever their size: here 200 of 3 MB."""
        with growth_of(os.getpid()) as grown:
            table = await run("SELECT repeat('x', 3000000) FROM generate_series(1, 200)")
        assert (len(table.rows), table.truncated) == (2, True)
        assert grown() < MOST_GROWTH

    async def test_a_single_row_over_the_limit_is_an_error(self, run: RunBelowTheGuard) -> None:
        with pytest.raises(ResultTooLarge, match="A row of the result is larger than"):
            await run(
                "SELECT 'small' UNION ALL SELECT repeat('x', 2000)", max_bytes=1000, max_rows=5
            )

    async def test_what_counts_is_the_rendered_value(self, run: RunBelowTheGuard) -> None:
        """A numeric of a few bytes renders to 131,072 digits."""
        with pytest.raises(ResultTooLarge):
            await run("SELECT 1e131071::numeric", max_bytes=100_000)

    async def test_as_many_columns_as_there_can_be_come_back(self, run: RunBelowTheGuard) -> None:
        names = [f"c{number:04}{'x' * 58}" for number in range(1600)]
        table = await run("SELECT " + ", ".join(f'1 AS "{name}"' for name in names))
        assert [column.name for column in table.columns] == names

    async def test_a_message_does_not_bring_the_value_along(self, run: RunBelowTheGuard) -> None:
        with growth_of(os.getpid()) as grown, pytest.raises(ResultTooLarge):
            await run("SELECT repeat('x', 100000000)::int")
        assert grown() < MOST_GROWTH

    async def test_a_long_message_is_cut(self, run: RunBelowTheGuard) -> None:
        with pytest.raises(DatabaseError) as error:
            await run("SELECT repeat('x', 100000)::int")
        assert len(error.value.message) < 1100

    @pytest.mark.parametrize("element", ["'[]'::jsonb", "'{}'::jsonb", "n", "'ab'::text"])
    async def test_a_value_of_countless_elements_is_refused(
        self, element: str, run: RunBelowTheGuard
    ) -> None:
        with pytest.raises(ResultTooLarge, match="elements"):
            await run(f"SELECT jsonb_agg({element}) FROM generate_series(1, 600000) AS n")

    @pytest.mark.parametrize(("prefix", "width"), [("x", 1), ("é", 1), ("ż", 2), ("🛠", 4)])
    async def test_wide_characters_count_as_what_they_take_in_memory(
        self, prefix: str, width: int, run: RunBelowTheGuard
    ) -> None:
        table = await run(
            f"SELECT '{prefix}' || repeat('x', 900) FROM generate_series(1, 200)", max_bytes=100_000
        )
        assert table.truncated
        assert 100 / width <= len(table.rows) <= 112 / width


class TestMemory:
    """Seen from outside: the real server, over stdio."""

    async def test_the_server_grows_by_64_mb_at_most(
        self, database: Database, settings: Settings
    ) -> None:
        """All of these on one server, where each could take a gigabyte."""
        statements = {
            "a value of 500 MB": "SELECT string_agg(repeat('x', 1000), '') "
            "FROM generate_series(1, 500000)",
            "a message of 60 MB": "SELECT string_agg(repeat('x', 1000), '')::int "
            "FROM generate_series(1, 60000)",
            "10 million rows": "SELECT a, b FROM generate_series(1, 100000) a, "
            "generate_series(1, 100) b",
            "all bytes there may be": "SELECT n, '🛠' || repeat('x', 900) "
            "FROM generate_series(1, 1000000) n",
            "empty arrays": "SELECT jsonb_agg('[]'::jsonb) FROM generate_series(1, 1000000)",
        }
        async with Client(server(settings)) as client:
            # Loads the model, which no statement is to be blamed for.
            await client.call_tool("semantic_search_products", {"query_description": "a hammer"})
            with growth_of(server_process(settings)) as grown:
                for name, sql in statements.items():
                    result = await client.call_tool(
                        "execute_sales_query",
                        {"postgresql_query": sql, "max_rows": 50_000},
                        raise_on_error=False,
                    )
                    content = result.structured_content
                    assert content is not None
                    refused = content.get("error", {}).get("code") == "RESULT_TOO_LARGE"
                    assert refused or content["truncated"], name
                    assert grown() < MOST_GROWTH, name

    async def test_the_database_says_out_of_memory_and_the_others_live_on(
        self, run: RunBelowTheGuard, database: Database
    ) -> None:
        assert database.owner is not None
        bystander = await database.owner.connect()
        for sql in (
            "SELECT cardinality(array_agg(repeat('x', 1000))) FROM generate_series(1, 5000000)",
            "SELECT length(repeat('x', n + 800000000) || 'y') FROM generate_series(1, 1) AS n",
        ):
            with pytest.raises(ResultTooLarge):
                await run(sql)
        assert await bystander.fetchval("SELECT 1") == 1
        await bystander.close()
        assert (await run("SELECT 1")).rows == [[1]]

    async def test_so_is_too_much_on_disk(self, run: RunBelowTheGuard) -> None:
        with pytest.raises(ResultTooLarge):
            await run(
                "SELECT count(*) FROM (SELECT repeat('x', 900) || n AS s "
                "FROM generate_series(1, 1500000) AS n ORDER BY s) AS sorted"
            )


class TestTime:
    """Every statement ends, however it dawdles."""

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT pg_sleep(0.2) FROM generate_series(1, 1000)",
            # Each fetch of 500 rows stays below the limit.
            "SELECT pg_sleep(0.0005) FROM generate_series(1, 49000)",
            "SELECT pg_sleep(60)",
        ],
    )
    async def test_a_result_that_trickles_ends(self, sql: str, run: RunBelowTheGuard) -> None:
        with pytest.raises(QueryTimeout):
            async with asyncio.timeout(20):
                await run(sql, max_rows=50_000, seconds=1)
        assert (await run("SELECT 1")).rows == [[1]]

    async def test_a_timeout_of_the_transaction_is_one_too(
        self, pool: Pool, signing_key: SigningKey, staff: Staff
    ) -> None:
        """The database drops the connection then."""
        transactions = ReadTransactions(pool, signing_key, time_zone="UTC", statement_seconds=5)
        with pytest.raises(QueryTimeout):
            async with transactions.read_as(staff["seattle"]) as transaction:
                # Its timer starts anew only where none runs.
                await transaction.connection.execute("SET LOCAL transaction_timeout = 0")
                await transaction.connection.execute(
                    "SET LOCAL transaction_timeout = '100ms'; SELECT pg_sleep(4)"
                )
        async with transactions.read_as(staff["seattle"]) as transaction:
            assert await transaction.connection.fetchval("SELECT 1") == 1

    async def test_a_limit_beyond_the_logins_own_holds(
        self,
        pool: Pool,
        signing_key: SigningKey,
        staff: Staff,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        begin = f"SET transaction_timeout = '2s'; COMMIT; {transactions_module._BEGIN}"
        monkeypatch.setattr(transactions_module, "_BEGIN", begin)
        transactions = ReadTransactions(pool, signing_key, time_zone="UTC", statement_seconds=30)
        async with transactions.read_as(staff["seattle"]) as transaction:
            await transaction.connection.fetchval("SELECT pg_sleep(2.5)")

    async def test_a_cancel_by_somebody_else_is_not_a_timeout(
        self, run: RunBelowTheGuard, database: Database
    ) -> None:
        running = asyncio.create_task(run("SELECT pg_sleep(30) AS cancelled_by_others"))
        await end_backend(database, "pg_cancel_backend", "cancelled_by_others", running)
        with pytest.raises(QueryCancelled):
            await running


class TestMessages:
    """Errors name the caller's own values at most."""

    @pytest.fixture
    async def canary(self, database: Database, staff: Staff) -> AsyncIterator[str]:
        """A text in Tacoma that no conversion accepts."""
        assert database.owner is not None
        word = "canary-of-tacoma"
        owner = await database.owner.connect()
        await owner.execute(
            "INSERT INTO retail.customers (store_id, first_name, last_name, email) "
            f"VALUES ($1, '{word}', '{word}', '{word}@example.com')",
            staff["tacoma"].store_ids[0],
        )
        yield word
        await owner.execute(f"DELETE FROM retail.customers WHERE first_name = '{word}'")
        await owner.close()

    @pytest.mark.parametrize(
        "condition",
        [
            "first_name::int = 1",
            "first_name::uuid IS NULL",
            "first_name LIKE 'canary%' AND first_name::date > now()",
            "CASE WHEN first_name LIKE 'canary%' THEN first_name::numeric END > 0",
            "1 / (CASE WHEN first_name LIKE 'canary%' THEN 0 ELSE 1 END) = 2",
            "first_name::jsonb IS NOT NULL",
            "(first_name || email)::timestamptz < now()",
        ],
    )
    async def test_no_condition_is_tried_on_another_stores_rows(
        self, condition: str, canary: str, run: RunBelowTheGuard
    ) -> None:
        mine = "first_name LIKE 'canary%'"
        for sql in (
            f"SELECT * FROM retail.customers WHERE {mine} AND {condition}",
            f"SELECT * FROM retail.customers WHERE {condition} OR false",
            f"SELECT count(*) FROM retail.customers AS a JOIN retail.customers AS b "
            f"ON b.{condition} AND a.email = b.email",
        ):
            try:
                told = json.dumps((await run(sql)).rows)
            except ZavaError as error:
                told = f"{error} {error.__cause__}"
            assert canary not in told
            assert "division" not in told


class TestRates:
    """Held over stdio where they are set, and not otherwise."""

    async def test_calls_over_the_limit_are_told_when_to_come_back(
        self, database: Database, settings: Settings
    ) -> None:
        async with Client(server(settings, ZAVA_CALLS_PER_MINUTE="3")) as client:
            answers = [await client.call_tool("whoami", {}, raise_on_error=False) for _ in range(4)]
        assert [answer.is_error for answer in answers] == [False, False, False, True]
        error = answers[-1].structured_content
        assert error is not None
        assert error["error"]["code"] == "RATE_LIMITED"
        assert re.fullmatch(r"Try again in \d+ s\.", error["error"]["hint"])

    async def test_statements_over_the_limit_are_refused_while_the_others_run(
        self, database: Database, settings: Settings
    ) -> None:
        slow = (
            "SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 300) b "
            "WHERE a + b < 0"
        )
        async with Client(server(settings, ZAVA_MAX_CONCURRENT_STATEMENTS="2")) as client:
            for _ in range(2):
                answers = await asyncio.gather(
                    *(
                        client.call_tool(
                            "execute_sales_query", {"postgresql_query": slow}, raise_on_error=False
                        )
                        for _ in range(4)
                    ),
                    client.call_tool("list_stores", {}, raise_on_error=False),
                )
                assert [answer.is_error for answer in answers].count(True) == 2
                assert not answers[-1].is_error


class TestInternalErrors:
    """Something of ours is broken: the caller gets an id, the log the rest."""

    async def test_the_caller_learns_an_id_that_the_log_has(
        self, database: Database, settings: Settings
    ) -> None:
        assert database.owner is not None
        owner = await database.owner.connect()
        async with Client(server(settings)) as client:
            await owner.execute("ALTER TABLE retail.stores RENAME COLUMN location TO elsewhere")
            try:
                result = await client.call_tool("list_stores", {}, raise_on_error=False)
            finally:
                await owner.execute("ALTER TABLE retail.stores RENAME COLUMN elsewhere TO location")
        await owner.close()
        content = result.structured_content
        assert content is not None
        error = content["error"]
        assert error["code"] == "INTERNAL_ERROR"
        assert error["message"] == "Something went wrong in the server."
        (error_id,) = re.fullmatch(r"The log has it under ([0-9a-f]{8})\.", error["hint"]).groups()  # type: ignore[union-attr]
        assert "location" not in str(result.content) + str(content)
        (line,) = (
            entry
            for entry in map(json.loads, settings.log_path.read_text().splitlines())
            if entry.get("request_id") == error_id
        )
        assert line["tool"] == "list_stores"
        assert 'column "location" does not exist' in line["exception"][0]


def server(settings: Settings, **environment: str) -> StdioTransport:
    arguments = ["-m", "zava_server", "stdio", "--user", "seattle"]
    return StdioTransport(
        sys.executable,
        [*arguments, "--data-dir", str(settings.data_dir)],
        env={**os.environ, **environment},
        keep_alive=False,
    )


def server_process(settings: Settings) -> int:
    (process,) = (
        child.pid
        for child in psutil.Process().children()
        if str(settings.data_dir) in child.cmdline() and "stdio" in child.cmdline()
    )
    return process


@contextmanager
def growth_of(pid: int) -> Iterator[Callable[[], int]]:
    """By how many bytes the process's memory grew at most while in the context."""
    process = psutil.Process(pid)
    before = peak = process.memory_info().rss
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: peak - before
    finally:
        ended.set()
        watcher.join()


async def end_backend(
    database: Database, function: str, marker: str, running: asyncio.Task[Any]
) -> None:
    """Signals the statement with `marker` in it until it ends; between its steps one is lost."""
    assert database.owner is not None
    owner = await database.owner.connect()
    async with asyncio.timeout(25):
        while not running.done():
            await owner.execute(
                f"SELECT {function}(pid) FROM pg_stat_activity WHERE state = 'active' "
                "AND query LIKE '%' || $1 || '%' AND query LIKE '%row_to_json%' "
                "AND pid <> pg_backend_pid()",
                marker,
            )
    await owner.close()
