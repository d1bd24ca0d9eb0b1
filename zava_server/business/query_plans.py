"""Explains how a statement would run, or did, as far as its caller may know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zava_server.business.operations import OPS
from zava_server.business.plan_findings import Finding, findings
from zava_server.business.plan_tree import PlanNode, tree_of
from zava_server.data.plans import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zava_server.data.guard import SqlGuard
    from zava_server.data.identity import Identity
    from zava_server.data.plans import Plans


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

    def __init__(self, guard: SqlGuard, plans: Plans) -> None:
        self._guard = guard
        self._plans = plans

    async def explain(self, identity: Identity, sql: str, *, analyze: bool = False) -> Explanation:
        """The plan of a SELECT, which runs only to `analyze` it, and then within its limits.

        Without `ops` only the plan's shape, and of a run what the caller's own rows give: estimates
        and costs tell of other stores' rows.
        Raises QueryRejected and what the database says about the statement.
        """
        statement = await self._guard.check_aside(sql)
        raw = await self._plans.explain(identity, statement.sql, analyze=analyze)
        whole = OPS in identity.permissions
        return Explanation(
            plan=raw.root if whole else shape_of(raw.root),
            tree=tree_of(raw.root, whole=whole),
            findings=findings(raw.root, raw.indexes, whole=whole),
            planning_ms=raw.planning_ms,
            execution_ms=raw.execution_ms,
        )
