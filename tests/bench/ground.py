"""What the cases stand on: a database of demo data, and a server's services over it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from zava_server.data.identity import Identity, list_users
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import SigningKey
from zava_server.infrastructure.cache.cache import Cache
from zava_server.infrastructure.error_counts import ErrorCounts
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.protocol.session import Services
from zava_server.startup import Database, choose_embedder, index_catalogue, open_database, prepare
from zava_server.wiring import wire


@dataclass(frozen=True, slots=True)
class Size:
    """How much data, and how often things are repeated. The smoke run asks only whether it runs."""

    scale: float
    smoke: bool = False
    fewer: int = 1
    """By how much less often, where there is much data."""

    def repeats(self, wanted: int, *, smoke: int = 4) -> int:
        """How many of `wanted` there are to be."""
        return min(wanted, smoke) if self.smoke else max(1, wanted // self.fewer)


@dataclass(frozen=True, slots=True)
class Ground:
    size: Size
    settings: Settings
    database: Database
    pool: Pool
    key: SigningKey
    services: Services
    users: Mapping[str, Identity]
    owner: asyncpg.Connection
    """Whom no policy holds back."""

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir


@contextmanager
def directory() -> Iterator[Path]:
    """For a database that is wanted once, where PostgreSQL can reach it though root runs this."""
    with tempfile.TemporaryDirectory(prefix="zava-bench-") as place:
        Path(place).chmod(0o755)
        yield Path(place, "data")


@asynccontextmanager
async def ground(size: Size, data_dir: Path | None) -> AsyncIterator[Ground]:
    """Of demo data, kept in `data_dir` for the next run, if there is one."""
    async with AsyncExitStack() as stack:
        if data_dir is None:
            data_dir = stack.enter_context(directory())
        settings = settings_of(data_dir)
        database = await stack.enter_async_context(open_database(settings, ignore_progress))
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=size.scale)
        embedder = choose_embedder(settings)
        try:
            await index_catalogue(database.owner, embedder)
        finally:
            await embedder.close()
        yield await stack.enter_async_context(ground_on(database, settings, size))


def settings_of(data_dir: Path) -> Settings:
    """The cache keeps no answers."""
    return Settings(data_dir=data_dir, cache_seconds=0)


@asynccontextmanager
async def ground_on(database: Database, settings: Settings, size: Size) -> AsyncIterator[Ground]:
    """On a database that is filled."""
    async with AsyncExitStack() as stack:
        assert database.owner is not None
        embedder = choose_embedder(settings)
        stack.push_async_callback(embedder.close)
        owner = await database.owner.connect()
        stack.push_async_callback(owner.close)
        pool = Pool(
            database.app,
            min_size=settings.pool_min_size,
            max_size=settings.pool_max_size,
            acquire_seconds=settings.pool_acquire_seconds,
        )
        await stack.enter_async_context(pool.running())
        key = SigningKey.read(settings.key_file)
        async with pool.connection() as connection:
            users = {user.handle: user for user in await list_users(connection, key)}
        services = wire(
            settings,
            pool=pool,
            key=key,
            embedder=embedder,
            cache=Cache.off(),
            errors=ErrorCounts(),
            embedded_database=True,
        )
        yield Ground(size, settings, database, pool, key, services, users, owner)
