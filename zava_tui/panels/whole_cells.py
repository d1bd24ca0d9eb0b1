"""A cell as a whole: to be read, to be copied."""

from __future__ import annotations

import json
from typing import Any

from zava_tui import format as fmt
from zava_tui.panels.cells import EMPTY, NULL

LONGEST_READ = 100_000
"""Characters of a cell that are laid out for reading."""


def whole_text(value: Any, indent: int = 0) -> str:
    """A whole value over as many lines as it has, those after the first indented."""
    if value is None:
        return NULL
    if value == "":
        return EMPTY
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    lines = [fmt.visible(line) for line in text[:LONGEST_READ].splitlines()]
    if (more := len(text) - LONGEST_READ) > 0:
        lines.append(f"… {fmt.count(more)} characters more; y copies all, x writes them to a file")
    return ("\n" + " " * indent).join(lines)


def copied_cell(value: Any) -> str:
    """A value as it is handed to a clipboard; NULL is no text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
