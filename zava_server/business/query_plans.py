"""Explains how a statement would run, as far as its caller may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zava_server.business.operations import OPS
from zava_server.data.plans import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zava_server.data.guard import SqlGuard
    from zava_server.data.identity import Identity
    from zava_server.data.plans import Plans


class QueryPlanService:
    """Checks and explains callers' statements."""

    def __init__(self, guard: SqlGuard, plans: Plans) -> None:
        self._guard = guard
        self._plans = plans

    async def explain(self, identity: Identity, sql: str) -> Mapping[str, Any]:
        """PostgreSQL's plan tree of a SELECT, which does not run.

        Without `ops` only the plan's shape: estimates and costs tell of other stores' rows.
        Raises QueryRejected and what the database says about the statement.
        """
        statement = await self._guard.check_aside(sql)
        plan = await self._plans.explain(identity, statement.sql)
        return plan if OPS in identity.permissions else shape_of(plan)
