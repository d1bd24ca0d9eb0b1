"""Callers' statements come back as plain JSON values, bounded, or as one clear error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Staff
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.statements import Table
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import (
    DatabaseError,
    QueryRejected,
    QueryTimeout,
    ResultTooLarge,
)

MAX_BYTES = 100_000


@pytest.fixture
def run(transactions: ReadTransactions, staff: Staff) -> Any:
    queries = SalesQueries(transactions, max_bytes=MAX_BYTES)

    async def run_as(sql: str, max_rows: int = 100, user: str = "seattle") -> Table:
        return (await queries.run(staff[user], sql, max_rows)).table

    return run_as


@pytest.mark.parametrize(
    ("expression", "type_name", "cell"),
    [
        ("NULL::int", "int4", None),
        ("true", "bool", True),
        ("42::bigint", "int8", 42),
        ("9223372036854775807", "int8", 9223372036854775807),
        ("12.50::numeric", "numeric", 12.5),
        ("123456789012345::numeric", "numeric", 123456789012345),
        ("1234567890123456::numeric", "numeric", "1234567890123456"),
        ("0.1234567890123456::numeric", "numeric", "0.1234567890123456"),
        ("'NaN'::numeric", "numeric", "NaN"),
        ("'-Infinity'::numeric", "numeric", "-Infinity"),
        ("0.1::float8 + 0.2", "float8", 0.30000000000000004),
        ("'Infinity'::float8", "float8", "Infinity"),
        ("ARRAY[1.5, NULL]::numeric[]", "numeric[]", [1.5, None]),
        ("date '2026-02-28'", "date", "2026-02-28"),
        ("date '0044-03-15 BC'", "date", "0044-03-15 BC"),
        ("timestamptz '2026-01-31 20:00+00'", "timestamptz", "2026-01-31T12:00:00-08:00"),
        ("timestamp '2026-01-31 20:00'", "timestamp", "2026-01-31T20:00:00"),
        ("timestamptz 'infinity'", "timestamptz", "infinity"),
        ("time '24:00'", "time", "24:00:00"),
        ("interval '1 day 2 hours'", "interval", "P1DT2H"),
        ("'\\xdeadbeef'::bytea", "bytea", "\\xdeadbeef"),
        ("'{\"a\": [1, 2]}'::jsonb", "jsonb", {"a": [1, 2]}),
        ("'[1e999, -1e999, 1.5]'::json", "json", ["1e999", "-1e999", 1.5]),
        ("repeat('9', 5000)::json", "json", "9" * 5000),
        ('\'{"\\ud800a": "b\\udc00"}\'::json', "json", {"\ufffda": "b\ufffd"}),
        ("'\"\\ud83d\\udee0\"'::json", "json", "🛠"),
        ("ARRAY['a', NULL]", "text[]", ["a", None]),
        ("'zażółć 🛠'", "text", "zażółć 🛠"),
    ],
)
async def test_every_type_has_a_plain_rendering(
    expression: str, type_name: str, cell: Any, run: Any
) -> None:
    table = await run(f"SELECT {expression} AS value")
    assert table.rows == [[cell]]
    assert [(c.name, c.type) for c in table.columns] == [("value", type_name)]
    json.dumps(table.rows)


async def test_an_exact_number_beside_a_float_leaves_the_float_a_number(run: Any) -> None:
    table = await run("SELECT 0.1::float8 + 0.2, 1234567890123456789.5::numeric, 2::numeric")
    assert table.rows == [[0.30000000000000004, "1234567890123456789.5", 2]]


async def test_columns_of_the_same_name_both_come_back(run: Any) -> None:
    table = await run("SELECT 1 AS a, 2 AS a")
    assert table.rows == [[1, 2]]


async def test_a_whole_row_can_be_selected(run: Any) -> None:
    table = await run("SELECT s FROM retail.stores AS s WHERE s.name = 'Tacoma'")
    assert table.rows[0][0]["name"] == "Tacoma"


async def test_the_order_of_the_statement_is_kept(run: Any) -> None:
    table = await run("SELECT n FROM generate_series(1, 50) AS n ORDER BY n DESC")
    assert [row[0] for row in table.rows] == list(range(50, 0, -1))


async def test_a_trailing_comment_does_no_harm(run: Any) -> None:
    assert (await run("SELECT 1 -- one")).rows == [[1]]


@pytest.mark.parametrize(("rows", "truncated"), [(9, False), (10, False), (11, True)])
async def test_more_rows_than_allowed_are_cut_and_said(
    rows: int, truncated: bool, run: Any
) -> None:
    table = await run(f"SELECT generate_series(1, {rows})", max_rows=10)
    assert (len(table.rows), table.truncated) == (min(rows, 10), truncated)


async def test_more_bytes_than_allowed_are_cut_and_said(run: Any) -> None:
    table = await run("SELECT repeat('x', 1000) FROM generate_series(1, 1000)", max_rows=1000)
    assert table.truncated
    assert 80 <= len(table.rows) <= 100


async def test_a_row_larger_than_the_limit_is_an_error(run: Any) -> None:
    with pytest.raises(ResultTooLarge):
        await run(f"SELECT repeat('x', {MAX_BYTES})")


@pytest.mark.parametrize("depth", [120, 250, 5000])
@pytest.mark.parametrize("beside", ["1", "1.5::numeric"])
async def test_json_nested_too_deeply_for_clients_is_an_error(
    run: Any, depth: int, beside: str
) -> None:
    with pytest.raises(ResultTooLarge, match="nested too deeply"):
        await run(f"SELECT (repeat('[', {depth}) || repeat(']', {depth}))::json, {beside}")
    table = await run("SELECT (repeat('[', 90) || repeat(']', 90))::json")
    assert str(table.rows[0]) == "[" * 91 + "]" * 91


async def test_an_error_names_the_place_in_the_callers_statement(run: Any) -> None:
    with pytest.raises(DatabaseError) as error:
        await run("SELECT\n  nme FROM retail.stores")
    assert error.value.message == 'column "nme" does not exist (line 2, column 3).'


async def test_after_an_error_the_pool_serves_on(run: Any) -> None:
    for _ in range(10):
        with pytest.raises(DatabaseError, match="division by zero"):
            await run("SELECT 1 / 0")
    assert (await run("SELECT 1")).rows == [[1]]


async def test_a_slow_statement_ends_at_its_time_limit(
    transactions: ReadTransactions, staff: Staff
) -> None:
    impatient = ReadTransactions(
        transactions._pool, transactions._key, time_zone="UTC", statement_seconds=0.1
    )
    queries = SalesQueries(impatient, max_bytes=MAX_BYTES)
    with pytest.raises(QueryTimeout):
        await queries.run(staff["seattle"], "SELECT pg_sleep(30)", 10)


@pytest.mark.parametrize("sql", ["CREATE TABLE x ()", "SELECT 1; SELECT 2", "COMMIT", "ROLLBACK"])
async def test_what_is_no_single_select_fails_and_leaves_the_connection_clean(
    sql: str, run: Any
) -> None:
    with pytest.raises((DatabaseError, QueryRejected)):
        await run(sql)
    assert (await run("SELECT current_user::text")).rows == [["store_managers"]]
