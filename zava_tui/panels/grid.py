"""The result grid: a fast table over the rows as the server sent them, written only when seen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding
from textual.containers import Container
from textual.widgets import Static
from textual_fastdatatable import DataTable
from textual_fastdatatable.backend import DataTableBackend

from zava_tui import format as fmt
from zava_tui.answers import ResultTable
from zava_tui.panels.cells import (
    EMPTY,
    FRACTIONS,
    INTEGERS,
    NULL,
    cell_format,
    cell_text,
    column_widths,
)
from zava_tui.panels.replacing import replace_content
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.binding import BindingType

    from zava_tui.panels.cells import CellFormat

MEASURED_ROWS, MEASURED_CELLS = 2_000, 10_000
"""A column's width and decimals are taken from so many rows, from fewer if they have many cells."""
LONGEST_SHOWN = 200
"""Characters of a cell that a grid looks at: more than any terminal has room for."""
SCROLLBAR = 1
PADDING = 2
"""Cells that the table puts around the text of a cell."""
NARROWEST, WIDEST = 3, 200
"""Cells that a column can be made."""
NOTHING_CHOSEN: Mapping[int, int] = MappingProxyType({})
NO_ROWS = "No rows. The statement ran well; it just found nothing."


def sample_of(rows: Sequence[Sequence[Any]], index: int, numeric: bool) -> list[Any]:
    """Values of a column from all over the rows; of numbers also the extremes, the widest ones."""
    if not rows:
        return []
    most = max(1, min(MEASURED_ROWS, MEASURED_CELLS // len(rows[0])))
    sample = [row[index] for row in rows[:: -(-len(rows) // most)]]
    if numeric and len(rows) > most:
        numbers = [row[index] for row in rows if isinstance(row[index], (int, float))]
        if numbers:
            sample += [min(numbers), max(numbers)]
    return sample


class ResultBackend(DataTableBackend[ResultTable]):
    """A read-only backend; a cell becomes text when it scrolls into view."""

    def __init__(
        self,
        data: ResultTable,
        max_rows: int | None = None,
        column_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(data, max_rows, column_names)
        self.data = data
        samples = [
            sample_of(data.rows, index, column.type in INTEGERS | FRACTIONS)
            for index, column in enumerate(data.columns)
        ]
        self.formats = [
            cell_format(column, sample)
            for column, sample in zip(data.columns, samples, strict=True)
        ]
        self._widths = [
            max((cell_len(_shown(value, how)) for value in sample), default=0)
            for sample, how in zip(samples, self.formats, strict=True)
        ]

    @property
    def source_data(self) -> ResultTable:
        """The result itself."""
        return self.data

    @property
    def source_row_count(self) -> int:
        """The number of rows."""
        return len(self.data.rows)

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self.data.rows)

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns, which need not differ."""
        return [column.name for column in self.data.columns]

    @property
    def column_content_widths(self) -> Sequence[int]:
        """The width in cells of the widest cell of each column, as far as measured."""
        return self._widths

    def get_row_at(self, index: int) -> Sequence[Text]:
        """One row as it is shown."""
        return [self.get_cell_at(index, column) for column in range(len(self.formats))]

    def get_column_at(self, index: int) -> Sequence[Any]:
        """One column as the server sent it."""
        return [row[index] for row in self.data.rows]

    def get_cell_at(self, row_index: int, column_index: int) -> Text:
        """One cell as it is shown."""
        how = self.formats[column_index]
        text = _shown(self.data.rows[row_index][column_index], how)
        return Text(
            text,
            style="dim" if text in (NULL, EMPTY) else "",
            justify="right" if how.numeric else "left",
            no_wrap=True,
            overflow="ellipsis",
        )

    @classmethod
    def from_pydict(cls, *_: object, **__: object) -> NoReturn:
        """Results come from the server only."""
        raise TypeError("a result is made from the server's answer")

    def _read_only(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a result cannot be changed")

    def append_rows(self, records: Iterable[Iterable[Any]]) -> list[int]:
        """Results are whole; subclasses may grow."""
        raise TypeError("a result cannot be changed")

    append_column = drop_row = update_cell = sort = _read_only


def _shown(value: Any, how: CellFormat) -> str:
    """What a grid shows of a cell."""
    if isinstance(value, str):
        value = value[:LONGEST_SHOWN]
    return cell_text(value, how)[:LONGEST_SHOWN]


class ResultGrid(DataTable, inherit_bindings=False):
    """A result with a cell cursor. Tab leaves it, unlike in its base class."""

    DEFAULT_CSS = stylesheet("grid")
    SCOPED_CSS = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("right,l", "cursor_right", "Right", show=False),
        Binding("left,h", "cursor_left", "Left", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False),
        Binding("ctrl+right,end,dollar_sign", "cursor_row_end", "Last column", show=False),
        Binding("ctrl+left,home,0", "cursor_row_start", "First column", show=False),
        Binding("ctrl+up,ctrl+home,g", "cursor_table_start", "First row", show=False),
        Binding("ctrl+down,ctrl+end,G", "cursor_table_end", "Last row", show=False),
    ]

    BACKEND: ClassVar[type[ResultBackend]] = ResultBackend

    def __init__(
        self, result: ResultTable, room: int, chosen: Mapping[int, int] = NOTHING_CHOSEN
    ) -> None:
        """`chosen` widths of columns are kept, whatever there is room for."""
        backend = self.BACKEND(result)
        self._formats = backend.formats
        self._names = [fmt.visible(column.name) for column in result.columns]
        self._wanted = [
            max(cell_len(name), width)
            for name, width in zip(self._names, backend.column_content_widths, strict=True)
        ]
        super().__init__(
            backend=backend,
            column_labels=[
                Text(name, justify="right" if how.numeric else "left")
                for name, how in zip(self._names, backend.formats, strict=True)
            ],
            column_widths=[*self._shared(room, chosen)],
            render_markup=False,
            null_rep=NULL,
        )

    def action_cursor_table_start(self, select: bool = False) -> None:
        """To the first row, in the same column."""
        self.move_cursor(row=0)

    def action_cursor_table_end(self, select: bool = False) -> None:
        """To the last row, in the same column."""
        self.move_cursor(row=self.row_count - 1)

    def share(self, room: int, chosen: Mapping[int, int] = NOTHING_CHOSEN) -> None:
        """Share so many cells among the columns anew; nothing else changes."""
        for column, width in zip(self.ordered_columns, self._shared(room, chosen), strict=True):
            column.width = width
        width = sum(column.render_width for column in self.ordered_columns)
        self.virtual_size = self.virtual_size.with_width(width)
        # It draws again what it had drawn, as after a change of style.
        self.notify_style_update()

    def _shared(self, room: int, chosen: Mapping[int, int]) -> list[int]:
        widths = column_widths(
            self._wanted,
            [not (how.numeric or how.temporal) for how in self._formats],
            room - SCROLLBAR - PADDING * len(self._names),
        )
        return [chosen.get(place, width) for place, width in enumerate(widths)]


class ResultView(Container):
    """The place for one result: its grid, or a sentence when it has no rows."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self._room = 0
        self._widths: dict[int, int] = {}

    @property
    def grid(self) -> ResultGrid | None:
        """The grid, where the result has rows."""
        newest = self.children[-1] if self.children else None
        return newest if isinstance(newest, ResultGrid) else None

    async def show(self, result: ResultTable) -> None:
        """Put a result in place of the one before."""
        self._widths = {}
        await self._show(result)

    async def rearrange(self, result: ResultTable) -> None:
        """Show other rows of the same columns, which stay as wide, the cursor in its column."""
        column = 0 if self.grid is None else self.grid.cursor_column
        await self._show(result)
        if self.grid is not None:
            self.grid.move_cursor(row=0, column=column)

    def widen(self, cells: int) -> None:
        """Make the column of the cursor wider by so many cells, or narrower."""
        if self.grid is not None:
            at = self.grid.cursor_column
            width = self.grid.ordered_columns[at].width + cells
            self._widths[at] = max(NARROWEST, min(WIDEST, width))
            self.grid.share(self._room, self._widths)

    def on_resize(self) -> None:
        """Share the new width among the columns."""
        if self.size.width != self._room:
            self._room = self.size.width
            if self.grid is not None:
                self.grid.share(self._room, self._widths)

    async def _show(self, result: ResultTable) -> None:
        self._room = self.size.width
        if result.rows:
            await replace_content(self, ResultGrid(result, self._room, self._widths))
        else:
            await replace_content(self, Static(NO_ROWS, classes="message", markup=False))
