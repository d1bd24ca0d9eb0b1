"""Streaming replicas answer what may be a little old, and the primary whatever they cannot."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import asyncpg
import pytest
from fastmcp import Client
from pydantic import SecretStr

from tests.integration.in_memory import in_memory
from tests.integration.postgres_servers import HOST, PostgresServer, copy_of
from tests.integration.states import until, until_it_is
from zava_server import backend
from zava_server.data import hosts, pool
from zava_server.data.endpoint import Endpoint
from zava_server.data.replicas import Replicas
from zava_server.doctor.database import look_at_replicas
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.staleness import BEHIND
from zava_server.startup import Database
from zava_tui.client import McpClient

COUNT = "SELECT count(*) AS n FROM retail.orders"
BEHIND_SECONDS = "SELECT identity.seconds_behind()"
STREAMS = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')"
LOGINS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'zava_app'"
LONG = """
SELECT count(*) AS n FROM retail.order_items AS a
JOIN (SELECT quantity FROM retail.order_items LIMIT 2000) AS b ON a.quantity < b.quantity
"""
RUNS_LONG = """
SELECT EXISTS (SELECT FROM pg_locks WHERE pid <> pg_backend_pid()
    AND relation = 'retail.order_items'::regclass AND mode = 'AccessShareLock' AND granted)
"""
LONGEST_SECONDS_OF_ERRORS = 2.0


@pytest.fixture(scope="module")
async def primary(database: Database) -> AsyncIterator[PostgresServer]:
    async with copy_of(database) as server:
        yield server


@pytest.fixture
async def replica(
    primary: PostgresServer, request: pytest.FixtureRequest
) -> AsyncIterator[PostgresServer]:
    server = await streaming(primary, request.node.name[:40])
    yield server
    server.stop(signal.SIGQUIT)


async def streaming(primary: PostgresServer, name: str) -> PostgresServer:
    """A replica to which something has come: before that it cannot know how old it is."""
    server = primary.standby(name).start()
    async with owner_at(primary) as writer, owner_at(server) as reader:
        await until_it_is(lambda: reader.fetchval(STREAMS), True, seconds=20)
        await writer.execute("COMMENT ON TABLE retail.stores IS 'changed'")
        await until_it_is(
            lambda: reader.fetchval("SELECT identity.seconds_behind()"), 0, seconds=20
        )
    return server


class Served:
    """A server of Seattle's manager, and what it says of itself."""

    def __init__(self, client: Client[Any]) -> None:
        self._client = client
        self.app = McpClient(cast("Any", client.session))
        """As the app asks it."""

    async def call(self, tool: str, **arguments: Any) -> Any:
        return await self._client.call_tool(tool, arguments, raise_on_error=False)

    async def behind(self, sql: str = COUNT) -> float | None:
        """How far what answered was behind; None for the primary."""
        result = await self.call("execute_sales_query", postgresql_query=sql)
        assert not result.is_error, result
        seconds: float | None = (result.meta or {}).get(BEHIND)
        return seconds

    async def health(self) -> dict[str, Any]:
        replicas: dict[str, Any] = (await self.call("get_pool_health")).structured_content[
            "replicas"
        ]
        return replicas

    async def uses_replicas(self) -> None:
        await until_it_is(self._status, "ok", seconds=30)

    async def uses_none(self) -> None:
        await until_it_is(self._status, "degraded", seconds=30)

    async def _status(self) -> str:
        status: str = (await self.health())["status"]
        return status


@asynccontextmanager
async def serving(
    settings: Settings,
    places: str,
    *replicas: PostgresServer,
    most_seconds: float = 10,
    database: str = "zava",
) -> AsyncIterator[Served]:
    read = ",".join(server.place for server in replicas)
    settings = settings.model_copy(
        update={
            "database_url": SecretStr(f"postgresql://zava_app@{places}/zava"),
            "read_database_url": SecretStr(f"postgresql://zava_app@{read}/{database}"),
            "read_max_lag_seconds": most_seconds,
            "user": "seattle",
        }
    )
    async with in_memory(settings) as client:
        yield Served(client)


@asynccontextmanager
async def owner_at(server: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=HOST, port=server.port, user="zava_owner", database="zava"
    )
    try:
        yield connection
    finally:
        await connection.close()


async def test_queries_and_pages_come_from_a_replica_and_say_how_old_they_may_be(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place, replica) as served:
        await served.uses_replicas()
        # Only a replica is ever behind.
        assert await served.behind() is not None
        page = await served.call("browse_table", table="orders")
        assert BEHIND in page.meta
        plan = await served.call("explain_query", postgresql_query=COUNT)
        assert BEHIND in plan.meta


async def test_the_app_learns_how_old_an_answer_may_be_and_how_the_replicas_do(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place, replica) as served:
        await served.uses_replicas()
        assert (await served.app.query(COUNT)).behind_seconds is not None
        replicas = (await served.app.pool_health()).replicas
        assert replicas is not None
        assert (replicas.status, replicas.reason) == ("ok", None)


async def test_what_is_kept_in_the_cache_comes_from_the_primary(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place, replica) as served:
        await served.uses_replicas()
        result = await served.call("get_store_performance", store="Seattle", time_period="7d")
        assert BEHIND not in (result.meta or {})


async def test_a_replica_keeps_the_stores_apart(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place, replica) as served:
        await served.uses_replicas()
        result = await served.call(
            "execute_sales_query", postgresql_query="SELECT DISTINCT store_id FROM retail.orders"
        )
        assert result.structured_content["row_count"] == 1
        assert BEHIND in result.meta


async def test_one_that_is_behind_says_so_and_beyond_the_bound_the_primary_answers(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with (
        serving(settings, primary.place, replica, most_seconds=3) as served,
        owner_at(primary) as writer,
        owner_at(replica) as halted,
    ):
        await served.uses_replicas()
        await halted.execute("SELECT pg_wal_replay_pause()")
        await writer.execute("COMMENT ON TABLE retail.stores IS 'changed again'")
        told: list[float] = []
        while (seconds := await served.behind()) is not None:
            told.append(seconds)
            await asyncio.sleep(0.05)
        assert 0 < max(told) <= 3
        assert "behind" in (await served.health())["reason"]
        await halted.execute("SELECT pg_wal_replay_resume()")
        await served.uses_replicas()
        assert await served.behind() is not None


async def test_what_comes_after_a_quiet_time_does_not_make_it_as_old_as_that(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with (
        serving(settings, primary.place, replica) as served,
        owner_at(primary) as writer,
        owner_at(replica) as halted,
    ):
        await served.uses_replicas()
        quiet = "SELECT clock_timestamp() > pg_last_xact_replay_timestamp() + interval '1 s'"
        await until_it_is(lambda: halted.fetchval(quiet), True, seconds=20)
        await until_it_is(served.behind, 0, seconds=20)
        await halted.execute("SELECT pg_wal_replay_pause()")
        await writer.execute("COMMENT ON TABLE retail.stores IS 'changed'")
        late = f"SELECT ({BEHIND_SECONDS}) > 1"
        await until_it_is(lambda: halted.fetchval(late), True, seconds=20)
        seconds = await served.behind()
        since_the_last_commit = await halted.fetchval(BEHIND_SECONDS)
        assert seconds is not None
        assert 0 < seconds < since_the_last_commit - 0.5


async def test_a_killed_replica_costs_no_answer_and_is_used_again_when_it_is_back(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place, replica) as served:
        await served.uses_replicas()
        outcomes: list[bool] = []
        working = True

        async def work() -> None:
            while working:
                result = await served.call("execute_sales_query", postgresql_query=COUNT)
                outcomes.append(result.is_error)

        workers = [asyncio.create_task(work()) for _ in range(4)]
        await until(lambda: len(outcomes) > 50)
        replica.kill()
        await served.uses_none()
        seen = len(outcomes)
        await until(lambda: len(outcomes) > seen + 50)
        working = False
        await asyncio.gather(*workers)
        assert not any(outcomes)
        assert await served.behind() is None
        replica.start()
        await served.uses_replicas()
        assert await served.behind() is not None


async def test_the_one_that_is_left_answers_and_the_other_gets_its_share_when_it_is_back(
    primary: PostgresServer,
    replica: PostgresServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "LONGEST_SHARED_SECONDS", 0.2)
    other = await streaming(primary, "other")
    try:
        async with serving(settings, primary.place, replica, other) as served:
            await served.uses_replicas()
            replica.kill()
            for _ in range(5):
                await served.behind()
            await served.uses_replicas()
            assert await served.behind() is not None
            replica.start()
            async with owner_at(replica) as owner:

                async def is_asked() -> bool:
                    await served.behind()
                    logins: int = await owner.fetchval(LOGINS)
                    return logins > 0

                await until_it_is(is_asked, True, seconds=30)
    finally:
        other.stop(signal.SIGQUIT)


async def test_one_that_was_silent_gets_its_share_once_it_answers(
    primary: PostgresServer,
    replica: PostgresServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each connection is new.
    monkeypatch.setattr(pool, "LONGEST_SHARED_SECONDS", 0)
    other = await streaming(primary, "loud")
    try:
        replica.pause()
        async with serving(settings, primary.place, replica, other) as served:
            await served.uses_replicas()
            with monkeypatch.context() as short:
                short.setattr(hosts, "SECONDS_A_HOST", 0.5)
                for _ in range(10):
                    await served.behind()
            replica.resume()
            async with owner_at(replica) as owner:

                async def is_asked() -> bool:
                    with monkeypatch.context() as kept:
                        kept.setattr(pool, "LONGEST_SHARED_SECONDS", 60)
                        await asyncio.gather(*(served.behind() for _ in range(4)))
                    logins: int = await owner.fetchval(LOGINS)
                    await asyncio.gather(*(served.behind() for _ in range(4)))
                    return logins > 0

                await until_it_is(is_asked, True, seconds=30)
    finally:
        other.stop(signal.SIGQUIT)


async def test_after_the_primary_dies_a_promoted_standby_serves_all(
    database: Database, settings: Settings
) -> None:
    async with copy_of(database) as first:
        second = await streaming(first, "second")
        try:
            async with serving(settings, f"{first.place},{second.place}", second) as served:
                await served.uses_replicas()
                first.kill()
                second.promote()
                promoted = time.monotonic()
                errors: list[float] = []
                while time.monotonic() < promoted + 4:
                    result = await served.call("execute_sales_query", postgresql_query=COUNT)
                    sales = await served.call("list_stores")
                    if result.is_error or sales.is_error:
                        errors.append(time.monotonic() - promoted)
                assert all(seconds < LONGEST_SECONDS_OF_ERRORS for seconds in errors), errors
        finally:
            second.stop(signal.SIGQUIT)


async def test_one_of_two_that_is_behind_does_not_keep_the_other_from_answering(
    primary: PostgresServer,
    replica: PostgresServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = await streaming(primary, "ahead")
    try:
        async with (
            serving(settings, primary.place, replica, other, most_seconds=1) as served,
            owner_at(primary) as writer,
            owner_at(replica) as halted,
        ):
            await served.uses_replicas()

            async def halted_is_asked() -> bool:
                # New connections choose anew.
                with monkeypatch.context() as short:
                    short.setattr(pool, "LONGEST_SHARED_SECONDS", 0)
                    await asyncio.gather(*(served.behind() for _ in range(4)))
                await asyncio.gather(*(served.behind() for _ in range(4)))
                logins: int = await halted.fetchval(LOGINS)
                return logins > 0

            await until_it_is(halted_is_asked, True, seconds=30)
            await halted.execute("SELECT pg_wal_replay_pause()")
            await writer.execute("COMMENT ON TABLE retail.stores IS 'changed once more'")
            await until_it_is(
                lambda: halted.fetchval(f"SELECT ({BEHIND_SECONDS}) > 1"), True, seconds=20
            )

            async def all_from_the_other() -> bool:
                told = await asyncio.gather(*(served.behind() for _ in range(4)))
                return None not in told and await halted.fetchval(LOGINS) == 0

            await until_it_is(all_from_the_other, True, seconds=20)
    finally:
        other.stop(signal.SIGQUIT)


async def test_a_query_ended_for_a_change_to_be_applied_is_answered_by_the_primary(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with (
        serving(settings, primary.place, replica) as served,
        owner_at(primary) as writer,
        owner_at(replica) as reader,
    ):
        await reader.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        await reader.execute("SELECT pg_reload_conf()")
        await served.uses_replicas()

        async def a_conflict_was_met() -> bool:
            asking = asyncio.create_task(served.call("execute_sales_query", postgresql_query=LONG))
            await until_it_is(lambda: reader.fetchval(RUNS_LONG), True, seconds=20)
            await writer.execute(
                "BEGIN; LOCK TABLE retail.order_items IN ACCESS EXCLUSIVE MODE; "
                "COMMENT ON TABLE retail.order_items IS 'changed'; COMMIT"
            )
            result = await asking
            assert not result.is_error, result
            return BEHIND not in result.meta

        await until_it_is(a_conflict_was_met, True, seconds=60)


async def test_with_all_connections_to_replicas_in_use_the_primary_answers(
    primary: PostgresServer,
    replica: PostgresServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Replicas] = []

    def made_here(*arguments: Any, **options: Any) -> Replicas:
        made.append(Replicas(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(backend, "Replicas", made_here)
    async with serving(settings, primary.place, replica) as served:
        await served.uses_replicas()
        async with AsyncExitStack() as stack:
            for _ in range(settings.pool_max_size):
                await stack.enter_async_context(made[0].pool.connection())
            assert await served.behind() is None

        async def is_asked() -> bool:
            return await served.behind() is not None

        await until_it_is(is_asked, True, seconds=20)


async def test_a_replica_without_zava_leaves_the_looks_going(
    primary: PostgresServer, replica: PostgresServer, settings: Settings
) -> None:
    async with serving(settings, primary.place, replica, database="template1") as served:

        async def is_told() -> bool:
            return "is no database of Zava's" in (await served.health())["reason"]

        await until_it_is(is_told, True, seconds=20)
        assert await served.behind() is None


async def test_the_doctor_tells_of_them(primary: PostgresServer, replica: PostgresServer) -> None:
    async def found(server: PostgresServer, most_seconds: float = 10) -> tuple[str, str]:
        url = f"postgresql://zava_app@{server.place}/zava"
        there = Endpoint.from_url(url, "ZAVA_READ_DATABASE_URL", for_reads=True)
        database = Database(there, None, None, replicas=there)
        finding = await look_at_replicas(database, most_seconds=most_seconds)
        return finding.severity, finding.message

    severity, message = await found(replica)
    assert (severity, "s behind" in message) == ("ok", True)
    severity, message = await found(replica, most_seconds=-1)
    assert (severity, "s behind, and the primary answers" in message) == ("warning", True)
    assert await found(primary) == ("warning", f"{primary.place}/zava is a primary")
    replica.kill()
    severity, message = await found(replica)
    assert severity == "warning"
    assert "cannot be reached; until one can be used, the primary answers" in message
