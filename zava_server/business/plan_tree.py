"""A plan as a tree of what a caller may know: node, rows, time, share of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zava_server.data.plans import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NOT_A_DETAIL = frozenset({
    "Node Type", "Plans", "Relation Name", "CTE Name", "Function Name", "Parent Relationship",
})  # fmt: skip
# What these give has not met the policies yet: index entries of all stores.
_BEFORE_ROW_SECURITY = frozenset({"Bitmap Index Scan", "BitmapAnd", "BitmapOr"})


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step. `rows` is what it gave in all, `time_ms` what it took without the steps below it,
    `share` the same as a part of the whole, 0 to 1; None where the statement did not run or the
    caller may not know. Without a run, `share` is that of the estimated cost, for `ops`.
    """

    node: str
    on: str | None
    rows: int | None
    time_ms: float | None
    share: float | None
    details: Mapping[str, Any]
    children: Sequence[PlanNode]

    def walk(self) -> Iterator[PlanNode]:
        """This step and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def tree_of(plan: Mapping[str, Any], *, whole: bool) -> PlanNode:
    """The tree of PostgreSQL's plan; without `whole` as far as a tenant may know it."""
    return _Tree(plan, whole=whole).node(plan, plan if whole else shape_of(plan), processes=1)


def actual_rows(plan: Mapping[str, Any]) -> int | None:
    """What a step gave over all its loops; None where the statement did not run."""
    if "Actual Rows" not in plan:
        return None
    given: float = plan["Actual Rows"] * plan["Actual Loops"]
    return round(given)


class _Tree:
    def __init__(self, root: Mapping[str, Any], *, whole: bool) -> None:
        self._root = root
        self._whole = whole

    def node(
        self, plan: Mapping[str, Any], shown: Mapping[str, Any], *, processes: int
    ) -> PlanNode:
        """`processes` work on the step side by side; PostgreSQL counts each as a loop."""
        below = plan.get("Workers Launched", processes - 1) + 1
        children = plan.get("Plans", ())
        time_ms, share = self._cost(plan, children, processes, below)
        rows_known = self._whole or plan["Node Type"] not in _BEFORE_ROW_SECURITY
        return PlanNode(
            node=plan["Node Type"],
            on=plan.get("Relation Name") or plan.get("CTE Name") or plan.get("Function Name"),
            rows=actual_rows(plan) if rows_known else None,
            time_ms=time_ms,
            share=share,
            details={name: value for name, value in shown.items() if name not in _NOT_A_DETAIL},
            children=[
                self.node(child, child_shown, processes=below)
                for child, child_shown in zip(children, shown.get("Plans", ()), strict=True)
            ],
        )

    def _cost(
        self,
        plan: Mapping[str, Any],
        children: Sequence[Mapping[str, Any]],
        processes: int,
        below: int,
    ) -> tuple[float | None, float | None]:
        """Time and share of the step itself."""
        if "Actual Total Time" in plan:
            all_ms = _time(self._root, 1)
            own = _time(plan, processes) - sum(_time(child, below) for child in children)
            return round(max(own, 0.0), 2), round(_share(own, all_ms), 3)
        if self._whole:
            own = plan["Total Cost"] - sum(child["Total Cost"] for child in children)
            return None, round(_share(own, self._root["Total Cost"]), 3)
        return None, None


def _time(plan: Mapping[str, Any], processes: int) -> float:
    return float(plan["Actual Total Time"] * plan["Actual Loops"] / processes)


def _share(part: float, whole: float) -> float:
    return min(max(part, 0.0) / whole, 1.0) if whole else 0.0
