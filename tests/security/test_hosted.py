"""Where the owner is no superuser, PostgreSQL's open defaults stay open and nothing fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from zava_server.data.endpoint import Endpoint
from zava_server.data.migrations import find_migrations, migrate, sql_directory
from zava_server.data.pool import Pool
from zava_server.data.self_check import refuse_unsafe_role
from zava_server.data.signing_keys import SigningKey, install_key
from zava_server.doctor.database import CLOSING_FILES
from zava_server.startup import Database

SET_CONFIG = "has_function_privilege('store_managers', 'set_config(text,text,boolean)', 'EXECUTE')"


@pytest.fixture
async def hosted(database: Database) -> AsyncIterator[tuple[Endpoint, asyncpg.Connection]]:
    """A database whose owner may make roles but is no superuser: where it is, and its owner."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute(
        """
        CREATE ROLE landlord CREATEROLE CREATEDB;
        GRANT zava_app, store_managers, regional_managers, head_office, viewers
            TO landlord WITH ADMIN OPTION;
        """
    )
    await admin.execute("CREATE DATABASE rented OWNER landlord")
    owner = await replace(database.owner, database="rented").connect()
    await owner.execute("CREATE EXTENSION vector; SET SESSION AUTHORIZATION landlord")
    await migrate(owner, find_migrations())
    yield replace(database.app, database="rented"), owner
    await owner.close()
    await admin.execute("DROP DATABASE rented WITH (FORCE)")
    await admin.execute("DROP OWNED BY landlord CASCADE")
    await admin.execute("DROP ROLE landlord")
    await admin.close()


async def test_the_schema_is_made_checked_and_keyed(
    hosted: tuple[Endpoint, asyncpg.Connection],
) -> None:
    place, owner = hosted
    await install_key(owner, SigningKey.generate())
    app = await place.connect()
    try:
        await refuse_unsafe_role(app)
        assert await app.fetchval(f"SELECT {SET_CONFIG}") is True
    finally:
        await app.close()


async def test_a_statement_whose_client_is_gone_ends_there_too(
    hosted: tuple[Endpoint, asyncpg.Connection],
) -> None:
    """By the role's own setting: the database's configuration is somebody else's."""
    place, _ = hosted
    app = await place.connect()
    try:
        reading = await app.fetchrow(
            "SELECT setting, source FROM pg_show_all_settings() "
            "WHERE name = 'client_connection_check_interval'"
        )
        assert reading is not None
        assert tuple(reading) == ("200", "database user")
    finally:
        await app.close()


async def test_as_superuser_the_same_file_closes_what_stayed_open(
    hosted: tuple[Endpoint, asyncpg.Connection],
) -> None:
    place, owner = hosted
    dangerous = next(m for m in find_migrations() if "dangerous" in m.name)
    await owner.execute("RESET SESSION AUTHORIZATION")
    await owner.execute(dangerous.sql)
    app = await place.connect()
    try:
        await refuse_unsafe_role(app)
        assert await app.fetchval(f"SELECT {SET_CONFIG}") is False
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch("SELECT reltuples FROM pg_class")
    finally:
        await app.close()


async def test_what_the_doctor_has_a_superuser_run_leaves_the_owner_and_the_server_working(
    hosted: tuple[Endpoint, asyncpg.Connection],
) -> None:
    place, owner = hosted
    await owner.execute("RESET SESSION AUTHORIZATION")
    for file in CLOSING_FILES:
        await owner.execute((sql_directory() / file).read_text())
    await owner.execute("SET SESSION AUTHORIZATION landlord")
    # As the next migration, the index of vectors and an import do.
    await owner.execute(
        """
        CREATE FUNCTION retail.nothing() RETURNS integer
        LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        SELECT pg_advisory_lock(1), set_config('work_mem', '4MB', false);
        SELECT reltuples, pg_relation_size(oid) FROM pg_class;
        """
    )
    # What PostgreSQL keeps for superusers is not given away with it.
    reads_files = "has_function_privilege('pg_read_file(text)', 'EXECUTE')"
    assert await owner.fetchval(f"SELECT {reads_files}") is False
    async with Pool(place, min_size=1, max_size=1, acquire_seconds=5).running() as pool:
        for _ in range(3):
            async with pool.connection() as connection:
                await connection.fetchval("SELECT 1")
        assert (pool.figures().opened, pool.figures().endings) == (1, {})
    app = await place.connect()
    try:
        assert await app.fetchval(f"SELECT {SET_CONFIG}") is False
    finally:
        await app.close()
