"""The demo retailer comes into an empty database whole or not at all, and leaves it as guarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest

from zava_server.data.demo.catalogue import load_catalogue
from zava_server.data.demo.generator import Generator
from zava_server.data.demo.loader import DemoCounts, load_demo
from zava_server.data.demo.retailer import USERS
from zava_server.data.demo.rows import TABLES, Rows
from zava_server.data.endpoint import Endpoint
from zava_server.data.migrations import find_migrations, migrate
from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.progress import Progress
from zava_server.startup import Database

UNTIL = datetime(2026, 3, 17, 23, 30, tzinfo=UTC)
SEED, SCALE = 7, 0.02

GUARDS = """
SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'retail'::regnamespace AND contype <> 'n' AND convalidated
UNION ALL
SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'retail'::regnamespace
UNION ALL
SELECT tgrelid::regclass::text || ' ' || tgname || ' ' || tgenabled::text
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'retail'::regnamespace AND NOT tgisinternal
UNION ALL
SELECT oid::regclass::text || ' ' || relrowsecurity || ' ' || relforcerowsecurity
FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relkind = 'r'
ORDER BY 1
"""

WRONG_DAYS = """
SELECT count(*)
FROM retail.daily_sales AS kept
FULL JOIN (
    SELECT store_id, (order_date AT TIME ZONE time_zone)::date AS day, category_id,
        sum(i.total_amount) AS revenue, count(*) AS line_count
    FROM retail.orders JOIN retail.order_items AS i USING (store_id, order_id)
    JOIN retail.stores USING (store_id) JOIN retail.products USING (product_id)
    WHERE status = 'completed'
    GROUP BY 1, 2, 3
) AS counted USING (store_id, day, category_id)
WHERE (kept.revenue, kept.line_count) IS DISTINCT FROM (counted.revenue, counted.line_count)
"""


async def load(connection: asyncpg.Connection, **more: object) -> DemoCounts:
    return await load_demo(connection, seed=SEED, until=UNTIL, scale=SCALE, **more)  # type: ignore[arg-type]  # passed on


async def count(connection: asyncpg.Connection, table: str) -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def guards(connection: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await connection.fetch(GUARDS)]


@asynccontextmanager
async def database_of_its_own(database: Database, name: str) -> AsyncIterator[Endpoint]:
    """A database with the schema and no rows."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute(f"CREATE DATABASE {name}")
    endpoint = replace(database.owner, database=name)
    owner = await endpoint.connect()
    await migrate(owner, find_migrations())
    await owner.close()
    yield endpoint
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def empty(database: Database) -> AsyncIterator[Endpoint]:
    async with database_of_its_own(database, "demo_load") as endpoint:
        yield endpoint


@pytest.fixture
async def owner(empty: Endpoint) -> AsyncIterator[asyncpg.Connection]:
    connection = await empty.connect()
    yield connection
    await connection.close()


@dataclass(frozen=True)
class Loaded:
    """A database after a load, for tests that only read."""

    connection: asyncpg.Connection
    counts: DemoCounts
    guards_before: list[str]


@pytest.fixture(scope="module")
async def loaded(database: Database) -> AsyncIterator[Loaded]:
    async with database_of_its_own(database, "demo_loaded") as endpoint:
        connection = await endpoint.connect()
        before = await guards(connection)
        yield Loaded(connection, await load(connection), before)
        await connection.close()


async def test_every_generated_row_arrives(loaded: Loaded) -> None:
    expected = dict.fromkeys(TABLES, 0)
    for rows in Generator(SEED, UNTIL, SCALE, load_catalogue()).rows():
        expected[rows.table] += len(rows)
    arrived = {table: await count(loaded.connection, f"retail.{table}") for table in TABLES}
    assert arrived == expected
    assert loaded.counts.orders == expected["orders"] > 3_000
    assert loaded.counts.customers == expected["customers"] == 1_000


async def test_values_arrive_as_generated(loaded: Loaded) -> None:
    generated: dict[str, Rows] = {}
    for rows in Generator(SEED, UNTIL, SCALE, load_catalogue()).rows():
        generated.setdefault(rows.table, rows)

    orders = generated["orders"].columns
    stored = await loaded.connection.fetch("SELECT * FROM retail.orders")
    by_id = {row["order_id"].bytes: row for row in stored}
    for number in range(len(generated["orders"])):
        row = by_id[orders["order_id"][number].tobytes()]
        assert row["customer_id"].bytes == orders["customer_id"][number].tobytes()
        assert row["order_date"] == datetime.fromtimestamp(int(orders["order_date"][number]), UTC)
        assert row["status"].encode() == orders["status"][number]
        assert row["total_amount"] == Decimal(int(orders["total_amount"][number])) / 100
    names = await loaded.connection.fetch("SELECT * FROM retail.customers")
    people = generated["customers"].columns
    by_id = {row["customer_id"].bytes: row for row in names}
    for number in range(len(generated["customers"])):
        row = by_id[people["customer_id"][number].tobytes()]
        assert row["first_name"].encode() == people["first_name"][number]
        assert row["last_name"].encode() == people["last_name"][number]


async def test_orders_add_up_in_the_database(loaded: Loaded) -> None:
    wrong = await loaded.connection.fetchval(
        """
        SELECT count(*) FROM retail.orders JOIN (
            SELECT store_id, order_id, sum(total_amount) AS lines,
                sum(round(quantity * unit_price * (1 - discount_percent / 100), 2)) AS computed
            FROM retail.order_items GROUP BY 1, 2
        ) AS i USING (store_id, order_id)
        WHERE total_amount <> lines OR total_amount <> computed
        """
    )
    assert wrong == 0


async def test_daily_sales_equal_a_recount(loaded: Loaded) -> None:
    assert await count(loaded.connection, "retail.daily_sales") > 1_000
    assert await loaded.connection.fetchval(WRONG_DAYS) == 0


async def test_users_see_their_stores(loaded: Loaded) -> None:
    rows = await loaded.connection.fetch(
        """
        SELECT handle, role, permissions, array_agg(s.name) FILTER (WHERE s.name IS NOT NULL)
        FROM identity.users LEFT JOIN identity.user_stores USING (user_id)
        LEFT JOIN retail.stores AS s USING (store_id)
        GROUP BY user_id
        """
    )
    stored = {
        handle: (role, tuple(permissions), frozenset(stores or ()))
        for handle, role, permissions, stores in rows
    }
    assert stored == {
        user.handle: (user.role, user.permissions, frozenset(user.stores)) for user in USERS
    }
    managed = await loaded.connection.fetch(
        "SELECT s.name FROM retail.store_managers JOIN retail.stores AS s USING (store_id) "
        "JOIN identity.users USING (user_id) WHERE handle = lower(s.name)"
    )
    assert len(managed) == 8


async def test_every_key_index_trigger_and_policy_is_back(loaded: Loaded) -> None:
    assert await guards(loaded.connection) == loaded.guards_before


async def test_the_same_seed_makes_the_same_database(owner: asyncpg.Connection) -> None:
    contents = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM retail.order_items AS t"
    transaction = owner.transaction()
    await transaction.start()
    await load(owner)
    first = await owner.fetchval(contents)
    await transaction.rollback()
    await load(owner)
    assert await owner.fetchval(contents) == first


async def test_a_database_with_stores_is_left_alone(owner: asyncpg.Connection) -> None:
    await owner.execute("INSERT INTO retail.stores (name) VALUES ('Ours')")
    with pytest.raises(ValidationError, match="already holds stores"):
        await load(owner)
    assert await count(owner, "retail.stores") == 1


@pytest.mark.parametrize("moment", [0.3, 0.9], ids=["while copying", "while checking"])
async def test_a_load_that_dies_half_way_leaves_nothing_and_can_be_repeated(
    empty: Endpoint, owner: asyncpg.Connection, moment: float
) -> None:
    before = await guards(owner)
    loading = await empty.connect()
    process = loading.get_server_pid()

    def kill(progress: Progress) -> None:
        if progress.fraction >= moment:
            loading.terminate()

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await load(loading, report=kill)
    await gone(owner, process)
    assert await count(owner, "retail.stores") == 0
    assert await count(owner, "retail.orders") == 0
    assert await guards(owner) == before
    assert (await load(owner)).orders > 3_000


async def test_a_cancelled_load_leaves_nothing_and_the_connection_usable(
    owner: asyncpg.Connection,
) -> None:
    copying = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.fraction > 0.2:
            copying.set()

    task = asyncio.create_task(load(owner, report=watch))
    await copying.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(owner, "retail.orders") == 0
    assert (await load(owner)).orders > 3_000


async def test_of_two_loads_at_once_one_finds_the_others_stores(
    empty: Endpoint, owner: asyncpg.Connection
) -> None:
    other = await empty.connect()
    results = await asyncio.gather(load(owner), load(other), return_exceptions=True)
    await other.close()
    assert sorted(type(result).__name__ for result in results) == ["DemoCounts", "ValidationError"]


async def test_progress_rises_and_counts_orders(owner: asyncpg.Connection) -> None:
    seen: list[Progress] = []
    counts = await load(owner, report=seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert {progress.step for progress in seen} == {"demo data"}
    assert any(progress.detail.endswith(" of 4,000 orders") for progress in seen)
    assert seen[-1] == Progress("demo data", 1.0, f"{counts.orders:,} orders")


async def test_an_owner_who_is_no_superuser_can_load(
    database: Database, plain_owner: asyncpg.Connection
) -> None:
    assert not await plain_owner.fetchval(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    before = await guards(plain_owner)
    counts = await load(plain_owner)
    assert await count(plain_owner, "retail.orders") == counts.orders
    assert await guards(plain_owner) == before
    assert await plain_owner.fetchval(WRONG_DAYS) == 0


@pytest.fixture
async def plain_owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner of a database of a hosted server: may make roles, but is no superuser."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute(
        """
        CREATE ROLE hosted LOGIN CREATEROLE CREATEDB;
        GRANT zava_app, store_managers, regional_managers, head_office, viewers
            TO hosted WITH ADMIN OPTION;
        """
    )
    await admin.execute("CREATE DATABASE hosted OWNER hosted")
    connection = await replace(database.owner, database="hosted").connect()
    await connection.execute("CREATE EXTENSION vector")
    # The embedded server lets nobody else log in.
    await connection.execute("SET SESSION AUTHORIZATION hosted")
    await migrate(connection, find_migrations())
    yield connection
    await connection.close()
    await admin.execute("DROP DATABASE hosted WITH (FORCE)")
    await admin.execute("DROP OWNED BY hosted CASCADE")
    await admin.execute("DROP ROLE hosted")
    await admin.close()


async def gone(connection: asyncpg.Connection, process: int) -> None:
    """Waits until the server process of a broken connection has ended."""
    async with asyncio.timeout(10):
        while await connection.fetchval(  # noqa: ASYNC110 (PostgreSQL tells nobody)
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", process
        ):
            await asyncio.sleep(0.02)
