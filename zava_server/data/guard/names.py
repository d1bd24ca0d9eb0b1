"""Names in a parse tree."""

from __future__ import annotations

from typing import Any


def strings(nodes: list[dict[str, Any]]) -> list[str]:
    """The parts of a dotted name, such as `[{"String": {"sval": "retail"}}, …]`.

    A part that is no string, such as `*`, becomes the empty string.
    """
    return [node["String"].get("sval", "") if "String" in node else "" for node in nodes]


def reads_any(query: Any, names: frozenset[str]) -> dict[str, Any] | None:
    """The first relation in a query that has one of the names."""
    pending = [query]
    while pending and names:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            relation = node.get("RangeVar", {})
            if relation.get("relname") in names and "schemaname" not in relation:
                return dict(relation)
            pending.extend(node.values())
    return None
