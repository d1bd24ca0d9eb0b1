"""Keys that sign identities: forged ones count for nothing, and they change while servers run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.data.identity import find_user, list_users
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import (
    THE_SERVER,
    KeyFile,
    SigningKey,
    install_key,
    rotate_key,
)
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database


@pytest.fixture
async def committing_owner(
    database: Database, signing_key: SigningKey
) -> AsyncIterator[asyncpg.Connection]:
    """The owner, whose changes to the keys are taken back afterwards."""
    assert database.owner is not None
    connection = await database.owner.connect()
    yield connection
    await connection.execute("DELETE FROM identity.signing_keys")
    await install_key(connection, signing_key)
    await connection.close()


@pytest.fixture
def key_file(tmp_path: Path, signing_key: SigningKey) -> Path:
    signing_key.write(tmp_path / "identity.key")
    return tmp_path / "identity.key"


def as_server(pool: Pool, key_file: Path) -> ReadTransactions:
    return ReadTransactions(pool, KeyFile(key_file), time_zone="UTC", statement_seconds=10)


async def live_keys(owner: asyncpg.Connection) -> set[str]:
    return {row["key_id"] for row in await owner.fetch("SELECT key_id FROM identity.signing_keys")}


async def named(connection: asyncpg.Connection, claim: str | None) -> UUID | None:
    """The user whom zava_app would be for this claim."""
    async with connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('zava.identity', $1, true)", claim)
        user: UUID | None = await connection.fetchval("SELECT retail.current_user_id()")
        return user


async def test_a_running_server_works_on_through_rotations(
    pool: Pool, key_file: Path, committing_owner: asyncpg.Connection, staff: Staff
) -> None:
    server = as_server(pool, key_file)
    for _ in range(3):
        await rotate_key(committing_owner, key_file)
        async with server.read_as(staff["tacoma"]) as transaction:
            assert await transaction.connection.fetchval("SELECT count(*) FROM retail.orders") > 0


async def test_a_server_with_a_copy_of_the_key_works_on_until_the_second_rotation(
    pool: Pool,
    key_file: Path,
    signing_key: SigningKey,
    committing_owner: asyncpg.Connection,
    staff: Staff,
) -> None:
    elsewhere = ReadTransactions(pool, signing_key, time_zone="UTC", statement_seconds=10)
    await rotate_key(committing_owner, key_file)
    async with elsewhere.read_as(staff["tacoma"]):
        pass
    await rotate_key(committing_owner, key_file)
    with pytest.raises(DatabaseUnavailable, match="signature"):
        async with elsewhere.read_as(staff["tacoma"]):
            pass


async def test_a_leaked_key_ends_at_once(
    pool: Pool, key_file: Path, committing_owner: asyncpg.Connection, staff: Staff
) -> None:
    server = as_server(pool, key_file)
    new = await rotate_key(committing_owner, key_file, retire_old=True)
    assert await live_keys(committing_owner) == {new}
    async with server.read_as(staff["tacoma"]):
        pass


async def test_a_call_under_way_keeps_its_rows_when_its_key_is_retired(
    pool: Pool, key_file: Path, committing_owner: asyncpg.Connection, staff: Staff
) -> None:
    count = "SELECT count(*) FROM retail.orders"
    server = as_server(pool, key_file)
    async with server.read_as(staff["tacoma"]) as transaction:
        before = await transaction.connection.fetchval(count)
        await rotate_key(committing_owner, key_file, retire_old=True)
        assert await transaction.connection.fetchval(count) == before > 0


async def test_rotations_at_the_same_time_leave_a_file_that_the_database_knows(
    database: Database, pool: Pool, key_file: Path, committing_owner: asyncpg.Connection
) -> None:
    assert database.owner is not None
    owners = [await database.owner.connect() for _ in range(4)]
    await asyncio.gather(*(rotate_key(owner, key_file) for owner in owners))
    for owner in owners:
        await owner.close()
    live = await live_keys(committing_owner)
    assert len(live) == 2
    assert SigningKey.read(key_file).key_id in live


async def test_a_third_key_is_refused(committing_owner: asyncpg.Connection) -> None:
    await install_key(committing_owner, SigningKey.generate())
    with pytest.raises(DatabaseUnavailable, match="two identity keys"):
        await install_key(committing_owner, SigningKey.generate())
    with pytest.raises(asyncpg.CheckViolationError):
        await committing_owner.execute(
            "INSERT INTO identity.signing_keys VALUES ('third', sha512('a'), sha512('b'))"
        )


async def test_an_empty_key_is_refused(committing_owner: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await install_key(committing_owner, SigningKey("empty", b""))


def test_a_key_file_is_its_owners_alone(key_file: Path, signing_key: SigningKey) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert signing_key.secret.hex() not in repr(signing_key)


def test_a_key_file_that_goes_away_leaves_the_server_its_key(key_file: Path) -> None:
    key = KeyFile(key_file)
    before = key.sign(THE_SERVER, 10).partition(".")[0]
    key_file.unlink()
    assert key.sign(THE_SERVER, 10).partition(".")[0] == before
    key_file.write_text("nonsense")
    assert key.sign(THE_SERVER, 10).partition(".")[0] == before


@pytest.mark.parametrize("text", ["", "abc", "abc:", "abc:zz", "abc:00ff", ":" + "00" * 32])
def test_a_damaged_key_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(ValidationError, match="damaged"):
        KeyFile(tmp_path / "key")


def malformed(key: SigningKey, user: UUID) -> dict[str, str | None]:
    key_id, _, expiry, mac = key.sign(user, 30).split(".")
    return {
        "nothing": None,
        "no key id": f".{user}.{expiry}.{mac}",
        "no user": f"{key_id}..{expiry}.{mac}",
        "no expiry": f"{key_id}.{user}..{mac}",
        "no signature": f"{key_id}.{user}.{expiry}.",
        "only points": "...",
        "the word null": f"{key_id}.null.{expiry}.{mac}",
        "an expiry with a sign": f"{key_id}.{user}.+{expiry}.{mac}",
        "an expiry past all clocks": f"{key_id}.{user}.{'9' * 12}.{mac}",
        "a fifth part": f"{key_id}.{user}.{expiry}.{mac}.{mac}",
        "two lines": f"{key_id}.{user}.{expiry}.{mac}\nx",
        "a pattern for the key": f"%.{user}.{expiry}.{mac}",
        "another user": f"{key_id}.{UUID(int=1)}.{expiry}.{mac}",
        "good for more than an hour": key.sign(user, 3700),
        "just expired": key.sign(user, -6),
        "an unknown key": replace(key, key_id="0").sign(user, 30),
        "the empty key": SigningKey(key_id, b"").sign(user, 30),
        "the server": key.sign(THE_SERVER, 30),
    }


async def test_a_malformed_or_forged_identity_is_nobodys(
    database: Database, signing_key: SigningKey, staff: Staff
) -> None:
    user = staff["seattle"].user_id
    connection = await database.app.connect()
    try:
        for what, claim in malformed(signing_key, user).items():
            assert await named(connection, claim) is None, what
        assert await named(connection, signing_key.sign(user, 30)) == user
    finally:
        await connection.close()


async def test_only_the_server_is_told_who_there_is(
    database: Database, signing_key: SigningKey, staff: Staff
) -> None:
    """A caller who got back to zava_app has at most their own identity to show."""
    connection = await database.app.connect()
    try:
        assert await connection.fetch("SELECT * FROM identity.find_users(NULL)") == []
        async with connection.transaction(readonly=True):
            claim = signing_key.sign(staff["head-office"].user_id, 30)
            await connection.execute("SELECT set_config('zava.identity', $1, true)", claim)
            assert await connection.fetch("SELECT * FROM identity.find_users(NULL)") == []
        with pytest.raises(DatabaseUnavailable, match="signature"):
            await list_users(connection, replace(signing_key, secret=bytes(32)))
        found = await find_user(connection, signing_key, "tacoma")
        assert found == staff["tacoma"]
        assert not await connection.fetchval("SELECT current_setting('zava.identity', true)")
    finally:
        await connection.close()


async def test_the_command_rotates_the_key_of_a_database_in_use(
    settings: Settings,
    pool: Pool,
    signing_key: SigningKey,
    committing_owner: asyncpg.Connection,
    staff: Staff,
) -> None:
    server = as_server(pool, settings.key_file)
    try:
        done = await asyncio.to_thread(
            subprocess.run,
            [
                *(sys.executable, "-m", "zava_server", "db", "rotate-identity-key"),
                *("--data-dir", str(settings.data_dir)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        new = SigningKey.read(settings.key_file)
        assert new.key_id in done.stdout
        assert new.secret.hex() not in done.stdout + done.stderr
        assert await live_keys(committing_owner) == {signing_key.key_id, new.key_id}
        async with server.read_as(staff["tacoma"]):
            pass
    finally:
        signing_key.write(settings.key_file)


def test_the_command_makes_no_database(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "zava_server", "db", "rotate-identity-key"),
            *("--data-dir", str(tmp_path / "none")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "zava-server db init" in done.stderr
