"""Opens the cache of the settings, with what tells it of changes."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
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
async def open_cache(settings: Settings, app: Endpoint, pool: Pool) -> AsyncIterator[Cache]:
    """The cache, which serves from memory until it has reached Redis and is told of changes.

    Raises DatabaseUnavailable, Busy.
    """
    if not settings.cache_seconds:
        yield Cache.off()
        return
    async with AsyncExitStack() as stack:
        place: Place = MemoryStore()
        if settings.redis_url is not None:
            async with pool.connection() as connection:
                database = await database_id(connection)
            url = settings.redis_url.get_secret_value()
            redis = RedisOrMemory(url, database, MemoryStore())
            place = await stack.enter_async_context(redis.running())
        changes = Changes(place, reads_are_current=lambda: not pool.is_on_standby)
        await stack.enter_async_context(ChangeListener(app, changes).running())
        scope = (version("zava"), find_migrations()[-1].name, settings.time_zone)
        yield Cache(place, changes, seconds=settings.cache_seconds, scope=scope)
