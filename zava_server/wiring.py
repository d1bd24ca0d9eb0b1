"""Puts the layers together upon an open pool."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from zava_server.business.browsing import BrowsingService
from zava_server.business.catalogue_search import CatalogueSearch
from zava_server.business.health import HealthService
from zava_server.business.metric_sources import (
    cache_metrics,
    error_metrics,
    health_metrics,
    pool_metrics,
    query_metrics,
    replica_metrics,
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
from zava_server.data.performance import Performance
from zava_server.data.plans import Plans
from zava_server.data.sales_queries import SalesQueries
from zava_server.data.schemas import Schemas
from zava_server.data.statement_log import StatementLog
from zava_server.data.statement_statistics import DatabaseStatistics
from zava_server.data.stores import Stores
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.metrics import Metrics
from zava_server.infrastructure.query_monitor import QueryMonitor
from zava_server.protocol.session import Services

if TYPE_CHECKING:
    from zava_server.data.pool import Pool
    from zava_server.data.replicas import Replicas
    from zava_server.data.signing_keys import Signer
    from zava_server.infrastructure.cache.cache import Cache
    from zava_server.infrastructure.embedders.embedder import CachedEmbedder
    from zava_server.infrastructure.error_counts import ErrorCounts
    from zava_server.infrastructure.settings import Settings


def wire(
    settings: Settings,
    *,
    pool: Pool,
    replicas: Replicas | None = None,
    key: Signer,
    embedder: CachedEmbedder,
    cache: Cache,
    errors: ErrorCounts,
    embedded_database: bool,
) -> Services:
    """The services. Nothing of them is open: what they are given is closed by who opened it."""
    monitor = QueryMonitor(settings.slow_query_seconds)
    transactions = ReadTransactions(
        pool,
        key,
        time_zone=settings.time_zone,
        statement_seconds=settings.statement_timeout_seconds,
        log=StatementLog(monitor),
    )
    # What is kept in the cache is read where changes are told of.
    fresh_enough = transactions.on_replicas(replicas)
    catalogue = Catalogue(transactions.logged_as("search"))
    performance = Performance(transactions.logged_as("performance"))
    queries = SalesQueries(fresh_enough, max_bytes=settings.max_result_bytes)
    guard = SqlGuard(RETAIL_POLICY)
    operations = Operations(
        pool, catalogue, embedder, embedded_database=embedded_database, replicas=replicas
    )
    health = HealthService(pool, key, operations, embedder, cache, settings.data_dir)
    metrics = Metrics()
    for source in (
        query_metrics(monitor),
        pool_metrics(pool),
        error_metrics(errors),
        cache_metrics(embedder, cache),
        health_metrics(health),
    ):
        metrics.register(source)
    if replicas is not None:
        metrics.register(replica_metrics(replicas))
        health.watch(replicas)
    return Services(
        sales_queries=SalesQueryService(guard, queries, monitor),
        query_plans=QueryPlanService(guard, Plans(fresh_enough.logged_as("explain")), monitor),
        catalogue_search=CatalogueSearch(catalogue, embedder, cache),
        schemas=SchemaService(Schemas(transactions.logged_as("schemas")), cache),
        stores=Stores(transactions.logged_as("stores")),
        browsing=BrowsingService(
            Browsing(fresh_enough.logged_as("browse")), ZoneInfo(settings.time_zone)
        ),
        store_performance=StorePerformanceService(performance, cache=cache),
        sales_trend=SalesTrendService(performance, cache=cache),
        top_products=TopProductsService(performance, cache=cache),
        stock_alerts=StockAlertsService(performance, cache=cache),
        operations=operations,
        slow_queries=SlowQueries(monitor, DatabaseStatistics(transactions.logged_as("operations"))),
        health=health,
        metrics=metrics,
    )
