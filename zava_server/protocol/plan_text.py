"""Plans as a model reads them and as a program does."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zava_server.business.plan_tree import PlanNode
    from zava_server.business.query_plans import Explanation

_NOT_WORTH_READING = frozenset({
    "Actual Loops", "Actual Rows", "Actual Startup Time", "Actual Total Time", "Peak Memory Usage",
    "Hash Buckets", "Original Hash Batches", "Original Hash Buckets", "Plan Width", "Startup Cost",
    "Workers",
})  # fmt: skip


def plan_content(explanation: Explanation) -> dict[str, Any]:
    """The structured content of `explain_query`."""
    return {
        "plan": _node_content(explanation.tree),
        "findings": [asdict(finding) for finding in explanation.findings],
        "planning_ms": explanation.planning_ms,
        "execution_ms": explanation.execution_ms,
    }


def plan_text(explanation: Explanation) -> str:
    """The tree, a line a step, and the findings below."""
    lines = list(_lines(explanation.tree, 0))
    if explanation.execution_ms is not None:
        lines.append(f"Ran {explanation.execution_ms:,.1f} ms.")
    lines.extend(finding.sentence for finding in explanation.findings)
    return "\n".join(lines)


def _node_content(node: PlanNode) -> dict[str, Any]:
    return {
        "node": node.node,
        "on": node.on,
        "rows": node.rows,
        "time_ms": node.time_ms,
        "share": node.share,
        "details": dict(node.details),
        "children": [_node_content(child) for child in node.children],
    }


def _lines(node: PlanNode, depth: int) -> Iterator[str]:
    figures = []
    if node.rows is not None:
        figures.append(f"{node.rows:,} rows")
    if node.time_ms is not None:
        figures.append(f"{node.time_ms:,.2f} ms")
    if node.share is not None:
        figures.append(f"{node.share:.0%}")
    details = [
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in node.details.items()
        if value and name not in _NOT_WORTH_READING
    ]
    headline = f"{node.node} on {node.on}" if node.on else node.node
    more = "; ".join([", ".join(figures), *details] if figures else details)
    yield "  " * depth + headline + (f" ({more})" if more else "")
    for child in node.children:
        yield from _lines(child, depth + 1)
