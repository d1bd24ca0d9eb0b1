"""The database tells of changes; a server believes what it has kept only while it would be told."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.embedded_processes import reachable_directory
from tests.integration.pgbouncer import pooler
from tests.integration.postgres_servers import HOST, PostgresServer, copy_of
from tests.integration.states import until, until_it_is
from tests.integration.tcp_proxy import TcpProxy
from zava_server.backend import Backend
from zava_server.business.catalogue_search import SearchRequest
from zava_server.data.change_listener import ChangeListener, database_id
from zava_server.data.endpoint import Endpoint
from zava_server.infrastructure.cache.changes import SCHEMA, TOPICS, Changes
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database


class Noted(MemoryStore):
    """Notes which topics were told to have changed."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    async def renew(self, topics: Iterable[str]) -> None:
        self.told += list(topics)


class Ear:
    """A listener, and what it has heard since it began."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.store = Noted()
        self.changes = Changes(self.store)
        self.listener = ChangeListener(endpoint, self.changes)

    async def heard(self, *topics: str) -> None:
        """Returns within the two seconds in which all of them should be."""
        await until(lambda: set(topics) <= set(self.store.told), seconds=2)

    async def is_told(self) -> None:
        await until(lambda: self.changes.silence is None)


@asynccontextmanager
async def listening(endpoint: Endpoint) -> AsyncIterator[Ear]:
    ear = Ear(endpoint)
    async with ear.listener.running():
        await ear.is_told()
        # Whatever was before.
        assert set(ear.store.told) == TOPICS
        ear.store.told.clear()
        yield ear


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner, whose changes stay: they must be none."""
    assert database.owner is not None
    connection = await database.owner.connect()
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("table", "topic"),
    [
        ("retail.orders", "sales"),
        ("retail.order_items", "sales"),
        ("retail.customers", "sales"),
        ("retail.product_costs", "sales"),
        ("retail.daily_totals", "sales"),
        ("retail.inventory", "stock"),
        ("retail.stores", "catalogue"),
        ("retail.products", "catalogue"),
        ("retail.categories", "catalogue"),
        ("retail.product_description_embeddings", "catalogue"),
        ("zava.embedding_models", "catalogue"),
        ("identity.users", "people"),
        ("identity.user_stores", "people"),
        ("identity.signing_keys", "people"),
    ],
)
async def test_a_write_is_told(
    database: Database, writer: asyncpg.Connection, table: str, topic: str
) -> None:
    async with listening(database.app) as ear:
        await writer.execute(f"DELETE FROM {table} WHERE false")
        await ear.heard(topic)
        assert ear.store.told == [topic]


async def test_every_shared_or_tenant_table_is_told_of_or_derived(
    writer: asyncpg.Connection,
) -> None:
    derived = {
        "daily_sales", "hourly_sales", "monthly_sales", "monthly_products", "daily_margins",
        "hourly_margins", "monthly_margins", "monthly_rhythm", "visits", "daily_visits",
        "repeat_visits",
    }  # fmt: skip
    silent = await writer.fetch(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'retail'::regnamespace "
        "AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_trigger AS t "
        "WHERE t.tgrelid = c.oid AND t.tgname = 'signals_change' AND t.tgenabled = 'A')"
    )
    assert {row["relname"] for row in silent} == derived


async def test_what_is_rolled_back_is_not_told(
    database: Database, writer: asyncpg.Connection
) -> None:
    async with listening(database.app) as ear:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("DELETE FROM retail.orders WHERE false")
        await transaction.rollback()
        await writer.execute("DELETE FROM retail.inventory WHERE false")
        await ear.heard("stock")
        assert ear.store.told == ["stock"]


async def test_a_load_that_mutes_other_triggers_is_told(
    database: Database, writer: asyncpg.Connection
) -> None:
    async with listening(database.app) as ear:
        async with writer.transaction():
            await writer.execute("SET LOCAL session_replication_role = 'replica'")
            await writer.execute("SET LOCAL zava.bulk_load = 'on'")
            await writer.execute("DELETE FROM retail.orders WHERE false")
        await ear.heard("sales")


async def test_another_form_of_a_table_is_told(
    database: Database, writer: asyncpg.Connection
) -> None:
    async with listening(database.app) as ear:
        assert ear.changes.would_be_told(TOPICS)
        await writer.execute("ALTER TABLE retail.stores ADD COLUMN for_a_moment integer")
        await ear.heard(SCHEMA)
        await writer.execute("ALTER TABLE retail.stores DROP COLUMN for_a_moment")


async def test_where_forms_of_tables_are_not_watched_they_are_not_believed(
    database: Database, writer: asyncpg.Connection
) -> None:
    await writer.execute("ALTER EVENT TRIGGER zava_signals_schema DISABLE")
    try:
        async with listening(database.app) as ear:
            assert not ear.changes.would_be_told([SCHEMA])
            assert ear.changes.would_be_told(TOPICS - {SCHEMA})
    finally:
        await writer.execute("ALTER EVENT TRIGGER zava_signals_schema ENABLE ALWAYS")


async def test_many_changes_are_passed_on_a_few_times(
    database: Database, writer: asyncpg.Connection
) -> None:
    async with listening(database.app) as ear:
        for _ in range(200):
            await writer.execute("DELETE FROM retail.orders WHERE false")
        await writer.execute("DELETE FROM retail.inventory WHERE false")
        await ear.heard("sales", "stock")
        assert ear.store.told.count("sales") < 20


async def test_a_change_of_rights_does_not_wait_for_the_others(
    database: Database, writer: asyncpg.Connection
) -> None:
    async with listening(database.app) as ear:
        loop = asyncio.get_running_loop()
        await writer.execute("DELETE FROM retail.orders WHERE false")
        await ear.heard("sales")
        began = loop.time()
        await writer.execute("DELETE FROM identity.users WHERE false")
        await ear.heard("people")
        assert loop.time() - began < 0.4


async def test_what_a_listener_whose_connection_ended_has_missed_is_taken_for_everything(
    database: Database, writer: asyncpg.Connection
) -> None:
    async with listening(database.app) as ear:
        ended = await writer.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query = 'LISTEN zava_changed'"
        )
        assert ended >= 1
        await until(lambda: ear.changes.silence is not None or ear.store.told)
        await ear.heard(*TOPICS)
        await ear.is_told()
        ear.store.told.clear()
        await writer.execute("DELETE FROM retail.orders WHERE false")
        await ear.heard("sales")


async def test_a_database_has_an_id_of_its_own(database: Database) -> None:
    assert database.owner is not None
    owner = await database.owner.connect()
    app = await database.app.connect()
    assert await database_id(app) == await database_id(owner)
    await owner.execute("CREATE DATABASE another_one")
    try:
        other = await asyncpg.connect(
            host=database.owner.host, user="zava_owner", database="another_one"
        )
        await other.execute("CREATE SCHEMA zava; CREATE TABLE zava.migrations (applied_at text)")
        await other.execute(
            "INSERT INTO zava.migrations VALUES ($1)",
            await owner.fetchval("SELECT min(applied_at)::text FROM zava.migrations"),
        )
        assert await database_id(other) != await database_id(owner)
        await other.close()
    finally:
        await owner.execute("DROP DATABASE another_one WITH (FORCE)")
        await owner.close()
        await app.close()


# Servers of one's own ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def primary(database: Database) -> AsyncIterator[PostgresServer]:
    async with copy_of(database) as server:
        yield server


def endpoint_at(port: int) -> Endpoint:
    return Endpoint(url=f"postgresql://zava_app@{HOST}:{port}/zava")


async def test_a_connection_that_falls_silent_is_not_believed(primary: PostgresServer) -> None:
    async with (
        TcpProxy(HOST, primary.port).running() as proxy,
        listening(endpoint_at(proxy.port)) as ear,
    ):
        proxy.stall()
        await until(lambda: ear.changes.silence is not None, seconds=2)
        proxy.flow()
        proxy.cut()
        await ear.is_told()


async def test_a_standby_is_not_believed_and_its_promotion_is_noticed(
    primary: PostgresServer,
) -> None:
    standby = primary.standby("listened").start()
    try:
        ear = Ear(endpoint_at(standby.port))
        async with ear.listener.running():
            await until(lambda: "standby" in str(ear.changes.silence))
            standby.promote()
            await ear.is_told()
    finally:
        standby.stop(signal.SIGQUIT)


async def test_a_pooler_that_passes_no_signals_on_is_not_believed(primary: PostgresServer) -> None:
    with reachable_directory() as place, pooler(primary.port, place) as port:
        ear = Ear(endpoint_at(port))
        async with ear.listener.running():
            await until(lambda: "pooler" in str(ear.changes.silence))
            assert not ear.changes.would_be_told(["sales"])


# Through the whole server -----------------------------------------------------------------------


@asynccontextmanager
async def serving(settings: Settings, user: str) -> AsyncIterator[Backend]:
    """A server for this user that is told of changes."""
    async with Backend(settings.model_copy(update={"user": user})).running() as backend:
        await backend.ready()

        async def changes() -> object:
            parts = await backend.services.health.board.look()
            return next(p.finding.details["changes"] for p in parts if p.name == "cache")

        await until_it_is(changes, "told by the database")
        yield backend


@pytest.fixture
async def backend(database: Database, settings: Settings) -> AsyncIterator[Backend]:
    async with serving(settings, "head-office") as backend:
        yield backend


_INSERT_ORDER = """
INSERT INTO retail.orders (store_id, order_id, order_date, total_amount)
VALUES ($1, $2, now(), 1234.56)
"""
_INSERT_LINE = """
INSERT INTO retail.order_items
    (store_id, order_id, line_no, product_id, quantity, unit_price, total_amount)
VALUES ($1, $2, 1, (SELECT min(product_id::text)::uuid FROM retail.products), 1, 1234.56, 1234.56)
"""


async def test_a_new_order_is_in_the_figures_within_two_seconds(
    backend: Backend, writer: asyncpg.Connection
) -> None:
    store, order = backend.identity.store_ids[0], uuid4()

    async def revenue() -> object:
        found = await backend.services.store_performance.performance(backend.identity, None, "7d")
        assert found.current.revenue is not None
        return round(Decimal(str(found.current.revenue)), 2)

    before = await revenue()
    assert isinstance(before, Decimal)
    async with writer.transaction():
        await writer.execute(_INSERT_ORDER, store, order)
        await writer.execute(_INSERT_LINE, store, order)
    await until_it_is(revenue, before + Decimal("1234.56"))
    async with writer.transaction():
        await writer.execute("DELETE FROM retail.order_items WHERE order_id = $1", order)
        await writer.execute("DELETE FROM retail.orders WHERE order_id = $1", order)
    await until_it_is(revenue, before)


async def test_a_new_price_is_in_the_search_within_two_seconds(
    backend: Backend, writer: asyncpg.Connection
) -> None:
    async def price() -> object:
        found = await backend.services.catalogue_search.search(
            backend.identity, SearchRequest("hammer", max_rows=1)
        )
        return found.hits[0].product.price

    before = await price()
    found = await backend.services.catalogue_search.search(
        backend.identity, SearchRequest("hammer", max_rows=1)
    )
    sku = found.hits[0].product.sku
    set_price = "UPDATE retail.products SET base_price = $1 WHERE sku = $2"
    await writer.execute(set_price, Decimal("4321.00"), sku)
    await until_it_is(price, 4321.0)
    await writer.execute(set_price, Decimal(str(before)), sku)
    await until_it_is(price, before)


async def test_a_new_column_is_in_the_schema_within_two_seconds(
    backend: Backend, writer: asyncpg.Connection
) -> None:
    async def columns() -> object:
        (table,) = await backend.services.schemas.describe(backend.identity, ["stores"])
        return "for_a_moment" in [column.name for column in table.columns]

    assert await columns() is False
    await writer.execute("ALTER TABLE retail.stores ADD COLUMN for_a_moment integer")
    await until_it_is(columns, wanted=True)
    await writer.execute("ALTER TABLE retail.stores DROP COLUMN for_a_moment")
    await until_it_is(columns, wanted=False)


async def test_figures_of_a_store_that_was_revoked_are_gone_within_two_seconds(
    database: Database, settings: Settings, writer: asyncpg.Connection
) -> None:
    store, user = await writer.fetchrow(
        """
        SELECT s.store_id, u.user_id FROM retail.stores AS s, identity.users AS u
        WHERE s.name = 'Tacoma' AND u.handle = 'puget-sound'
        """
    ) or (None, None)
    async with serving(settings, "puget-sound") as backend:
        me, services = backend.identity, backend.services

        async def told() -> tuple[object, ...]:
            theirs = await services.store_performance.performance(me, "Tacoma", "60m")
            mine = await services.store_performance.performance(me, None, "60m")
            top = await services.top_products.top(
                me, "Tacoma", "60m", ranking="revenue", category=None, limit=3
            )
            found = await services.catalogue_search.search(me, SearchRequest("hammer", max_rows=1))
            return (
                theirs.current.revenue,
                mine.current.revenue,
                len(top.products),
                found.hits[0].product.stock,
            )

        async def is_told_nothing() -> bool:
            revenue, _, products, stock = await told()
            return (revenue, products) == (None, 0) and stock != before[3]

        before = await told()
        assert before[0] is not None
        await writer.execute(
            "DELETE FROM identity.user_stores WHERE user_id = $1 AND store_id = $2", user, store
        )
        try:
            await until_it_is(is_told_nothing, wanted=True)
            assert (await told())[1] != before[1]
        finally:
            await writer.execute("INSERT INTO identity.user_stores VALUES ($1, $2)", user, store)
        await until_it_is(told, before)


async def test_a_kept_answer_is_the_one_that_was_computed(backend: Backend) -> None:
    me, services = backend.identity, backend.services

    async def ask_everything() -> list[Any]:
        return [
            await services.store_performance.performance(me, None, "30d"),
            await services.store_performance.performance(me, "Seattle", "2025"),
            await services.sales_trend.trend(me, None, "12m", None),
            await services.top_products.top(
                me, None, "30d", ranking="revenue", category=None, limit=5
            ),
            *await services.stock_alerts.alerts(me, None, None, 5),
            *await services.schemas.describe(me, []),
            await services.catalogue_search.search(me, SearchRequest("hang a picture")),
        ]

    def plain(answer: Any) -> dict[str, Any]:
        return {name: value for name, value in asdict(answer).items() if name != "elapsed_ms"}

    # In one minute, or the figures are others.
    for _ in range(3):
        computed, kept = await ask_everything(), await ask_everything()
        if computed[0].periods.current.cut == kept[0].periods.current.cut:
            break
    assert [plain(answer) for answer in kept] == [plain(answer) for answer in computed]
    assert [type(answer) for answer in kept] == [type(answer) for answer in computed]


async def test_results_of_callers_own_statements_are_not_kept(backend: Backend) -> None:
    statement = "SELECT count(*) AS n FROM retail.stores"
    for _ in range(2):
        await backend.services.sales_queries.execute(backend.identity, statement, 10)
    page = backend.services.metrics.exposition()[0].decode()
    assert "\nzava_cache_entries 0.0\n" in page
    assert '_total{cache="sales' not in page


async def test_a_hundred_equal_calls_read_the_database_once(backend: Backend) -> None:
    me, services = backend.identity, backend.services
    asked = (services.store_performance.performance(me, None, "90d") for _ in range(100))
    answers = await asyncio.gather(*asked)
    assert len({answer.current.revenue for answer in answers}) == 1
    page = services.metrics.exposition()[0].decode()
    counts = {
        name: float(count)
        for name in ("hits", "misses")
        for count in re.findall(
            rf'^zava_cache_{name}_total{{cache="store_performance"}} (\S+)$', page, re.MULTILINE
        )
    }
    # Two, should a minute have ended between them.
    assert counts["misses"] <= 2
    assert counts["hits"] + counts["misses"] == 100
