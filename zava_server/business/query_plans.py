"""Explains how a statement would run, or did, as far as its caller may know."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zava_server.business.operations import OPS
from zava_server.business.plan_findings import Finding, findings
from zava_server.business.plan_tree import PlanNode, tree_of
from zava_server.data.plans import shape_of
from zava_server.infrastructure.errors import NoConnection, code_of
from zava_server.infrastructure.query_monitor import Execution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zava_server.data.guard import CheckedStatement, SqlGuard
    from zava_server.data.identity import Identity
    from zava_server.data.plans import Plans
    from zava_server.infrastructure.query_monitor import QueryMonitor


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan: PostgreSQL's fields as far as allowed, the tree made of it, and what stands out.

    Times are in milliseconds, and None where the statement did not run.
    """

    plan: Mapping[str, Any]
    tree: PlanNode
    findings: Sequence[Finding]
    planning_ms: float | None
    execution_ms: float | None


class QueryPlanService:
    """Checks and explains callers' statements."""

    def __init__(self, guard: SqlGuard, plans: Plans, monitor: QueryMonitor) -> None:
        self._guard = guard
        self._plans = plans
        self._monitor = monitor

    async def explain(self, identity: Identity, sql: str, *, analyze: bool = False) -> Explanation:
        """The plan of a SELECT, which runs only to `analyze` it, and then within its limits.

        Without `ops` only the plan's shape, and of a run what the caller's own rows give: estimates
        and costs tell of other stores' rows.
        Raises QueryRejected and what the database says about the statement.
        """
        statement = await self._guard.check_aside(sql)
        started = time.perf_counter()
        try:
            raw = await self._plans.explain(identity, statement.sql, analyze=analyze)
        except BaseException as error:
            waited = time.perf_counter() - started if isinstance(error, NoConnection) else 0.0
            self._record(identity, statement, started, waited * 1000, code_of(error))
            raise
        self._record(identity, statement, started, raw.pool_ms, None)
        whole = OPS in identity.permissions
        return Explanation(
            plan=raw.root if whole else shape_of(raw.root),
            tree=tree_of(raw.root, whole=whole),
            findings=findings(raw.root, raw.indexes, whole=whole),
            planning_ms=raw.planning_ms,
            execution_ms=raw.execution_ms,
        )

    def _record(
        self,
        identity: Identity,
        statement: CheckedStatement,
        started: float,
        pool_ms: float,
        error: str | None,
    ) -> None:
        self._monitor.record(
            Execution(
                user=identity.handle,
                fingerprint=statement.fingerprint,
                query=statement.normalized,
                operation="explain",
                pool_ms=pool_ms,
                database_ms=(time.perf_counter() - started) * 1000 - pool_ms,
                encode_ms=0.0,
                rows=0,
                error=error,
            )
        )
