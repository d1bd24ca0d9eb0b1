"""What Zava tells Prometheus, under the names that dashboards and alerts rely on."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from zava_server.infrastructure.health import Status
from zava_server.infrastructure.metrics import Family, Histogram
from zava_server.infrastructure.query_monitor import BUCKETS_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zava_server.business.health import HealthService
    from zava_server.data.pool import Pool
    from zava_server.data.replicas import Replicas
    from zava_server.infrastructure.cache.cache import Cache
    from zava_server.infrastructure.embedders.embedder import CachedEmbedder
    from zava_server.infrastructure.error_counts import ErrorCounts
    from zava_server.infrastructure.metrics import Source
    from zava_server.infrastructure.query_monitor import QueryMonitor

_ENDS = (*(end / 1000 for end in BUCKETS_MS), float("inf"))


def query_metrics(monitor: QueryMonitor) -> Source:
    """Statements by what they were for and how they ended."""

    def families() -> Iterable[Family | Histogram]:
        operations = list(monitor.operations())
        yield Family(
            "counter",
            "zava_query_total",
            "Statements run.",
            ("type", "status"),
            {
                (figures.operation, outcome): count
                for figures in operations
                for outcome, count in figures.outcomes.items()
            },
        )
        yield Histogram(
            "zava_query_duration_seconds",
            "From asking for a connection to the encoded result.",
            ("type",),
            _ENDS,
            {
                (figures.operation,): (
                    list(accumulate(figures.buckets)),
                    figures.total_ms / 1000,
                )
                for figures in operations
            },
        )
        yield Family(
            "counter",
            "zava_slow_query_total",
            "Statements above ZAVA_SLOW_QUERY_SECONDS.",
            ("type",),
            {(figures.operation,): figures.slow_calls for figures in operations},
        )

    return families


def pool_metrics(pool: Pool) -> Source:
    """Connections, as get_pool_health tells them."""

    def families() -> Iterable[Family]:
        now = pool.figures()
        gauges = {
            "size": ("Open connections.", now.size),
            "idle": ("Open connections that nobody uses.", now.idle),
            "in_use": ("Connections lent to calls.", now.in_use),
            "waiting": ("Calls that wait for a connection.", now.waiting),
            "max_size": ("Most connections there may be.", now.max_size),
        }
        for name, (meaning, value) in gauges.items():
            yield Family("gauge", f"zava_pool_{name}", meaning, (), {(): value})
        yield Family(
            "gauge",
            "zava_pool_acquire_wait_seconds",
            "Waits for a connection, of the last 1,000.",
            ("quantile",),
            {("0.5",): now.acquire_p50_ms / 1000, ("0.95",): now.acquire_p95_ms / 1000},
        )
        yield Family(
            "counter", "zava_pool_opened_total", "Connections opened.", (), {(): now.opened}
        )
        yield Family(
            "counter",
            "zava_pool_closed_total",
            "Connections closed.",
            ("reason",),
            {(reason,): count for reason, count in now.endings.items()},
        )
        if now.lag is not None and now.lag.seconds is not None:
            yield Family(
                "gauge",
                "zava_pool_replica_lag_seconds",
                "How far the standby that answers is behind.",
                (),
                {(): now.lag.seconds},
            )

    return families


def replica_metrics(replicas: Replicas) -> Source:
    """Whether replicas serve, and how far the one that answered last was behind."""

    def families() -> Iterable[Family]:
        yield Family(
            "gauge",
            "zava_replicas_serve",
            "Whether replicas answer reads, 0 or 1.",
            (),
            {(): int(replicas.serve)},
        )
        if replicas.behind_seconds is not None:
            yield Family(
                "gauge",
                "zava_replica_lag_seconds",
                "How far the replica that answered last was behind.",
                (),
                {(): replicas.behind_seconds},
            )

    return families


def error_metrics(errors: ErrorCounts) -> Source:
    """Calls that ended in an error."""

    def families() -> Iterable[Family]:
        yield Family(
            "counter",
            "zava_errors_total",
            "Calls that ended in an error.",
            ("operation", "code"),
            {(tool, code): count for (tool, code), count in errors.counts.items()},
        )

    return families


def cache_metrics(embedder: CachedEmbedder, cache: Cache) -> Source:
    """Answers and query embeddings that were kept, and those that were not."""

    def families() -> Iterable[Family]:
        kept = cache.figures()
        for name, embeddings, answers in (
            ("hits", embedder.hits, kept.hits),
            ("misses", embedder.misses, kept.misses),
        ):
            counts: dict[tuple[str, ...], float] = {(kind,): n for kind, n in answers.items()}
            yield Family(
                "counter",
                f"zava_cache_{name}_total",
                f"Cache {name}.",
                ("cache",),
                {("query_embeddings",): embeddings, **counts},
            )
        yield Family("gauge", "zava_cache_entries", "Answers in memory.", (), {(): kept.entries})
        yield Family("gauge", "zava_cache_bytes", "Bytes these take.", (), {(): kept.bytes})

    return families


def health_metrics(health: HealthService) -> Source:
    """Each part as it was found last: 1 ok, 0.5 degraded, 0 down."""
    values = {Status.OK: 1.0, Status.DEGRADED: 0.5, Status.DOWN: 0.0}

    def families() -> Iterable[Family]:
        yield Family(
            "gauge",
            "zava_health",
            "Each part as it was found last: 1 ok, 0.5 degraded, 0 down.",
            ("part",),
            {(part.name,): values[part.finding.status] for part in health.board.parts},
        )

    return families
