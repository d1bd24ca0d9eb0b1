"""With one wall down the others hold: a role that could write, and a signature nobody checks."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from tests.conftest import Staff
from tests.security.conftest import Canaries
from tests.security.corpus_files import read_corpus
from tests.security.live import REFUSALS, described
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.data.signing_keys import SigningKey
from zava_server.infrastructure.errors import QueryRejected

TENANT_TABLES = (
    "customers", "orders", "order_items", "inventory", "store_managers", "daily_sales",
    "daily_totals", "daily_margins", "hourly_sales", "monthly_sales", "monthly_products",
    "hourly_margins", "visits", "daily_visits", "repeat_visits", "monthly_rhythm",
    "monthly_margins",
)  # fmt: skip
READS = [f"SELECT * FROM retail.{table}" for table in TENANT_TABLES]

# Wall 3 off: the identity is believed as it stands, whatever its signature.
TRUSTING = """
CREATE OR REPLACE FUNCTION identity.verified_claim() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER
AS $$ SELECT nullif(split_part(current_setting('zava.identity', true), '.', 2), '')::uuid $$
"""


async def become(connection: asyncpg.Connection, identity: str, role: str) -> None:
    """The rest of the transaction is zava_app's in this role."""
    await connection.execute("SELECT set_config('zava.identity', $1, true)", identity)
    await connection.execute("SET LOCAL SESSION AUTHORIZATION zava_app")
    await connection.execute(f"SET LOCAL ROLE {role}")


async def answer_to(connection: asyncpg.Connection, sql: str) -> str:
    """Everything that comes back; what the statement did is undone."""
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        return repr(await connection.fetch(sql))
    except REFUSALS as error:
        return described(error)
    finally:
        await savepoint.rollback()


@pytest.fixture
async def writable(owner: asyncpg.Connection) -> asyncpg.Connection:
    """Wall 2 off: every right on every table of the retailer, in a transaction that may write."""
    await owner.execute(
        "GRANT ALL ON ALL TABLES IN SCHEMA retail TO store_managers; "
        "GRANT ALL ON SCHEMA retail TO store_managers"
    )
    return owner


async def test_a_role_that_may_write_still_reads_its_own_store_only(
    writable: asyncpg.Connection, signing_key: SigningKey, canaries: Canaries, staff: Staff
) -> None:
    me = staff["tacoma"]
    await become(writable, signing_key.sign(me.user_id, 30), me.database_role)
    for sql in READS:
        answer = await answer_to(writable, sql)
        assert str(me.store_ids[0]) in answer
        assert not canaries.seen_in(answer, me)


STORED_COLUMNS = """
    SELECT string_agg(quote_ident(column_name), ', ')
    FROM information_schema.columns
    WHERE table_schema = 'retail' AND table_name = $1 AND is_generated = 'NEVER'
"""


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_a_role_that_may_write_still_changes_no_tenant_data(
    table: str, writable: asyncpg.Connection, signing_key: SigningKey, staff: Staff
) -> None:
    me = staff["tacoma"]
    await become(writable, signing_key.sign(me.user_id, 30), me.database_role)
    count = f"SELECT count(*) FROM retail.{table}"
    before = await writable.fetchval(count)
    columns = await writable.fetchval(STORED_COLUMNS, table)
    assert await writable.execute(f"DELETE FROM retail.{table}") == "DELETE 0"
    assert await writable.execute(f"UPDATE retail.{table} SET created_at = now()") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with writable.transaction():
            await writable.execute(
                f"INSERT INTO retail.{table} ({columns}) SELECT {columns} FROM retail.{table}"
            )
    assert await writable.fetchval(count) == before > 0


def test_the_guard_alone_lets_nothing_write() -> None:
    guard = SqlGuard(RETAIL_POLICY)
    writing = {"writes", "writing CTE", "select into", "locking", "large objects", "sequences"}
    for statement in read_corpus("hostile"):
        if statement.kind in writing:
            with pytest.raises(QueryRejected):
                guard.check(statement.sql)


def forging(mine: UUID, other: UUID) -> list[str]:
    """Ways to say one is somebody else, had one the signature."""
    forged = f"k.{other}.9999999999.{'0' * 64}"
    reads = "SELECT * FROM retail.customers"
    return [
        f"SELECT set_config('zava.identity', '{forged}', true)",
        f"SELECT set_config('zava.identity', '{forged}', true), c.* FROM retail.customers AS c",
        f"WITH x AS MATERIALIZED (SELECT set_config('zava.identity', '{forged}', true)) "
        "SELECT c.* FROM x, retail.customers AS c",
        f"SELECT c.* FROM (SELECT set_config('zava.identity', '{forged}', true) AS s OFFSET 0) "
        "AS x, LATERAL (SELECT * FROM retail.customers WHERE x.s IS NOT NULL) AS c",
        f"SELECT query_to_xml('SET zava.identity = ''{forged}''', true, true, '')",
        f"UPDATE pg_settings SET setting = '{forged}' WHERE name = 'zava.identity'",
        f"SELECT set_config('role', 'head_office', true), c.* FROM retail.customers AS c "
        f"WHERE '{mine}' <> '{other}'",
        reads,
    ]


async def test_with_signatures_unchecked_no_single_select_can_become_somebody_else(
    owner: asyncpg.Connection, signing_key: SigningKey, canaries: Canaries, staff: Staff
) -> None:
    me, other = staff["tacoma"], staff["head-office"]
    await owner.execute(TRUSTING)
    await become(owner, signing_key.sign(me.user_id, 30), me.database_role)
    for sql in forging(me.user_id, other.user_id):
        answer = await answer_to(owner, sql)
        assert not canaries.seen_in(answer, me), sql


async def test_with_signatures_unchecked_a_forged_setting_would_have_worked(
    owner: asyncpg.Connection, canaries: Canaries, staff: Staff
) -> None:
    """So that the test above is one of walls 1 and 2, and wall 3 is needed."""
    me, other = staff["tacoma"], staff["head-office"]
    await owner.execute(TRUSTING)
    await become(owner, f"k.{other.user_id}.9999999999.{'0' * 64}", other.database_role)
    assert canaries.seen_in(await answer_to(owner, READS[0]), me)


async def test_with_signatures_unchecked_the_guard_passes_no_forgery(staff: Staff) -> None:
    guard = SqlGuard(RETAIL_POLICY)
    for sql in forging(staff["tacoma"].user_id, staff["head-office"].user_id)[:-1]:
        with pytest.raises(QueryRejected):
            guard.check(sql)
