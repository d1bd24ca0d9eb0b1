"""How the database would run a statement, or did."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from zava_server.data.statements import explained
from zava_server.data.trouble import trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
_ANALYZE = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "

_INDEXES = """
SELECT t.relname AS relation, array_agg(key.columns ORDER BY key.columns) AS indexes
FROM pg_index AS i
JOIN pg_class AS t ON t.oid = i.indrelid
CROSS JOIN LATERAL (
    SELECT string_agg(a.attname, ', ' ORDER BY k.place) AS columns
    FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE k.place <= i.indnkeyatts
) AS key
WHERE t.relnamespace = 'retail'::regnamespace AND t.relname = ANY ($1) AND key.columns IS NOT NULL
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class RawPlan:
    """PostgreSQL's plan tree, times of the whole in milliseconds where the statement ran, the key
    columns of the indexes of each table read from end to end, and the wait for a connection.
    """

    root: Mapping[str, Any]
    planning_ms: float | None
    execution_ms: float | None
    indexes: Mapping[str, Sequence[str]]
    pool_ms: float


class Plans:
    """Asks for plans under the caller's identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def explain(self, identity: Identity, sql: str, *, analyze: bool = False) -> RawPlan:
        """The plan of a checked statement; it runs, within its limits, only to `analyze` it.

        Raises the hierarchy's errors for whatever is wrong with the statement.
        """
        async with self._transactions.read_as(identity) as transaction:
            connection = transaction.connection
            try:
                await connection.prepare(sql, name="")
                explain = _ANALYZE if analyze else _EXPLAIN
                statement = await connection.prepare(explain + sql, name="")
                text = await statement.fetchval()
            except asyncpg.PostgresError as error:
                if trouble(error, out_of_time=False) is not None:
                    raise
                raise explained(error, sql) from error
            answer = json.loads(text)[0]
            read_whole = sorted(set(_read_whole(answer["Plan"])))
            rows = await connection.fetch(_INDEXES, read_whole) if read_whole else []
        return RawPlan(
            root=answer["Plan"],
            planning_ms=answer.get("Planning Time"),
            execution_ms=answer.get("Execution Time"),
            indexes={row["relation"]: row["indexes"] for row in rows},
            pool_ms=transaction.pool_wait_ms,
        )


def shape_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan without anything that comes from other stores' rows."""
    shape = {name: value for name, value in plan.items() if name in _OPEN_TO_ALL}
    if "Plans" in shape:
        shape["Plans"] = [shape_of(child) for child in shape["Plans"]]
    if "Grouping Sets" in shape:
        shape["Grouping Sets"] = [shape_of(grouping) for grouping in shape["Grouping Sets"]]
    return shape


def _read_whole(plan: Mapping[str, Any]) -> Sequence[str]:
    own = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return [*own, *(name for child in plan.get("Plans", ()) for name in _read_whole(child))]
