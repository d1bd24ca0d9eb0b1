"""A list of aligned rows with a cursor, one column of which takes the room that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from zava_tui import format as fmt
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

GAP = "  "
NARROWEST = 8
"""Cells that the elastic column keeps even where there is no room."""


@dataclass(frozen=True, slots=True)
class RowColumn:
    """A column `width` cells wide, or as wide as the room that is left when `width` is None.

    Lists narrower than `needs` leave it out.
    """

    title: str
    width: int | None
    align: Literal["left", "right"] = "left"
    style: str = ""
    needs: int = 0


class RowCursor(OptionList):
    """The rows themselves, with vim's keys beside the arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("g", "first", "First", show=False),
        Binding("G", "last", "Last", show=False),
    ]


class RowList(Vertical):
    """Rows of plain text under a header."""

    DEFAULT_CSS = stylesheet("rows")
    SCOPED_CSS = False

    def __init__(self, columns: Sequence[RowColumn], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = columns
        self._rows: list[Sequence[str]] = []
        self._shown: tuple[int, list[Sequence[str]]] = (0, [])
        self._header = Static("", classes="header", markup=False)
        self._cursor = RowCursor(markup=False, compact=True)

    def compose(self) -> ComposeResult:
        """Header and rows."""
        yield self._header
        yield self._cursor

    @property
    def cursor(self) -> RowCursor:
        """The part that takes the focus."""
        return self._cursor

    def show(self, rows: Iterable[Sequence[str]]) -> None:
        """Replace the rows, the cursor staying where it is; a row has a text for every column."""
        self._rows = list(rows)
        self._lay_out()

    def on_resize(self, _: events.Resize) -> None:
        """Give the elastic column its new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width - self._cursor.styles.scrollbar_size_vertical
        if width <= 0 or self._shown == (width, self._rows):
            return
        self._shown = (width, self._rows)
        columns = self._present(width)
        self._header.update(
            Content(GAP.join(fmt.fit(c.title, cells, c.align) for _, c, cells in columns))
        )
        highlighted = self._cursor.highlighted
        self._cursor.clear_options()
        self._cursor.add_options(
            Option(
                Content(GAP).join(
                    Content.styled(fmt.fit(row[index], cells, c.align), c.style)
                    for index, c, cells in columns
                )
            )
            for row in self._rows
        )
        if self._rows:
            self._cursor.highlighted = min(highlighted or 0, len(self._rows) - 1)

    def _present(self, width: int) -> list[tuple[int, RowColumn, int]]:
        """The columns that fit into `width` cells: their index, themselves, their width."""
        present = [(i, c) for i, c in enumerate(self._columns) if width >= c.needs]
        fixed = sum(c.width or 0 for _, c in present) + len(GAP) * (len(present) - 1)
        room = max(NARROWEST, width - fixed)
        return [(i, c, room if c.width is None else c.width) for i, c in present]
