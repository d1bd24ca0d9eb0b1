"""Tools that show how the system does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastmcp.tools.base import ToolResult
from pydantic import Field

from zava_server.protocol.health_view import server_health_view
from zava_server.protocol.plan_text import plan_content, plan_text

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from zava_server.business.slow_queries import StatementCost
    from zava_server.data.replicas import Replicas
    from zava_server.data.statement_statistics import StatementStatistics
    from zava_server.infrastructure.query_monitor import Durations
    from zava_server.protocol.session import Session

_READ_ONLY = {"readOnlyHint": True, "idempotentHint": False, "openWorldHint": False}


def add_operations_tools(server: FastMCP, session: Session) -> None:
    """Adds `explain_query`, `get_slow_queries`, `get_pool_health` and `get_server_health`."""

    @server.tool(
        title="Explain a query",
        output_schema={
            "type": "object",
            "properties": {
                "plan": {
                    "type": "object",
                    "description": "A step: node, on, rows, time_ms, share, details, children.",
                },
                "findings": {"type": "array", "description": "Objects with kind and sentence."},
                "planning_ms": {"type": ["number", "null"]},
                "execution_ms": {"type": ["number", "null"]},
            },
        },
        annotations={**_READ_ONLY, "idempotentHint": True},
    )
    async def explain_query(
        postgresql_query: Annotated[
            str, Field(description="The SELECT to explain, as for execute_sales_query.")
        ],
        analyze: Annotated[
            bool,
            Field(description="true runs it, for each step's rows, time and share of the time."),
        ] = False,
    ) -> ToolResult:
        """Show how PostgreSQL runs a SELECT: a tree of scans, joins and sorts, and what stands out.

        Findings are sentences about tables read from end to end, sorts that go to disk and, with
        the permission `ops`, wrong estimates and missing indexes. Estimates, costs and conditions
        are shown with `ops` only, because they come from all stores' rows. `analyze` takes as
        long as the query does.
        """
        explanation = await session.services.query_plans.explain(
            session.identity, postgresql_query, analyze=analyze
        )
        return ToolResult(
            content=plan_text(explanation), structured_content=plan_content(explanation)
        )

    @server.tool(title="Slow queries", annotations=_READ_ONLY)
    async def get_slow_queries(
        limit: Annotated[int, Field(description="Statements at most, 1 to 200.")] = 20,
        sort: Annotated[
            str, Field(description="total, mean, p95 or calls; the highest come first.")
        ] = "total",
    ) -> dict[str, Any]:
        """List the statements that took most time since the server started, costliest first.

        You see your own; with the permission `ops`, everybody's, with PostgreSQL's own figures as
        `database` (completed runs since its statistics began), `elsewhere` what it saw and this
        server did not measure, and a summary by operation. Times are in milliseconds. `operation`
        is `query` for SQL of callers, else what Zava did.
        """
        return await slow_queries_view(session, limit, sort)

    @server.tool(title="Pool health", annotations=_READ_ONLY)
    async def get_pool_health() -> dict[str, Any]:
        """Show the database connections: in use, idle, waiting, wait times, the last minute.

        `status` is about these; `embedder` says how many products can be found by meaning yet.
        """
        return pool_health_view(session)

    @server.tool(title="Server health", annotations=_READ_ONLY)
    async def get_server_health() -> dict[str, Any]:
        """Show how the server does: database, schema, identity key, embedder, cache, disk, uptime.

        Each is ok, degraded or down, since when and why. The permission `ops` adds figures and
        versions.
        """
        return await server_health_view(session)


async def slow_queries_view(session: Session, limit: int, sort: str = "total") -> dict[str, Any]:
    """What `get_slow_queries` answers."""
    service = session.services.slow_queries
    answer = await service.costliest(session.identity, limit, sort)
    return {
        "queries": [_statement(cost) for cost in answer.statements],
        "slow_threshold_ms": service.threshold_ms,
        "row_count": len(answer.statements),
        "since": answer.since.isoformat(timespec="seconds"),
        "operations": [
            {"operation": figures.operation, **_measured(figures)} for figures in answer.operations
        ],
        "elsewhere": [_statement(cost) for cost in answer.elsewhere],
        "notice": answer.notice,
    }


def pool_health_view(session: Session) -> dict[str, Any]:
    """What `get_pool_health` answers."""
    health = session.services.operations.pool_health(session.identity)
    pool = health.pool
    return {
        "status": health.status,
        "reason": health.reason,
        "size": pool.size,
        "idle": pool.idle,
        "in_use": pool.in_use,
        "waiting": pool.waiting,
        "min_size": pool.min_size,
        "max_size": pool.max_size,
        "acquire_wait_ms": {
            "p50": round(pool.acquire_p50_ms, 3),
            "p95": round(pool.acquire_p95_ms, 3),
        },
        "opened": pool.opened,
        "closed": pool.closed,
        "closed_because": dict(pool.endings),
        "server_version": pool.server_version,
        "replica_lag": None
        if pool.lag is None
        else {"at": pool.lag.at.isoformat(timespec="seconds"), "seconds": pool.lag.seconds},
        "replicas": _replicas(health.replicas) if health.replicas else None,
        "last_errors": [
            {
                "at": error.at.isoformat(timespec="seconds"),
                "code": error.code,
                "message": error.message,
            }
            for error in health.errors
        ],
        "history": [
            {
                "at": sample.at.isoformat(timespec="seconds"),
                "in_use": sample.in_use,
                "waiting": sample.waiting,
            }
            for sample in pool.history
        ],
        "embedder": {
            "name": health.embedder.name,
            "model": health.embedder.model,
            "dimensions": health.embedder.dimensions,
            "coverage": round(health.coverage.share, 4),
            "embedded": health.coverage.embedded,
            "products": health.coverage.products,
        },
        "database": "embedded" if health.embedded_database else "external",
    }


def _replicas(replicas: Replicas) -> dict[str, Any]:
    figures = replicas.figures
    return {
        "status": "ok" if replicas.serve else "degraded",
        "reason": replicas.trouble,
        "behind_seconds": replicas.behind_seconds,
        "size": figures.size,
        "in_use": figures.in_use,
        "waiting": figures.waiting,
        "max_size": figures.max_size,
        "opened": figures.opened,
        "closed_because": dict(figures.endings),
    }


def _statement(cost: StatementCost) -> dict[str, Any]:
    return {
        "fingerprint": cost.fingerprint,
        "query": cost.query,
        "operation": cost.operation,
        **(_measured(cost.measured) if cost.measured else {}),
        "users": cost.users,
        "database": _database(cost.database) if cost.database else None,
    }


def _measured(figures: Durations) -> dict[str, Any]:
    return {
        "calls": figures.calls,
        "errors": figures.errors,
        "slow_calls": figures.slow_calls,
        "mean_ms": round(figures.mean_ms, 2),
        "p50_ms": round(figures.percentile_ms(50), 2),
        "p95_ms": round(figures.percentile_ms(95), 2),
        "p99_ms": round(figures.percentile_ms(99), 2),
        "min_ms": round(figures.min_ms, 2),
        "max_ms": round(figures.max_ms, 2),
        "total_ms": round(figures.total_ms, 2),
        "pool_ms": round(figures.pool_ms, 2),
        "database_ms": round(figures.database_ms, 2),
        "encode_ms": round(figures.encode_ms, 2),
        "rows": figures.rows,
        "bytes": figures.received,
        "last_seen": figures.last_seen.isoformat(timespec="milliseconds"),
    }


def _database(entry: StatementStatistics) -> dict[str, Any]:
    return {
        "calls": entry.calls,
        "total_ms": round(entry.total_ms, 2),
        "mean_ms": round(entry.mean_ms, 3),
        "rows": entry.rows,
        "buffer_hits": entry.buffer_hits,
        "buffer_reads": entry.buffer_reads,
        "temp_bytes": entry.temp_bytes,
        "share": round(entry.share, 4),
    }
