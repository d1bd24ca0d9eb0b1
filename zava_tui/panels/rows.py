"""A list of aligned rows with a cursor, one column of which takes the room that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import events, on
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from zava_tui import format as fmt
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

GAP = "  "
NARROWEST = 8
"""Cells that the elastic column keeps even where there is no room."""


@dataclass(frozen=True, slots=True)
class RowColumn:
    """A column `width` cells wide, or as wide as the room that is left when `width` is None.

    Lists narrower than `needs` leave it out. `style` may depend on the text of the cell.
    """

    title: str
    width: int | None
    align: Literal["left", "right"] = "left"
    style: str | Callable[[str], str] = ""
    needs: int = 0


@dataclass(frozen=True, slots=True)
class Across:
    """A line between rows, which the cursor passes over."""

    text: str


Row = Sequence[str] | Across


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

    class HeaderClicked(Message):
        """Someone clicked on the title of a column."""

        def __init__(self, rows: RowList, column: int) -> None:
            super().__init__()
            self.rows = rows
            self.column = column

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    def __init__(self, columns: Sequence[RowColumn], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = columns
        self._rows: list[Row] = []
        self._shown: tuple[int, Sequence[RowColumn], list[Row]] = (0, (), [])
        self._wanted: int | None = None
        """Where the cursor is to be once there is room for rows."""
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

    @property
    def place(self) -> int | None:
        """The row with the cursor, counted with the lines across."""
        return self._cursor.highlighted

    def show(self, rows: Iterable[Row], place: int | None = None) -> None:
        """Replace the rows; a row has a text for every column.

        The cursor goes to the row `place`, or stays where it is.
        """
        self._rows = list(rows)
        self._wanted = place
        self._lay_out()

    def reshape(self, columns: Sequence[RowColumn]) -> None:
        """Show other columns from the next rows on."""
        self._columns = columns

    @on(events.Click, ".header")
    def _header_clicked(self, event: events.Click) -> None:
        left = 0
        for place, _, cells in self._present(self._room):
            if left <= event.x < left + cells:
                self.post_message(self.HeaderClicked(self, place))
            left += cells + len(GAP)

    def on_resize(self, _: events.Resize) -> None:
        """Give the elastic column its new width."""
        self._lay_out()

    @property
    def _room(self) -> int:
        return self.size.width - self._cursor.styles.scrollbar_size_vertical

    def _lay_out(self) -> None:
        width = self._room
        if width <= 0:
            return
        wanted, self._wanted = self._wanted, None
        form, shown = self._shown[:2], self._shown[2]
        self._shown = (width, self._columns, self._rows)
        if form == (width, self._columns) and self._rows[: len(shown)] == shown:
            added = self._rows[len(shown) :]
            if not added and wanted is None:
                return
        else:
            added = self._rows
            wanted = wanted if wanted is not None else self._cursor.highlighted
            self._cursor.clear_options()
        columns = self._present(width)
        self._header.update(
            Content(GAP.join(fmt.fit(c.title, cells, c.align) for _, c, cells in columns))
        )
        if added:
            self._cursor.add_options(_option(row, columns, width) for row in added)
        if wanted is None:
            wanted = self._cursor.highlighted
        self._go_to(wanted or 0)

    def _go_to(self, place: int) -> None:
        if not self._rows:
            return
        place = min(place, len(self._rows) - 1)
        if isinstance(self._rows[place], Across):
            place = min(place + 1, len(self._rows) - 1)
        self._cursor.highlighted = place

    def _present(self, width: int) -> list[tuple[int, RowColumn, int]]:
        """The columns that fit into `width` cells: their index, themselves, their width."""
        present = [(i, c) for i, c in enumerate(self._columns) if width >= c.needs]
        fixed = sum(c.width or 0 for _, c in present) + len(GAP) * (len(present) - 1)
        room = max(NARROWEST, width - fixed)
        return [(i, c, room if c.width is None else c.width) for i, c in present]


def _option(row: Row, columns: Sequence[tuple[int, RowColumn, int]], width: int) -> Option:
    if isinstance(row, Across):
        return Option(Content.styled(fmt.fit(row.text, width), "$quiet"), disabled=True)
    return Option(
        Content(GAP).join(
            Content.styled(
                fmt.fit(row[index], cells, column.align),
                column.style if isinstance(column.style, str) else column.style(row[index]),
            )
            for index, column, cells in columns
        )
    )
