"""The attack corpus with the guard off: nothing leaks, nothing is written, nothing stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Staff
from tests.security.conftest import Canaries
from tests.security.corpus_files import CorpusStatement, read_corpus
from tests.security.live import (
    REFUSALS,
    STALLS,
    STATE_FUNCTIONS,
    described,
    fingerprint,
    run_raw,
    state_of,
)
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database

ATTACKER = "tacoma"
NEXT = "bellevue"
STATEMENT_SECONDS = 0.25

# Of these some read another store's values or the server's own for a superuser; of the rest most
# would change or stop the server that the tests run on.
BITING = {"row security stays in charge", "files", "other schemas"}

# Sequences that only a raw connection could send, which no caller has.
RAW = [
    "RESET ROLE; SELECT * FROM identity.find_users(NULL)",
    "RESET ROLE; SELECT * FROM identity.users",
    "RESET ROLE; SELECT * FROM identity.signing_keys",
    "RESET ROLE; SET ROLE head_office; SELECT * FROM retail.orders",
    "RESET ROLE; SET ROLE regional_managers; SELECT * FROM retail.customers",
    "SET ROLE head_office; SELECT * FROM retail.customers",
    "RESET ROLE; SET ROLE zava_owner; SELECT * FROM retail.customers",
    "SET SESSION AUTHORIZATION zava_owner; SELECT * FROM retail.customers",
    "COMMIT; SELECT * FROM retail.customers",
    "ROLLBACK; SET ROLE head_office; SELECT * FROM retail.customers",
    "ROLLBACK; BEGIN READ WRITE; DELETE FROM retail.orders; COMMIT",
    # No row security on these: without a read-only transaction the missing grants stand alone.
    *(
        f"COMMIT; BEGIN READ WRITE; SET ROLE {role}; {write}; COMMIT"
        for role in ("zava_app", "store_managers", "head_office", "viewers")
        for write in (
            "DELETE FROM retail.stores",
            "UPDATE retail.products SET name = 'x'",
            "INSERT INTO retail.categories (name) VALUES ('x')",
            "DELETE FROM retail.product_types",
            "UPDATE retail.product_description_embeddings SET model = 'x'",
            "TRUNCATE retail.daily_sales",
            "INSERT INTO identity.users (handle, display_name, role) "
            "VALUES ('x', 'x', 'head_office')",
            "UPDATE identity.users SET role = 'head_office'",
            "DELETE FROM identity.signing_keys",
            "INSERT INTO zava.migrations SELECT * FROM zava.migrations",
            "CREATE TABLE public.left_behind (x text)",
            "CREATE TEMPORARY TABLE left_behind (x text)",
            "PREPARE TRANSACTION 'left_behind'",
        )
    ),
    "COMMIT; SET default_transaction_read_only = off; SET ROLE head_office; "
    "UPDATE retail.orders SET total_amount = 0",
    "COMMIT; SET zava.identity = 'x'; SELECT * FROM retail.customers",
    "SET LOCAL zava.identity = ''; SELECT * FROM retail.customers",
    "RESET ROLE; SELECT set_config('zava.identity', '', false); SELECT * FROM retail.customers",
    "COMMIT; SET row_security = off; SET ROLE store_managers; SELECT * FROM retail.customers",
    "SET row_security = off; SELECT * FROM retail.customers",
    "COMMIT; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "COMMIT; SET transaction_timeout = 0; SET statement_timeout = 0",
    "COMMIT; PREPARE left_behind AS SELECT 'tacoma'",
    "PREPARE left_behind AS SELECT 'tacoma'; COMMIT",
    "COMMIT; DECLARE left_behind CURSOR WITH HOLD FOR SELECT 'tacoma'",
    "COMMIT; LISTEN left_behind",
    "COMMIT; SELECT pg_advisory_lock(4711)",
    "RESET ROLE; SELECT pg_advisory_lock(4711)",
    "COMMIT; CREATE TEMPORARY TABLE left_behind (x text)",
    "COMMIT; SET search_path = pg_temp, public; SET TimeZone = 'UTC'",
    "COMMIT; LOAD 'plpgsql'",
    "COMMIT; DO $$BEGIN PERFORM 1; END$$",
    "COMMIT; COPY retail.orders TO STDOUT",
    "COMMIT; COPY (SELECT 1) TO PROGRAM 'touch /tmp/left_behind'",
    "COMMIT; COPY (SELECT 1) TO '/tmp/left_behind'",
    "COMMIT; SELECT lo_create(4711)",
    "COMMIT; PREPARE TRANSACTION 'left_behind'",
    "BEGIN; PREPARE TRANSACTION 'left_behind'",
    "COMMIT; NOTIFY left_behind, 'tacoma'",
    "COMMIT; CHECKPOINT",
    "COMMIT; VACUUM retail.orders",
    "COMMIT; ANALYZE retail.orders",
    "COMMIT; REINDEX TABLE retail.orders",
    "COMMIT; ALTER ROLE zava_app SET default_transaction_read_only = off",
    "COMMIT; ALTER ROLE zava_app SUPERUSER",
    "COMMIT; GRANT head_office TO PUBLIC",
    "COMMIT; REASSIGN OWNED BY zava_owner TO zava_app",
    "COMMIT; SECURITY LABEL ON ROLE zava_app IS 'x'",
    "COMMIT; SET client_min_messages = debug5; SET debug_print_plan = on; SET ROLE head_office; "
    "SELECT * FROM retail.customers",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM retail.customers",
    "COMMIT; SET ROLE store_managers; TABLE retail.customers",
]


def hostile() -> list[CorpusStatement]:
    return [statement for statement in read_corpus("hostile") if statement.kind not in STALLS]


@pytest.fixture(scope="module")
async def narrow_pool(database: Database, canaries: Canaries) -> AsyncIterator[Pool]:
    """One connection, so that the next caller has the same; it may look at its own state."""
    assert database.owner is not None
    owner = await database.owner.connect()
    for function in STATE_FUNCTIONS:
        await owner.execute(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO zava_app")
    async with Pool(database.app, min_size=1, max_size=1, acquire_seconds=30).running() as pool:
        yield pool
    for function in STATE_FUNCTIONS:
        await owner.execute(f"REVOKE ALL ON FUNCTION pg_catalog.{function} FROM zava_app")
    await owner.close()


@pytest.fixture(scope="module")
def attacked(narrow_pool: Pool, signing_key: SigningKey) -> ReadTransactions:
    return ReadTransactions(
        narrow_pool, signing_key, time_zone="UTC", statement_seconds=STATEMENT_SECONDS
    )


@pytest.fixture
async def watcher(database: Database) -> AsyncIterator[asyncpg.Connection]:
    assert database.owner is not None
    connection = await database.owner.connect()
    yield connection
    await connection.close()


def data_directory(settings: Settings) -> Path:
    return settings.data_dir / "postgres"


async def test_past_the_guard_nothing_foreign_comes_back_and_nothing_is_written(
    attacked: ReadTransactions,
    canaries: Canaries,
    staff: Staff,
    watcher: asyncpg.Connection,
    settings: Settings,
) -> None:
    """As the server would have run each statement, had the guard let it pass."""
    queries = SalesQueries(attacked, max_bytes=1_000_000)
    before = await fingerprint(watcher, data_directory(settings))
    for statement in hostile():
        try:
            answer = repr((await queries.run(staff[ATTACKER], statement.sql, 1000)).table)
        except REFUSALS as error:
            answer = described(error)
        assert not canaries.seen_in(answer, staff[ATTACKER]), statement
    assert await fingerprint(watcher, data_directory(settings)) == before


@pytest.mark.parametrize("method", ["fetch", "execute"])
async def test_past_the_server_nothing_foreign_comes_back_or_is_written_or_stays(
    method: str,
    attacked: ReadTransactions,
    narrow_pool: Pool,
    canaries: Canaries,
    staff: Staff,
    watcher: asyncpg.Connection,
    settings: Settings,
) -> None:
    """Straight to the driver; `execute` takes several statements at once."""
    async with narrow_pool.connection() as connection:
        clean = await state_of(connection)
    before = await fingerprint(watcher, data_directory(settings))
    statements = [statement.sql for statement in hostile()] + RAW
    for sql in statements:
        answer = await run_raw(attacked, staff[ATTACKER], sql, method)
        assert not canaries.seen_in(answer, staff[ATTACKER]), sql
        async with narrow_pool.connection() as connection:
            assert await state_of(connection) == clean, sql
        async with attacked.read_as(staff[NEXT]) as transaction:
            assert (
                await transaction.connection.fetchval(
                    "SELECT count(DISTINCT store_id) FROM retail.customers"
                )
                == 1
            ), sql
    assert await fingerprint(watcher, data_directory(settings)) == before


async def test_a_viewer_past_the_server_sees_no_cost_and_no_customer(
    attacked: ReadTransactions, canaries: Canaries, staff: Staff
) -> None:
    viewer = staff["catalogue-agent"]
    for statement in hostile():
        if statement.kind in ("row security stays in charge", "other schemas", "writes"):
            answer = await run_raw(attacked, viewer, statement.sql, "fetch")
            assert not canaries.seen_in(answer, viewer), statement
    for table in ("product_costs", "customers", "orders", "inventory", "store_managers"):
        answer = await run_raw(attacked, viewer, f"SELECT * FROM retail.{table}", "fetch")
        assert "permission denied" in answer


async def test_the_corpus_would_have_worked_for_a_superuser(
    watcher: asyncpg.Connection, attacked: ReadTransactions, canaries: Canaries, staff: Staff
) -> None:
    """Why the start-up check refuses a superuser: these would read what is nobody's business."""
    bites: dict[str, set[str]] = defaultdict(set)
    await watcher.execute("SET statement_timeout = '250ms'")
    for statement in hostile():
        if statement.kind not in BITING:
            continue
        transaction = watcher.transaction()
        await transaction.start()
        try:
            answer = repr(await watcher.fetch(statement.sql))
        except REFUSALS:
            answer = ""
        finally:
            await transaction.rollback()
        seen = canaries.seen_in(answer, staff[ATTACKER])
        if seen:
            bites[statement.kind] |= seen
    assert set(bites) == BITING
    assert "root:x:0:0" in bites["files"]
