"""What a scripted server tells about itself: statements, a plan, connections, checks."""

from __future__ import annotations

from typing import Any

from zava_tui.answers import (
    HealthCheck,
    Plan,
    PlanStep,
    PoolHealth,
    ServerHealth,
    SlowQueries,
    SlowQuery,
)


def slow_query(
    query: str, calls: int, mean_ms: float, p95_ms: float, total_ms: float, **more: Any
) -> SlowQuery:
    """A statement of ours; what is not said follows from the rest."""
    known: dict[str, Any] = {
        "fingerprint": f"{abs(hash(query)):016x}",
        "operation": "query",
        "errors": 0,
        "slow_calls": 0,
        "p50_ms": mean_ms,
        "p99_ms": p95_ms,
        "max_ms": p95_ms,
        "pool_ms": calls * 0.1,
        "database_ms": total_ms - calls * 0.2,
        "rows": 20 * calls,
        "last_seen": "2026-11-22T15:04:05.120+00:00",
    }
    return SlowQuery(
        query=query,
        calls=calls,
        mean_ms=mean_ms,
        p95_ms=p95_ms,
        total_ms=total_ms,
        **(known | more),
    )


CUSTOMERS_SQL = """\
SELECT c.last_name, sum(o.total_amount) AS revenue
FROM retail.orders o
JOIN retail.customers c USING (store_id, customer_id)
GROUP BY c.last_name
ORDER BY revenue DESC
-- [b]markup[/] and \x1b[31mescapes"""

SLOW = SlowQueries(
    queries=(
        slow_query(
            CUSTOMERS_SQL, 12, 817.0, 1410.0, 9804.0,
            slow_calls=3,
        ),
        slow_query(
            "SELECT p.name AS product, sum(i.quantity)\n  FROM …", 4, 38.0, 52.0, 152.0, errors=1
        ),
        slow_query("WITH clock AS (…) SELECT days_ago", 210, 3.1, 4.9, 651.0),
    ),
    threshold_ms=1000.0,
)  # fmt: skip
POOL = PoolHealth(
    status="ok",
    reason=None,
    size=4,
    idle=1,
    in_use=3,
    waiting=0,
    max_size=10,
    wait_p50_ms=0.1,
    wait_p95_ms=0.3,
    opened=6,
    closed=2,
    closed_because={"idle": 2},
    server_version="18.6",
    database="embedded",
    in_use_history=(0, 1, 1, 2, 3, 2, 1, 0, 0, 1, 4, 6, 3, 2, 1, 1, 2, 3),
    waiting_history=(0,) * 18,
    embedder="local",
    dimensions=384,
    embedded=456,
    products=456,
)


def step(
    node: str, on: str | None, rows: int, time_ms: float, share: float, *children: PlanStep
) -> PlanStep:
    """A step that has run."""
    return PlanStep(node, on, rows, time_ms, share, {}, children)


RUN_PLAN = Plan(
    root=step(
        "Sort", None, 20, 0.4, 0.02,
        step(
            "Aggregate", None, 1_204, 6.1, 0.3,
            step(
                "Hash Join", None, 46_070, 4.2, 0.2,
                step("Seq Scan", "orders", 46_070, 8.3, 0.4),
                step("Hash", None, 10_110, 1.7, 0.08, step("Seq Scan", "customers", 10_110, 0, 0)),
            ),
        ),
    ),
    findings=(
        "All of orders is read. Its indexes serve conditions on: store_id, order_date.",
        "A sort does not fit into memory and goes to disk. Sort or group fewer rows or columns, or "
        "aggregate before.",
    ),
    execution_ms=20.7,
)  # fmt: skip


def _shape(of: PlanStep) -> PlanStep:
    below = tuple(_shape(child) for child in of.children)
    details = {"Sort Key": ["(sum(o.total_amount)) DESC"]} if of.node == "Sort" else {}
    return PlanStep(of.node, of.on, None, None, None, details, below)


PLAN = Plan(_shape(RUN_PLAN.root), RUN_PLAN.findings[:1], None)
"""The same before it has run, as somebody without `ops` sees it."""

SINCE = "2026-11-22T14:02:11+00:00"
HEALTH = ServerHealth(
    status="ok",
    reason=None,
    uptime_seconds=7_264.0,
    checks=tuple(
        HealthCheck(name, "ok", None, SINCE, {})
        for name in ("database", "schema", "identity key", "embedder", "cache", "disk")
    ),
    versions={},
)
AILING = ServerHealth(
    status="degraded",
    reason="Redis does not answer. Answers are kept in memory for the time being.",
    uptime_seconds=7_264.0,
    checks=(
        HealthCheck("database", "ok", None, SINCE, {"answered_ms": 2.1, "version": "18.6"}),
        HealthCheck("schema", "ok", None, SINCE, {"version": "0030_kept_statements.sql"}),
        HealthCheck(
            "embedder", "degraded", "438 of 456 products can be found by meaning yet.", SINCE,
            {"name": "local", "dimensions": 384},
        ),
        HealthCheck(
            "cache", "degraded",
            "Redis does not answer. Answers are kept in memory for the time being.", SINCE,
            {"kind": "memory", "entries_in_memory": 12},
        ),
        HealthCheck("disk", "down", "31 MB are free where the data directory lies.", SINCE, {}),
    ),
    versions={"zava": "0.1.0", "python": "3.11.7", "postgresql": "18.6"},
)  # fmt: skip
