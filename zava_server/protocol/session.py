"""What a tool call needs: the services, once they are ready, and the caller's identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from zava_server.business.browsing import BrowsingService
    from zava_server.business.catalogue_search import CatalogueSearch
    from zava_server.business.health import HealthService
    from zava_server.business.operations import Operations
    from zava_server.business.query_plans import QueryPlanService
    from zava_server.business.sales_queries import SalesQueryService
    from zava_server.business.sales_trend import SalesTrendService
    from zava_server.business.schemas import SchemaService
    from zava_server.business.slow_queries import SlowQueries
    from zava_server.business.stock_alerts import StockAlertsService
    from zava_server.business.store_performance import StorePerformanceService
    from zava_server.business.top_products import TopProductsService
    from zava_server.data.identity import Identity
    from zava_server.data.stores import Stores
    from zava_server.infrastructure.metrics import Metrics
    from zava_server.infrastructure.progress import Progress


@dataclass(frozen=True, slots=True)
class Services:
    """The business layer, wired."""

    sales_queries: SalesQueryService
    query_plans: QueryPlanService
    catalogue_search: CatalogueSearch
    schemas: SchemaService
    stores: Stores
    browsing: BrowsingService
    store_performance: StorePerformanceService
    sales_trend: SalesTrendService
    top_products: TopProductsService
    stock_alerts: StockAlertsService
    operations: Operations
    slow_queries: SlowQueries
    health: HealthService
    metrics: Metrics


class Backing(Protocol):
    """What prepares and holds the services."""

    @property
    def services(self) -> Services:
        """The services; only after `ready`."""

    @property
    def progress(self) -> Progress:
        """How far the preparation of the database has come."""

    async def ready(self) -> None:
        """Waits until calls can be served; raises the error that prevents it."""


class Callers(Protocol):
    """Who asks: the one user of a process, or the bearer of a request's token."""

    @property
    def identity(self) -> Identity:
        """Whoever sent the request at hand; only after `ready`."""

    @property
    def scopes(self) -> frozenset[str]:
        """Which tools are open to them."""


class Session:
    """Where tools get their services and the caller of the request at hand from."""

    def __init__(self, backing: Backing, callers: Callers) -> None:
        self._backing = backing
        self._callers = callers

    @property
    def services(self) -> Services:
        """The services; only after `ready`."""
        return self._backing.services

    @property
    def identity(self) -> Identity:
        """The caller; only after `ready`."""
        return self._callers.identity

    @property
    def scopes(self) -> frozenset[str]:
        """Which tools are open to the caller."""
        return self._callers.scopes

    @property
    def progress(self) -> Progress:
        """How far the preparation of the database has come."""
        return self._backing.progress

    async def ready(self) -> None:
        """Waits until calls can be served; raises the error that prevents it."""
        await self._backing.ready()
