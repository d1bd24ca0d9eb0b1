"""The composition root: wires the layers and runs them over stdio."""

from __future__ import annotations

import asyncio
import difflib
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from zava_server.business.browsing import BrowsingService
from zava_server.business.catalogue_search import CatalogueSearch
from zava_server.business.health import HealthService
from zava_server.business.metric_sources import (
    cache_metrics,
    error_metrics,
    health_metrics,
    pool_metrics,
    query_metrics,
)
from zava_server.business.operations import Operations
from zava_server.business.query_plans import QueryPlanService
from zava_server.business.sales_queries import SalesQueryService
from zava_server.business.sales_trend import SalesTrendService
from zava_server.business.schemas import SchemaService
from zava_server.business.slow_queries import SlowQueries
from zava_server.business.stock_alerts import StockAlertsService
from zava_server.business.store_performance import StorePerformanceService
from zava_server.business.top_products import TopProductsService
from zava_server.data.browsing import Browsing
from zava_server.data.catalogue import Catalogue
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.data.identity import Identity, find_user, list_users
from zava_server.data.performance import Performance
from zava_server.data.plans import Plans
from zava_server.data.pool import Pool
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.schemas import Schemas
from zava_server.data.self_check import refuse_unsafe_role
from zava_server.data.signing_keys import KeyFile
from zava_server.data.statement_log import StatementLog
from zava_server.data.statement_statistics import DatabaseStatistics
from zava_server.data.stores import Stores
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.calls import CallsUnderWay
from zava_server.infrastructure.endings import wait_to_the_end
from zava_server.infrastructure.error_counts import ErrorCounts
from zava_server.infrastructure.errors import (
    AIUnavailable,
    DatabaseUnavailable,
    ValidationError,
)
from zava_server.infrastructure.memory import settle_memory
from zava_server.infrastructure.metrics import Metrics
from zava_server.infrastructure.progress import Progress
from zava_server.infrastructure.query_monitor import QueryMonitor
from zava_server.infrastructure.rates import Rates
from zava_server.infrastructure.tracing import start_tracing
from zava_server.open_cache import open_cache
from zava_server.protocol.session import Services
from zava_server.startup import (
    check_prepared,
    choose_embedder,
    index_catalogue,
    open_database,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from fastmcp import FastMCP

    from zava_server.infrastructure.settings import Settings
    from zava_server.startup import Database

_log = structlog.get_logger(__name__)

_SERVE_ANYWAY_AFTER_SECONDS = 3.0
# Whoever sends SIGTERM waits at least five before they kill; closing takes some as well.
_GRACE_SECONDS = 2.0


class Backend:
    """The session of one user: prepares the database in the background, then holds the services."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready: asyncio.Future[tuple[Services, Identity]] = (
            asyncio.get_running_loop().create_future()
        )
        self._progress = Progress("database", 0.0)
        self.errors = ErrorCounts()
        self.calls = CallsUnderWay()
        self._index: Callable[[], Awaitable[object]] | None = None
        self._work: asyncio.Task[None]

    @property
    def services(self) -> Services:
        """The services; only after `ready`."""
        return self._ready.result()[0]

    @property
    def identity(self) -> Identity:
        """The user all calls act for; only after `ready`."""
        return self._ready.result()[1]

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
                self._ready.set_result(await self._open(stack))
                _log.info("ready", user=self.identity.handle, role=self.identity.role)
                await self._make_searchable()
                await self.services.operations.watch_coverage(self.identity)
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

    async def _make_searchable(self) -> None:
        """Beside the calls: a catalogue that is not covered yet says so in each answer."""
        try:
            await self.services.catalogue_search.warm_up()
            if self._index is not None:
                await self._index()
        except (AIUnavailable, DatabaseUnavailable) as error:
            _log.warning("the search index is not complete", reason=str(error))

    async def _open(self, stack: AsyncExitStack) -> tuple[Services, Identity]:
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
        async with pool.connection() as connection:
            identity = await find_user(connection, key, settings.user or "")
            if identity is None:
                raise unknown_user(settings.user, await list_users(connection, key))
        monitor = QueryMonitor(settings.slow_query_seconds)
        transactions = ReadTransactions(
            pool,
            key,
            time_zone=settings.time_zone,
            statement_seconds=settings.statement_timeout_seconds,
            log=StatementLog(monitor),
        )
        cache = await stack.enter_async_context(open_cache(settings, database.app, pool))
        catalogue = Catalogue(transactions.logged_as("search"))
        performance = Performance(transactions.logged_as("performance"))
        queries = SalesQueries(transactions, max_bytes=settings.max_result_bytes)
        guard = SqlGuard(RETAIL_POLICY)
        operations = Operations(pool, catalogue, embedder, embedded_database=database.embedded)
        health = HealthService(pool, key, operations, embedder, cache, settings.data_dir)
        metrics = Metrics()
        for source in (
            query_metrics(monitor),
            pool_metrics(pool),
            error_metrics(self.errors),
            cache_metrics(embedder, cache),
            health_metrics(health),
        ):
            metrics.register(source)
        services = Services(
            sales_queries=SalesQueryService(guard, queries, monitor),
            query_plans=QueryPlanService(guard, Plans(transactions.logged_as("explain")), monitor),
            catalogue_search=CatalogueSearch(catalogue, embedder, cache),
            schemas=SchemaService(Schemas(transactions.logged_as("schemas")), cache),
            stores=Stores(transactions.logged_as("stores")),
            browsing=BrowsingService(
                Browsing(transactions.logged_as("browse")), ZoneInfo(settings.time_zone)
            ),
            store_performance=StorePerformanceService(performance, cache=cache),
            sales_trend=SalesTrendService(performance, cache=cache),
            top_products=TopProductsService(performance, cache=cache),
            stock_alerts=StockAlertsService(performance, cache=cache),
            operations=operations,
            slow_queries=SlowQueries(
                monitor, DatabaseStatistics(transactions.logged_as("operations"))
            ),
            health=health,
            metrics=metrics,
        )
        # Proves key and clocks before anybody asks.
        await services.stores.all(identity)
        await operations.count_coverage(identity)
        return services, identity

    def _report(self, progress: Progress) -> None:
        self._progress = progress


def unknown_user(handle: str | None, users: Sequence[Identity]) -> ValidationError:
    """The error for a missing or unknown user, naming the nearest and those there are."""
    handles = [user.handle for user in users]
    known = ", ".join(handles)
    message = f"There is no user {handle}." if handle else "No user is given."
    if near := difflib.get_close_matches((handle or "").lower(), handles, n=1):
        message += f" Did you mean {near[0]}?"
    return ValidationError(message, f"Pass --user or set ZAVA_USER to one of: {known}.")


async def serve_stdio(settings: Settings) -> None:
    """Serves MCP on stdin and stdout until EOF or until it is cancelled.

    A database that is ready soon is waited for, so that a bad user or setting ends the process at
    once; one that takes longer is prepared while the server already answers.
    Raises what prevents serving.
    """
    end_tracing = start_tracing()
    try:
        await _serve(settings)
    finally:
        # Sends what is left, for some seconds at most.
        await asyncio.to_thread(end_tracing)


async def _serve(settings: Settings) -> None:
    async with Backend(settings).running() as backend:
        ready = asyncio.create_task(backend.ready())
        waited = asyncio.create_task(asyncio.wait({ready}, timeout=_SERVE_ANYWAY_AFTER_SECONDS))
        server = await asyncio.to_thread(_build_server, backend, settings)
        await waited
        if ready.done():
            await ready
        ready.cancel()
        settle_memory()
        serving = asyncio.create_task(server.run_stdio_async(show_banner=False))
        failed = asyncio.create_task(backend.failed())
        try:
            await asyncio.wait({serving, failed}, return_when=asyncio.FIRST_COMPLETED)
            await (serving if serving.done() else failed)
        except asyncio.CancelledError:
            await backend.calls.finish(_GRACE_SECONDS)
            raise
        finally:
            failed.cancel()
            # Ends the calls under way. It is not waited for, since reading stdin cannot be
            # cancelled: the process ends without it.
            serving.cancel()


def _build_server(backend: Backend, settings: Settings) -> FastMCP:
    """Imports FastMCP, which takes a second, while the database is being opened.

    On stdio one process serves one user, who is held to a rate only where one is set.
    """
    from zava_server.protocol.server import build_server

    rates = Rates(
        calls_per_minute=settings.calls_per_minute or 0,
        concurrent_statements=settings.max_concurrent_statements or 0,
    )
    return build_server(
        backend,
        rates,
        backend.errors,
        backend.calls,
        default_rows=settings.max_rows,
        deadline_seconds=settings.statement_timeout_seconds + settings.pool_acquire_seconds,
    )


async def _check(database: Database) -> None:
    connection = await database.app.connect()
    try:
        await check_prepared(connection)
        await refuse_unsafe_role(connection)
    finally:
        await connection.close()
