"""The grid of Browse: a page of rows that grows as one goes down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding
from textual.message import Message

from zava_tui.answers import Column, ResultTable
from zava_tui.panels.grid import ResultBackend, ResultGrid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType

    from zava_tui.answers import BrowsedColumn

AHEAD_ROWS = 40
"""So many rows before the last one, more are asked for."""


class GrowingBackend(ResultBackend):
    """Rows to which others are appended; the columns keep the widths of the first ones."""

    def append_rows(self, records: Iterable[Iterable[Any]]) -> list[int]:
        """Add rows at the end; gives their places."""
        before = len(self.data.rows)
        self.data.rows.extend([*record] for record in records)
        return list(range(before, len(self.data.rows)))


class BrowsedGrid(ResultGrid):
    """Rows with a cell cursor."""

    BACKEND: ClassVar = GrowingBackend
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.follow(0)", "Go on", show=False),
    ]

    class NearEnd(Message):
        """There are few rows left below."""

    def __init__(
        self, columns: Sequence[BrowsedColumn], rows: Sequence[Sequence[Any]], room: int
    ) -> None:
        self.columns_shown = columns
        shown = tuple(Column(column.label, column.type) for column in columns)
        super().__init__(ResultTable(shown, [[*row] for row in rows], False, 0.0), room)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for more in time."""
        super().watch_scroll_y(old_value, new_value)
        if new_value + self.size.height > self.row_count - AHEAD_ROWS:
            self.post_message(self.NearEnd())
