"""What is behind a server: the database made ready, and the layers wired upon it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from zava_server.data.directory import Directory
from zava_server.data.identity import find_user, list_users, unknown_user
from zava_server.data.pool import DRIVER_ERRORS, Pool
from zava_server.data.replicas import Replicas
from zava_server.data.self_check import refuse_unsafe_role
from zava_server.data.signing_keys import KeyFile
from zava_server.data.tokens import SCOPES
from zava_server.data.vectors import OtherModel
from zava_server.infrastructure.calls import CallsUnderWay
from zava_server.infrastructure.endings import wait_to_the_end
from zava_server.infrastructure.error_counts import ErrorCounts
from zava_server.infrastructure.errors import (
    AIUnavailable,
    AuthorizationError,
    DatabaseUnavailable,
)
from zava_server.infrastructure.progress import Progress
from zava_server.open_cache import open_cache, open_redis
from zava_server.startup import (
    check_prepared,
    choose_embedder,
    index_catalogue,
    open_database,
    prepare,
)
from zava_server.wiring import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    import asyncpg

    from zava_server.business.operations import Operations
    from zava_server.data.endpoint import Endpoint
    from zava_server.data.identity import Identity
    from zava_server.infrastructure.cache.redis_or_memory import RedisOrMemory
    from zava_server.infrastructure.settings import Settings
    from zava_server.protocol.session import Services
    from zava_server.startup import Database

_log = structlog.get_logger(__name__)

# Who may come in is asked on connections of its own, so that it never waits for statements.
_MOST_DOOR_CONNECTIONS = 2
# Until the search index is complete.
_INDEX_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Prepared:
    services: Services
    user: Identity | None
    directory: Directory | None


class Backend:
    """Prepares the database in the background, then holds the services.

    It serves the one user of the settings, or with `many` whoever `directory` knows.
    """

    def __init__(self, settings: Settings, *, many: bool = False) -> None:
        self._settings = settings
        self._many = many
        self._ready: asyncio.Future[_Prepared] = asyncio.get_running_loop().create_future()
        self._progress = Progress("database", 0.0)
        self.errors = ErrorCounts()
        self.calls = CallsUnderWay()
        self._index: Callable[[], Awaitable[object]] | None = None
        self.redis: RedisOrMemory | None = None
        """What servers share; only after `ready`, and where a Redis is set."""
        self._work: asyncio.Task[None]

    @property
    def services(self) -> Services:
        """The services; only after `ready`."""
        return self._ready.result().services

    @property
    def identity(self) -> Identity:
        """The one user of the settings; only after `ready`."""
        user = self._ready.result().user
        if user is None:
            raise _nobody()
        return user

    @property
    def scopes(self) -> frozenset[str]:
        """Which tools are open to the one user: all."""
        return frozenset(SCOPES)

    @property
    def directory(self) -> Directory:
        """Who may come in, where many are served.

        Raises DatabaseUnavailable before it is ready.
        """
        if not self._ready.done():
            raise DatabaseUnavailable(
                f"The database is being prepared: {self._progress.step}.", "Try again in a moment."
            )
        directory = self._ready.result().directory
        if directory is None:
            raise _nobody()
        return directory

    @property
    def progress(self) -> Progress:
        """How far the preparation has come."""
        return self._progress

    async def ready(self) -> None:
        """Waits until calls can be served.

        Raises what prevents it: ValidationError, DatabaseUnavailable.
        """
        await asyncio.shield(self._ready)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Backend]:
        """Prepares and serves until the end of the context, which closes all of it again."""
        self._work = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            self._work.cancel()
            await wait_to_the_end(self._work)

    async def is_ready(self) -> bool:
        """Whether calls can be served now: never before `ready`, nor while the database is down."""
        if not self._ready.done() or self._ready.exception() is not None:
            return False
        return await self.services.health.is_ready()

    async def failed(self) -> None:
        """Waits for what ends the service before its time, and raises it."""
        await asyncio.shield(self._work)

    async def _run(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                prepared = await self._open(stack)
                self._ready.set_result(prepared)
                _log.info("ready", user=prepared.user.handle if prepared.user else "whoever comes")
                await self._keep_searchable(prepared.services.operations)
        except BaseException as error:
            # Whoever waits for readiness must learn of it, a cancellation included.
            if not self._ready.done():
                self._ready.set_exception(
                    DatabaseUnavailable("The server is shutting down.")
                    if isinstance(error, asyncio.CancelledError)
                    else error
                )
                # Nobody may be waiting, which is no error of its own.
                self._ready.exception()
            raise

    async def _somebody(self) -> Identity | None:
        """Whose rights are good for what everybody may see."""
        prepared = self._ready.result()
        if prepared.directory is None:
            return prepared.user
        return await prepared.directory.anybody()

    async def _keep_searchable(self, operations: Operations) -> None:
        while True:
            pause = None if await self._make_searchable() else _INDEX_AGAIN_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await operations.watch_coverage(self._somebody)

    async def _make_searchable(self) -> bool:
        """Beside the calls: a catalogue that is not covered yet says so in each answer.

        False where it should be tried again.
        """
        try:
            await self.services.catalogue_search.warm_up()
            if self._index is not None:
                await self._index()
        except OtherModel as error:
            _log.warning("the search index is not complete", reason=str(error))
        except (AIUnavailable, DatabaseUnavailable) as error:
            _log.warning("the search index is not complete", reason=str(error))
            return False
        except DRIVER_ERRORS as error:
            # Such as a table that is being restored.
            _log.warning("the search index is not complete", exc_info=error)
            return False
        return True

    async def _open(self, stack: AsyncExitStack) -> _Prepared:
        settings = self._settings
        embedder = await asyncio.to_thread(choose_embedder, settings)
        stack.push_async_callback(embedder.close)
        database = await stack.enter_async_context(open_database(settings, self._report))
        if database.owner is not None:
            await prepare(database.owner, settings, self._report)
            self._index = partial(index_catalogue, database.owner, embedder)
        await _check(database)
        pool = await stack.enter_async_context(
            Pool(
                database.app,
                min_size=settings.pool_min_size,
                max_size=settings.pool_max_size,
                acquire_seconds=settings.pool_acquire_seconds,
                revive=database.revive,
            ).running()
        )
        key = KeyFile(settings.key_file)
        directory = None
        if self._many:
            door = Pool(
                database.app,
                min_size=1,
                max_size=_MOST_DOOR_CONNECTIONS,
                acquire_seconds=settings.pool_acquire_seconds,
                revive=database.revive,
            )
            directory = Directory(await stack.enter_async_context(door.running()), key)
        user = None
        if settings.user is not None or not self._many:
            user = await _find(settings.user, pool, key)
        self.redis = await stack.enter_async_context(open_redis(settings, pool))
        cache = await stack.enter_async_context(
            open_cache(settings, database.app, pool, self.redis)
        )
        replicas = None
        if database.replicas is not None:
            replicas = await stack.enter_async_context(_replicas(database.replicas, settings))
        services = wire(
            settings,
            pool=pool,
            replicas=replicas,
            key=key,
            embedder=embedder,
            cache=cache,
            errors=self.errors,
            embedded_database=database.embedded,
        )
        somebody = user or (await directory.anybody() if directory else None)
        if somebody is not None:
            # Proves key and clocks before anybody asks.
            await services.stores.all(somebody)
            await services.operations.count_coverage(somebody)
        return _Prepared(services, user, directory)

    def _report(self, progress: Progress) -> None:
        self._progress = progress


async def _find(handle: str | None, pool: Pool, key: KeyFile) -> Identity:
    async with pool.connection() as connection:
        user = await find_user(connection, key, handle or "")
        if user is None:
            raise unknown_user(handle, await list_users(connection, key))
        return user


def _nobody() -> AuthorizationError:
    return AuthorizationError("Nobody is known here.", "Send a token.")


async def _check(database: Database) -> None:
    connection = await database.app.connect()
    try:
        await _refuse_unfit(connection)
    finally:
        await connection.close()


async def _refuse_unfit(connection: asyncpg.Connection) -> None:
    await check_prepared(connection)
    await refuse_unsafe_role(connection)


def _replicas(endpoint: Endpoint, settings: Settings) -> AbstractAsyncContextManager[Replicas]:
    """Each of them is looked at before it serves."""

    async def refuse_unfit(connection: asyncpg.Connection) -> None:
        await _refuse_unfit(connection)
        await replicas.check(connection)

    pool = Pool(
        endpoint,
        min_size=0,
        max_size=settings.pool_max_size,
        acquire_seconds=settings.pool_acquire_seconds,
        check=refuse_unfit,
    )
    replicas = Replicas(pool, most_seconds=settings.read_max_lag_seconds)
    return replicas.running()
