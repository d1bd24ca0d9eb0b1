"""Real parts, built once a session: an embedded PostgreSQL with a small retailer in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import asyncpg
import pytest

from zava_server.data.identity import Identity, list_users
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, choose_embedder, index_catalogue, open_database, prepare

DEMO_SCALE = 0.02


def skip_without(what: str) -> NoReturn:
    """Skips on a machine that lacks `what`; in CI, which installs it, that is a failure."""
    if os.environ.get("TEST_FORBID_SKIPS"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZAVA_USER", "ZAVA_DATABASE_URL", "ZAVA_DATA_DIR", "NO_COLOR", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared_directory() -> Iterator[Path]:
    """A directory that PostgreSQL can reach when the tests run as root and it does not."""
    directory = Path(tempfile.mkdtemp(prefix="zava-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(shared_directory: Path) -> Settings:
    return Settings(data_dir=shared_directory / "data", pool_max_size=4)


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The retailer's database, prepared as on a first start but with fewer orders."""
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=DEMO_SCALE)
        embedder = choose_embedder(settings, threads=os.cpu_count())
        await index_catalogue(database.owner, embedder)
        await embedder.close()
        yield database


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection; whatever the test does on it is undone."""
    assert database.owner is not None
    connection = await database.owner.connect()
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@dataclass(frozen=True)
class Staff:
    """The demo's users by handle."""

    by_handle: dict[str, Identity]

    def __getitem__(self, handle: str) -> Identity:
        return self.by_handle[handle]


@pytest.fixture(scope="session")
async def staff(database: Database, signing_key: SigningKey) -> Staff:
    connection = await database.app.connect()
    try:
        users = await list_users(connection, signing_key)
        return Staff({user.handle: user for user in users})
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def pool(database: Database, settings: Settings) -> AsyncIterator[Pool]:
    pool = Pool(database.app, min_size=1, max_size=settings.pool_max_size, acquire_seconds=5)
    async with pool.running():
        yield pool


@pytest.fixture(scope="session")
def signing_key(database: Database, settings: Settings) -> SigningKey:
    return SigningKey.read(settings.key_file)


@pytest.fixture(scope="session")
def transactions(pool: Pool, signing_key: SigningKey) -> ReadTransactions:
    return ReadTransactions(
        pool, signing_key, time_zone="America/Los_Angeles", statement_seconds=10
    )
