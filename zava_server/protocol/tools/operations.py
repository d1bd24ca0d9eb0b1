"""Tools that show how the system does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastmcp.tools.base import ToolResult
from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastmcp import FastMCP

    from zava_server.infrastructure.query_monitor import StatementFigures
    from zava_server.protocol.session import Session

_IN_THE_HEADLINE = frozenset({
    "Node Type", "Plans", "Relation Name", "CTE Name", "Function Name", "Parent Relationship",
})  # fmt: skip
_READ_ONLY = {"readOnlyHint": True, "idempotentHint": False, "openWorldHint": False}


def add_operations_tools(server: FastMCP, session: Session) -> None:
    """Adds `explain_query`, `get_slow_queries` and `get_pool_health`."""

    @server.tool(
        title="Explain a query",
        output_schema={"type": "object", "properties": {"plan": {"type": "object"}}},
        annotations={**_READ_ONLY, "idempotentHint": True},
    )
    async def explain_query(
        postgresql_query: Annotated[
            str, Field(description="The SELECT to explain, as for execute_sales_query.")
        ],
    ) -> ToolResult:
        """Show how PostgreSQL would run a SELECT, without running it: scans, joins, indexes, sorts.

        Look for a Seq Scan on orders, order_items or customers where an index should serve, and
        for sorts of whole tables. Estimated rows and costs are shown with the permission `ops`
        only, because they come from all stores' rows.
        """
        plan = await session.services.query_plans.explain(session.identity, postgresql_query)
        return ToolResult(
            content="\n".join(_plan_lines(plan, 0)), structured_content={"plan": plan}
        )

    @server.tool(title="Slow queries", annotations=_READ_ONLY)
    async def get_slow_queries(
        limit: Annotated[int, Field(description="Statements at most, 1 to 200.")] = 20,
    ) -> dict[str, Any]:
        """List the statements that took most time since the server started, costliest first.

        You see your own; with the permission `ops`, everybody's. Times are in milliseconds.
        """
        return slow_queries_view(session, limit)

    @server.tool(title="Pool health", annotations=_READ_ONLY)
    async def get_pool_health() -> dict[str, Any]:
        """Show the database connections: in use, idle, waiting, wait times, the last minute.

        `status` is about these; `embedder` says how many products can be found by meaning yet.
        """
        return await pool_health_view(session)


def slow_queries_view(session: Session, limit: int) -> dict[str, Any]:
    """What `get_slow_queries` answers."""
    operations = session.services.operations
    queries = [_figures(f) for f in operations.slow_queries(session.identity, limit)]
    return {
        "queries": queries,
        "slow_threshold_ms": operations.slow_threshold_ms,
        "row_count": len(queries),
    }


async def pool_health_view(session: Session) -> dict[str, Any]:
    """What `get_pool_health` answers."""
    health = await session.services.operations.pool_health(session.identity)
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
        "server_version": pool.server_version,
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


def _plan_lines(plan: Mapping[str, Any], depth: int) -> Iterator[str]:
    details = [
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in plan.items()
        if name not in _IN_THE_HEADLINE
    ]
    target = plan.get("Relation Name") or plan.get("CTE Name") or plan.get("Function Name")
    headline = f"{plan['Node Type']} on {target}" if target else plan["Node Type"]
    yield "  " * depth + headline + (f" ({'; '.join(details)})" if details else "")
    for child in plan.get("Plans", ()):
        yield from _plan_lines(child, depth + 1)


def _figures(figures: StatementFigures) -> dict[str, Any]:
    return {
        "fingerprint": figures.fingerprint,
        "query": figures.query,
        "operation": figures.operation,
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
        "rows": figures.rows,
        "last_seen": figures.last_seen.isoformat(timespec="milliseconds"),
    }
