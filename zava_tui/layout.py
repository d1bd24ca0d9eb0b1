"""How the overview shares the window. Plain values, known before Textual is imported."""

from __future__ import annotations

from dataclasses import dataclass

PANELS = {
    "trend": "Revenue",
    "insights": "What changed",
    "stock": "Stock alerts",
    "query": "Query results",
    "search": "Search",
    "sellers": "Best sellers",
    "slow": "Slow queries",
    "pool": "Pool",
    "categories": "Categories",
}
"""The panels' titles by id, in the order in which the eye, and Tab, go through them."""
TABS = {
    "trend": "Revenue",
    "insights": "Changes",
    "stock": "Stock",
    "query": "Query",
    "search": "Search",
    "sellers": "Sellers",
    "slow": "Slow",
    "pool": "Pool",
    "categories": "Mix",
}
"""Their names where there is room for one panel at a time."""
EXTRA = ("stock", "sellers", "categories")
"""Side by side with the others on wide screens only; elsewhere alone, when they are gone to."""
ROW_SHARES = (3, 4, 2)
"""How the rows share the height."""
CARDS = {
    "today": "Today",
    "week": "7 days",
    "month": "30 days",
    "orders": "Orders today",
    "basket": "Basket today",
}
"""The strip's titles by id, the most wanted first."""
GRID_WIDTH, GRID_HEIGHT = 100, 34
WIDE_WIDTH, WIDE_HEIGHT = 170, 45
SLIM_WIDTH = 100
LOW_HEIGHT = 18


@dataclass(frozen=True, slots=True)
class Layout:
    """What a window of some size has room for."""

    tabs: bool
    """One panel at a time, under a line of their names."""
    wide: bool
    """All panels side by side."""
    slim: bool
    """Three figures in the strip."""
    low: bool
    """The strip is one line with one figure."""

    @classmethod
    def of(cls, width: int, height: int) -> Layout:
        """The layout for so many columns and lines."""
        return cls(
            tabs=width < GRID_WIDTH or height < GRID_HEIGHT,
            wide=width >= WIDE_WIDTH and height >= WIDE_HEIGHT,
            slim=width < SLIM_WIDTH,
            low=height < LOW_HEIGHT,
        )

    @property
    def cards(self) -> tuple[str, ...]:
        """The ids of the figures that are shown."""
        return tuple(CARDS)[: 1 if self.low else 3 if self.slim else None]

    @property
    def strip_height(self) -> int:
        """Lines of the strip."""
        return 1 if self.low else 4 if self.tabs else 5

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The panels that are shown side by side, line by line."""
        shown = [name for name in PANELS if self.wide or name not in EXTRA]
        columns = len(shown) // len(ROW_SHARES)
        return tuple(
            tuple(shown[start : start + columns]) for start in range(0, len(shown), columns)
        )


def tabs_hint(room: int) -> str:
    """The keys that go from tab to tab, in so many cells; empty where there are too few."""
    return next((hint for hint in ("   [ ] switch", " [ ]") if len(hint) <= room), "")
