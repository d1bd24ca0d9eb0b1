"""How the database would run a statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import asyncpg

from zava_server.data.statements import explained
from zava_server.data.trouble import trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions

# The shape of a plan and the words of the statement. Every number is left out: the planner's
# estimates come from all stores' rows, and so do costs, workers, buffers and removed rows. So are
# conditions: the planner folds what it may into them.
_OPEN_TO_ALL = frozenset({
    "Alias", "Command", "CTE Name", "Function Name", "Group Key", "Grouping Sets", "Group Keys",
    "Hash Key", "Hash Keys", "Index Name", "Inner Unique", "Join Type", "Node Type",
    "Parent Relationship", "Plans", "Presorted Key", "Relation Name", "Scan Direction", "Sort Key",
    "Strategy", "Subplan Name",
})  # fmt: skip

# VERBOSE would show the policies' functions and more; the statement is prepared before, so that an
# error names the place in it.
_EXPLAIN = "EXPLAIN (FORMAT JSON) "


class Plans:
    """Asks for plans under the caller's identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def explain(self, identity: Identity, sql: str) -> Mapping[str, Any]:
        """The plan of a checked statement as PostgreSQL's tree; the statement does not run.

        Raises the hierarchy's errors for whatever is wrong with the statement.
        """
        async with self._transactions.read_as(identity) as transaction:
            connection = transaction.connection
            try:
                await connection.prepare(sql, name="")
                statement = await connection.prepare(_EXPLAIN + sql, name="")
                text = await statement.fetchval()
            except asyncpg.PostgresError as error:
                if trouble(error, out_of_time=False) is not None:
                    raise
                raise explained(error, sql) from error
        plan: Mapping[str, Any] = json.loads(text)[0]["Plan"]
        return plan


def shape_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan without anything that comes from other stores' rows."""
    shape = {name: value for name, value in plan.items() if name in _OPEN_TO_ALL}
    if "Plans" in shape:
        shape["Plans"] = [shape_of(child) for child in shape["Plans"]]
    if "Grouping Sets" in shape:
        shape["Grouping Sets"] = [shape_of(grouping) for grouping in shape["Grouping Sets"]]
    return shape
