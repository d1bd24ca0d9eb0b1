"""Each user sees their own stores, and nobody sees anything without a valid signature."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.data.identity import DATABASE_ROLES
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import DatabaseUnavailable
from zava_server.startup import Database

TENANT_TABLES = [
    "customers", "orders", "order_items", "inventory", "store_managers", "daily_sales",
    "daily_totals", "daily_margins", "hourly_sales", "monthly_sales", "monthly_products",
    "hourly_margins", "visits", "daily_visits", "repeat_visits", "monthly_rhythm",
    "monthly_margins",
]  # fmt: skip


async def stores_seen(
    transactions: ReadTransactions, staff: Staff, handle: str, table: str
) -> set[UUID]:
    async with transactions.read_as(staff[handle]) as transaction:
        rows = await transaction.connection.fetch(f"SELECT DISTINCT store_id FROM retail.{table}")
    return {row["store_id"] for row in rows}


@pytest.mark.parametrize("table", TENANT_TABLES)
@pytest.mark.parametrize("handle", ["seattle", "online", "puget-sound", "head-office"])
async def test_a_manager_sees_their_own_stores_and_no_other(
    handle: str, table: str, transactions: ReadTransactions, staff: Staff
) -> None:
    expected = set(staff[handle].store_ids)
    if table == "store_managers" and handle == "puget-sound":
        assert await stores_seen(transactions, staff, handle, table) <= expected
    else:
        assert await stores_seen(transactions, staff, handle, table) == expected


async def test_a_viewer_sees_the_catalogue(transactions: ReadTransactions, staff: Staff) -> None:
    async with transactions.read_as(staff["catalogue-agent"]) as transaction:
        assert await transaction.connection.fetchval("SELECT count(*) FROM retail.products") >= 420


@pytest.mark.parametrize("table", [*TENANT_TABLES, "product_costs"])
async def test_a_viewer_may_not_read_tenant_data_or_costs(
    table: str, transactions: ReadTransactions, staff: Staff
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transactions.read_as(staff["catalogue-agent"]) as transaction:
            await transaction.connection.fetch(f"SELECT * FROM retail.{table}")


async def test_managers_see_costs(transactions: ReadTransactions, staff: Staff) -> None:
    async with transactions.read_as(staff["tacoma"]) as transaction:
        assert (
            await transaction.connection.fetchval("SELECT count(*) FROM retail.product_costs")
            >= 420
        )


def flip_last(identity: str) -> str:
    return identity[:-1] + ("0" if identity[-1] != "0" else "1")


def forgeries(key: SigningKey, user: UUID, other: UUID) -> dict[str, str]:
    signed = key.sign(user, 30)
    key_id, _, expiry, mac = signed.split(".")
    return {
        "missing": "",
        "not an identity": "seattle",
        "one digit of the signature changed": flip_last(signed),
        "signature cut": signed[:-2],
        "another user under the same signature": f"{key_id}.{other}.{expiry}.{mac}",
        "a later expiry under the same signature": f"{key_id}.{user}.{int(expiry) + 60}.{mac}",
        "expired": key.sign(user, -60),
        "an unknown key": replace(key, key_id="feedbeef").sign(user, 30),
        "another key under the same name": replace(key, secret=bytes(32)).sign(user, 30),
        "an unknown user": key.sign(uuid4(), 30),
        "upper case": signed.upper(),
        "something after it": signed + "\n",
    }


@pytest.mark.parametrize("role", DATABASE_ROLES.values())
async def test_without_a_valid_signature_no_role_has_rows(
    role: str, database: Database, signing_key: SigningKey, staff: Staff
) -> None:
    connection = await database.app.connect()
    users = staff["seattle"].user_id, staff["head-office"].user_id
    try:
        for name, identity in forgeries(signing_key, *users).items():
            async with connection.transaction(readonly=True):
                await connection.execute("SELECT set_config('zava.identity', $1, true)", identity)
                await connection.execute(f"SET LOCAL ROLE {role}")
                assert await connection.fetchval("SELECT retail.current_user_id()") is None, name
                if role != "viewers":
                    for table in [*TENANT_TABLES, "product_costs"]:
                        found = await connection.fetchval(f"SELECT count(*) FROM retail.{table}")
                        assert found == 0, (name, table)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["regional_managers", "head_office"])
async def test_a_role_gives_nothing_without_the_matching_signature(
    role: str, database: Database, signing_key: SigningKey, staff: Staff
) -> None:
    """A store manager's valid signature in a mightier role does not show more than their store."""
    connection = await database.app.connect()
    try:
        async with connection.transaction(readonly=True):
            identity = signing_key.sign(staff["seattle"].user_id, 30)
            await connection.execute("SELECT set_config('zava.identity', $1, true)", identity)
            await connection.execute(f"SET LOCAL ROLE {role}")
            rows = await connection.fetch("SELECT DISTINCT store_id FROM retail.orders")
            assert {row["store_id"] for row in rows} <= set(staff["seattle"].store_ids)
    finally:
        await connection.close()


# What PostgreSQL packs, and unpacks for each row, is an array of six and fewer.
FEWEST_LISTED = 7


@pytest.mark.parametrize("handle", ["tacoma", "puget-sound"])
async def test_a_list_of_few_stores_is_long_enough_to_be_kept_unpacked(
    handle: str, transactions: ReadTransactions, staff: Staff
) -> None:
    async with transactions.read_as(staff[handle]) as transaction:
        listed = await transaction.connection.fetchval("SELECT retail.get_user_store_list()")
    assert set(listed) == set(staff[handle].store_ids)
    assert len(listed) == FEWEST_LISTED


@pytest.mark.parametrize("handle", ["head-office", "catalogue-agent"])
async def test_who_has_no_list_of_stores_gets_an_empty_one(
    handle: str, transactions: ReadTransactions, staff: Staff
) -> None:
    async with transactions.read_as(staff[handle]) as transaction:
        assert await transaction.connection.fetchval("SELECT retail.get_user_store_list()") == []


async def test_stores_left_to_who_manages_none_any_more_are_not_listed(
    owner: asyncpg.Connection, signing_key: SigningKey, staff: Staff
) -> None:
    identity = signing_key.sign(staff["puget-sound"].user_id, 30)
    await owner.execute("UPDATE identity.users SET role = 'viewer' WHERE handle = 'puget-sound'")
    await owner.execute("SELECT set_config('zava.identity', $1, true)", identity)
    await owner.execute("SET LOCAL ROLE regional_managers")
    assert await owner.fetchval("SELECT cardinality(retail.get_user_store_list())") == 0
    assert await owner.fetchval("SELECT count(*) FROM retail.orders") == 0


@pytest.mark.parametrize("handle", ["tacoma", "puget-sound", "head-office"])
async def test_a_policy_asks_for_the_identity_once_a_statement(
    handle: str, transactions: ReadTransactions, staff: Staff
) -> None:
    """And so compares each row with a value that is known by then."""
    async with transactions.read_as(staff[handle]) as transaction:
        rows = await transaction.connection.fetch(
            "EXPLAIN (VERBOSE, COSTS OFF) SELECT sum(quantity) FROM retail.order_items"
        )
    plan = [row["QUERY PLAN"] for row in rows]
    assert sum("InitPlan 1" in line and "(" not in line for line in plan) == 1
    (condition,) = (line for line in plan if "Filter:" in line or "Index Cond:" in line)
    assert "InitPlan 1" in condition
    assert "retail." not in condition


async def test_pages_at_random_count_little_in_plans_of_callers(
    transactions: ReadTransactions, staff: Staff
) -> None:
    """A small store reads its own pages, though its size is unknown when its plan is made."""
    async with transactions.read_as(staff["tacoma"]) as transaction:
        cost = await transaction.connection.fetchval("SHOW random_page_cost")
    assert cost == "1.1"


async def test_zava_app_by_itself_may_read_nothing(database: Database) -> None:
    connection = await database.app.connect()
    try:
        for relation in (
            "retail.products",
            "retail.orders",
            "identity.users",
            "identity.signing_keys",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {relation}")
    finally:
        await connection.close()


async def test_zava_app_may_write_nothing_even_in_a_writing_transaction(
    database: Database, signing_key: SigningKey, staff: Staff
) -> None:
    connection = await database.app.connect()
    identity = signing_key.sign(staff["head-office"].user_id, 30)
    try:
        for table in (*TENANT_TABLES, "stores", "products", "product_costs"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute("SET TRANSACTION READ WRITE")
                    await connection.execute(
                        "SELECT set_config('zava.identity', $1, true)", identity
                    )
                    await connection.execute("SET LOCAL ROLE head_office")
                    await connection.execute(f"DELETE FROM retail.{table}")
    finally:
        await connection.close()


async def test_a_wrong_key_is_an_error_and_never_looks_like_no_sales(
    transactions: ReadTransactions, signing_key: SigningKey, staff: Staff
) -> None:
    stranger = ReadTransactions(
        transactions._pool,
        replace(signing_key, secret=bytes(32)),
        time_zone="UTC",
        statement_seconds=10,
    )
    with pytest.raises(DatabaseUnavailable, match="signature"):
        async with stranger.read_as(staff["seattle"]):
            pass


@pytest.mark.parametrize("skew_seconds", [-60, 60])
async def test_a_clock_off_by_a_minute_is_an_error_and_never_looks_like_no_sales(
    skew_seconds: int,
    transactions: ReadTransactions,
    staff: Staff,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + skew_seconds)
    with pytest.raises(DatabaseUnavailable):
        async with transactions.read_as(staff["seattle"]):
            pass


async def test_nothing_of_a_transaction_outlives_it(
    transactions: ReadTransactions, staff: Staff
) -> None:
    async with transactions.read_as(staff["seattle"]) as transaction:
        connection = transaction.connection
    async with transactions._pool.connection() as connection:
        assert await connection.fetchval("SELECT current_user") == "zava_app"
        assert not await connection.fetchval("SELECT current_setting('zava.identity', true)")
