"""Opens the cache of the settings, with Redis and what tells of changes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from zava_server.data.change_listener import ChangeListener, database_id
from zava_server.data.migrations import find_migrations
from zava_server.infrastructure.cache.cache import Cache
from zava_server.infrastructure.cache.changes import Changes
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.cache.redis_or_memory import RedisOrMemory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zava_server.data.endpoint import Endpoint
    from zava_server.data.pool import Pool
    from zava_server.infrastructure.cache.store import Place
    from zava_server.infrastructure.settings import Settings


@asynccontextmanager
async def open_redis(settings: Settings, pool: Pool) -> AsyncIterator[RedisOrMemory | None]:
    """What servers share, in memory until Redis is reached; None where no Redis is set.

    Raises DatabaseUnavailable, Busy.
    """
    if settings.redis_url is None:
        yield None
        return
    async with pool.connection() as connection:
        database = await database_id(connection)
    url = settings.redis_url.get_secret_value()
    async with RedisOrMemory(url, database, MemoryStore()).running() as redis:
        yield redis


@asynccontextmanager
async def open_cache(
    settings: Settings, app: Endpoint, pool: Pool, redis: RedisOrMemory | None
) -> AsyncIterator[Cache]:
    """The cache, which keeps answers for a second until it is told of changes."""
    if not settings.cache_seconds:
        yield Cache.off()
        return
    place: Place = redis or MemoryStore()
    changes = Changes(place, reads_are_current=lambda: not pool.is_on_standby)
    async with ChangeListener(app, changes).running():
        scope = (version("zava"), find_migrations()[-1].name, settings.time_zone)
        yield Cache(place, changes, seconds=settings.cache_seconds, scope=scope)
