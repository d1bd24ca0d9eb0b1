"""Names in a parse tree."""

from __future__ import annotations

from typing import Any


def strings(nodes: list[dict[str, Any]]) -> list[str]:
    """The parts of a dotted name, such as `[{"String": {"sval": "retail"}}, …]`.

    A part that is no string, such as `*`, becomes the empty string.
    """
    return [node["String"].get("sval", "") if "String" in node else "" for node in nodes]
