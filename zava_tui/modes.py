"""The screens one switches between. Plain values, known before Textual is imported."""

from __future__ import annotations

MODES = {
    "overview": "Overview",
    "browse": "Browse",
    "query": "Query",
    "search": "Search",
    "performance": "Slow",
    "health": "Health",
}
"""Titles by name; the key of each is its place, counted from 1."""
LONG_TITLES = MODES | {"performance": "Performance"}
"""The same where there is room."""
HOME = "overview"
SENTENCES = {
    "overview": "Revenue at a glance and four live panels",
    "browse": "Orders, customers, products and stock, row by row, without SQL",
    "query": "SQL with tabs, history and saved queries; results to sort, chart and export",
    "search": "Products by what they are for, with stock, sales and similar ones",
    "performance": "The slowest statements, their plans and what stands out in them",
    "health": "Checks, connections and log of the server; reconnect and restart",
}
"""What each is for."""
NAME_ROOM = 22
"""Cells of the first line that are kept for who we are."""
MODES_GAP = 3
"""Cells between the modes and the state of the link."""


def mode_labels(current: str, room: int) -> list[tuple[str, str]]:
    """Name and label of each mode for a line with `room` cells; empty where not even keys fit.

    Labels are two cells apart. Narrow lines name only the current mode.
    """
    for named in (LONG_TITLES, MODES, {current: LONG_TITLES[current]}, {}):
        labels = [
            (name, f"{place} {named.get(name, '')}".rstrip())
            for place, name in enumerate(MODES, start=1)
        ]
        if width_of(labels) <= room:
            return labels
    return []


def width_of(labels: list[tuple[str, str]]) -> int:
    """Cells that a line of labels takes."""
    return sum(len(label) for _, label in labels) + 2 * max(0, len(labels) - 1)
