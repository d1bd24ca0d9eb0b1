"""The migrator applies each file once, whole or not at all, and refuses changed history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from zava_server.data.endpoint import Endpoint
from zava_server.data.migrations import applied_migrations, find_migrations, migrate
from zava_server.infrastructure.errors import DatabaseUnavailable
from zava_server.startup import Database, check_prepared


@pytest.fixture
async def empty(database: Database) -> AsyncIterator[Endpoint]:
    """An empty database of its own in the same server."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute("CREATE DATABASE empty")
    yield Endpoint(
        host=database.owner.host,
        port=database.owner.port,
        user=database.owner.user,
        database="empty",
    )
    await admin.execute("DROP DATABASE empty WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def connection(empty: Endpoint) -> AsyncIterator[asyncpg.Connection]:
    connection = await empty.connect()
    yield connection
    await connection.close()


def write(directory: Path, **files: str) -> Path:
    for name, sql in files.items():
        (directory / f"{name}.sql").write_text(sql)
    return directory


async def test_the_whole_schema_applies_to_an_empty_database_once(
    connection: asyncpg.Connection,
) -> None:
    migrations = find_migrations()
    assert await migrate(connection, migrations) == len(migrations) > 0
    assert await migrate(connection, migrations) == 0


async def test_files_are_applied_in_order_and_recorded(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, m2="INSERT INTO t VALUES (2)", m1="CREATE TABLE t (i int)")
    migrations = find_migrations(tmp_path)
    assert await migrate(connection, migrations) == 2
    assert await connection.fetchval("SELECT i FROM t") == 2
    assert await applied_migrations(connection) == {m.name: m.checksum for m in migrations}


async def test_a_failing_file_leaves_nothing_and_the_next_run_goes_on(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, m1="CREATE TABLE t (i int)", m2="INSERT INTO t VALUES (1); SELECT 1 / 0")
    with pytest.raises(DatabaseUnavailable, match=r"m2\.sql failed: division by zero"):
        await migrate(connection, find_migrations(tmp_path))
    assert await connection.fetchval("SELECT count(*) FROM t") == 0
    write(tmp_path, m2="INSERT INTO t VALUES (1)")
    assert await migrate(connection, find_migrations(tmp_path)) == 1


async def test_a_changed_applied_file_is_refused(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await migrate(connection, find_migrations(write(tmp_path, m1="SELECT 1")))
    with pytest.raises(DatabaseUnavailable, match="has changed"):
        await migrate(connection, find_migrations(write(tmp_path, m1="SELECT 2")))


async def test_a_database_of_a_newer_version_is_refused(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await migrate(connection, find_migrations(write(tmp_path, m1="SELECT 1", m2="SELECT 2")))
    (tmp_path / "m2.sql").unlink()
    with pytest.raises(DatabaseUnavailable, match="newer version"):
        await migrate(connection, find_migrations(tmp_path))


async def test_two_migrators_at_once_apply_each_file_once(empty: Endpoint, tmp_path: Path) -> None:
    write(
        tmp_path, m1="CREATE TABLE t (i int); SELECT pg_sleep(0.2)", m2="INSERT INTO t VALUES (1)"
    )
    migrations = find_migrations(tmp_path)
    connections = [await empty.connect() for _ in range(3)]
    try:
        counts = await asyncio.gather(*(migrate(c, migrations) for c in connections))
        assert sorted(counts) == [0, 0, 2]
        assert await connections[0].fetchval("SELECT count(*) FROM t") == 1
    finally:
        for connection in connections:
            await connection.close()


async def test_an_older_schema_is_refused_with_what_mends_it(owner: asyncpg.Connection) -> None:
    await check_prepared(owner)
    await owner.execute(
        "DELETE FROM zava.migrations WHERE file = (SELECT max(file) FROM zava.migrations)"
    )
    with pytest.raises(DatabaseUnavailable) as caught:
        await check_prepared(owner)
    assert str(caught.value.hint).startswith("Run: zava-server db init (")
