"""Health is told as it is, of a pool that lost connections, a standby, a database that died."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.backend import Backend
from zava_server.business.health import DATABASE, IDENTITY_KEY, SCHEMA, HealthService
from zava_server.business.operations import Operations
from zava_server.data.catalogue import Catalogue
from zava_server.data.embedded import EmbeddedPostgres
from zava_server.data.endpoint import Endpoint
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.cache.cache import Cache
from zava_server.infrastructure.errors import Busy, DatabaseUnavailable, ResultTooLarge
from zava_server.infrastructure.health import Status
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.health_view import health_content
from zava_server.startup import Database, choose_embedder, open_database, prepare


def small(database: Database) -> Pool:
    return Pool(database.app, min_size=1, max_size=1, acquire_seconds=0.2)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def test_closed_connections_are_counted_by_reason(
    database: Database, signing_key: SigningKey, staff: Staff, owner: asyncpg.Connection
) -> None:
    pool = small(database)
    transactions = ReadTransactions(pool, signing_key, time_zone="UTC", statement_seconds=10)
    queries = SalesQueries(transactions, max_bytes=1000)
    async with pool.running():
        with pytest.raises(ResultTooLarge):
            await queries.run(staff["tacoma"], "SELECT repeat('x', 60000000)::int", 1)
        async with pool.connection() as connection:
            backend = connection.get_server_pid()
        await owner.fetchval("SELECT pg_terminate_backend($1)", backend)

        async def was_lost() -> bool:
            return pool.figures().endings == {"too_much": 1, "lost": 1}

        await until(was_lost)
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
        figures = pool.figures()
        assert (figures.opened, figures.closed, figures.size) == (3, 2, 1)
    assert pool.figures().endings["stopped"] == 1


async def test_a_connection_that_is_retired_was_idle(database: Database) -> None:
    pool = Pool(database.app, min_size=1, max_size=2, acquire_seconds=5)
    async with pool.running():
        async with pool.connection(), pool.connection():
            assert pool.figures().size == 2
        inner: Any = pool._pool
        inner._holders[0]._deactivate_inactive_connection()
        await asyncio.sleep(0)
        assert pool.figures().endings == {"idle": 1}


async def test_the_last_errors_are_kept_with_their_codes(database: Database) -> None:
    pool = small(database)
    async with pool.running(), pool.connection():
        for _ in range(12):
            with pytest.raises(Busy):
                async with pool.connection():
                    pass
        errors = pool.figures().errors
    assert len(errors) == 10
    assert {error.code for error in errors} == {"BUSY"}
    assert "All 1 database connections stayed in use" in errors[-1].message


async def test_pool_health_takes_no_connection(
    database: Database, staff: Staff, transactions: ReadTransactions, settings: Settings
) -> None:
    pool = small(database)
    operations = Operations(
        pool, Catalogue(transactions), choose_embedder(settings), embedded_database=True
    )
    await operations.count_coverage(staff["tacoma"])
    async with pool.running(), pool.connection():
        health = operations.pool_health(staff["tacoma"])
    assert health.coverage.share == 1
    assert health.pool.in_use == 1


async def test_errors_are_for_ops(
    database: Database, staff: Staff, transactions: ReadTransactions, settings: Settings
) -> None:
    pool = small(database)
    pool.note(DatabaseUnavailable("db.internal:5432/zava cannot be reached."))
    operations = Operations(
        pool, Catalogue(transactions), choose_embedder(settings), embedded_database=True
    )
    assert operations.pool_health(staff["tacoma"]).errors == ()
    (error,) = operations.pool_health(staff["head-office"]).errors
    assert error.code == "DATABASE_UNAVAILABLE"


async def test_a_standby_tells_how_far_it_is_behind(
    database: Database, settings: Settings, shared_directory: Path
) -> None:
    """A copy of the data directory in recovery, as a standby without its primary is."""
    assert database.owner is not None
    copy = shared_directory / "standby"
    connection = await database.owner.connect()
    await connection.fetchval("SELECT pg_backup_start('test', true)")
    await asyncio.to_thread(
        shutil.copytree,
        settings.data_dir / "postgres",
        copy / "postgres",
        ignore=shutil.ignore_patterns("postmaster.*"),
    )
    stop = await connection.fetchrow("SELECT labelfile FROM pg_backup_stop()")
    await connection.fetchval("SELECT pg_switch_wal()")
    assert stop is not None
    shutil.copytree(
        settings.data_dir / "postgres" / "pg_wal", copy / "postgres" / "pg_wal", dirs_exist_ok=True
    )
    (copy / "postgres" / "backup_label").write_text(stop["labelfile"])
    (copy / "postgres" / "standby.signal").touch()
    shutil.copystat(settings.data_dir / "postgres", copy / "postgres")
    await connection.close()
    standby = EmbeddedPostgres(copy)
    running = await asyncio.to_thread(standby.open)
    try:
        there = Endpoint(
            host=running.host, port=running.port, user="zava_app", database=running.database
        )
        pool = Pool(there, min_size=1, max_size=1, acquire_seconds=5)
        async with pool.running():
            async with pool.connection() as connection_to_standby:
                assert await connection_to_standby.fetchval("SELECT pg_is_in_recovery()")
            lag = pool.figures().lag
        assert lag is not None
    finally:
        await asyncio.to_thread(standby.close)


async def test_on_a_primary_there_is_no_lag(pool: Pool) -> None:
    async with pool.connection():
        pass
    assert pool.figures().lag is None


async def test_health_tells_each_part_and_ops_its_figures(
    pool: Pool,
    signing_key: SigningKey,
    transactions: ReadTransactions,
    staff: Staff,
    settings: Settings,
) -> None:
    embedder = choose_embedder(settings)
    operations = Operations(pool, Catalogue(transactions), embedder, embedded_database=True)
    await operations.count_coverage(staff["tacoma"])
    health = HealthService(pool, signing_key, operations, embedder, Cache.off(), settings.data_dir)
    found = await health.look()
    assert (found.status, found.reason, found.is_ready) == (Status.OK, None, True)
    whole = health_content(found, whole=True)
    assert {part["name"]: part["status"] for part in whole["parts"]} == dict.fromkeys(
        ("database", "schema", "identity key", "embedder", "cache", "disk"), "ok"
    )
    assert whole["versions"]["postgresql"].startswith("18")
    assert whole["versions"]["pgvector"]
    tenant = health_content(found, whole=False)
    assert "versions" not in tenant
    assert all(set(p) == {"name", "status", "reason", "since"} for p in tenant["parts"])


async def test_a_key_the_database_does_not_know_is_down(
    pool: Pool, transactions: ReadTransactions, settings: Settings
) -> None:
    embedder = choose_embedder(settings)
    operations = Operations(pool, Catalogue(transactions), embedder, embedded_database=True)
    health = HealthService(
        pool, SigningKey.generate(), operations, embedder, Cache.off(), settings.data_dir
    )
    found = await health.look()
    statuses = {part.name: part.finding.status for part in found.parts}
    assert statuses[IDENTITY_KEY] is Status.DOWN
    assert statuses[DATABASE] is statuses[SCHEMA] is Status.OK
    assert not found.is_ready


async def test_a_full_pool_is_degraded_and_still_serves(
    database: Database, signing_key: SigningKey, transactions: ReadTransactions, settings: Settings
) -> None:
    pool = small(database)
    embedder = choose_embedder(settings)
    operations = Operations(pool, Catalogue(transactions), embedder, embedded_database=True)
    health = HealthService(pool, signing_key, operations, embedder, Cache.off(), settings.data_dir)
    async with pool.running(), pool.connection():
        found = await health.look()
    (part,) = [part for part in found.parts if part.name == DATABASE]
    assert part.finding.status is Status.DEGRADED
    assert found.is_ready


async def test_it_is_ready_only_while_it_can_serve(shared_directory: Path) -> None:
    """With a database of its own, which is frozen and goes on."""
    alone = Settings(data_dir=shared_directory / "frozen", user="seattle")
    async with open_database(alone, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, alone, ignore_progress, demo_scale=0.01)
        async with Backend(alone).running() as backend:
            assert not await backend.is_ready()
            await backend.ready()
            await until(backend.is_ready)
            (before,) = [
                p for p in (await backend.services.health.look()).parts if p.name == DATABASE
            ]
            postmaster = int(
                (alone.data_dir / "postgres" / "postmaster.pid").read_text().split()[0]
            )
            processes = [postmaster, *_children(postmaster)]
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            try:
                await until(_not(backend.is_ready))
            finally:
                for process in processes:
                    os.kill(process, signal.SIGCONT)
            await until(backend.is_ready)
            (after,) = [
                p for p in (await backend.services.health.look()).parts if p.name == DATABASE
            ]
            assert after.since > before.since


def _not(question: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    async def negated() -> bool:
        return not await question()

    return negated


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in tasks.read_text().split()]
