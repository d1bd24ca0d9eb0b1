"""How the overview shares the window. Plain values, known before Textual is imported."""

from __future__ import annotations

from dataclasses import dataclass

PANELS = {"query": "Query results", "search": "Search", "slow": "Slow queries", "pool": "Pool"}
"""The panels' titles by id, in the order in which the eye, and Tab, go through them."""
CARDS = {
    "today": "Today",
    "week": "7 days",
    "month": "30 days",
    "orders": "Orders today",
    "basket": "Basket today",
}
"""The strip's titles by id, the most wanted first."""
GRID_WIDTH, GRID_HEIGHT = 100, 30
SLIM_WIDTH = 100
LOW_HEIGHT = 18


@dataclass(frozen=True, slots=True)
class Layout:
    """What a window of some size has room for."""

    tabs: bool
    """One panel at a time, under a line of their names."""
    slim: bool
    """Three figures in the strip."""
    low: bool
    """The strip is one line with one figure."""

    @classmethod
    def of(cls, width: int, height: int) -> Layout:
        """The layout for so many columns and lines."""
        return cls(
            tabs=width < GRID_WIDTH or height < GRID_HEIGHT,
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
