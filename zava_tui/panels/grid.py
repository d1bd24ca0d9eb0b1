"""The result grid: a fast table over the rows as the server sent them, written only when seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding
from textual_fastdatatable import DataTable
from textual_fastdatatable.backend import DataTableBackend

from zava_tui import format as fmt
from zava_tui.answers import ResultTable
from zava_tui.panels.cells import EMPTY, NULL, cell_format, cell_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType

WIDEST_CELL = 48
"""Cells; longer text is cut with `…`."""
MEASURED_ROWS = 2_000
"""Rows that a column's width and decimals are taken from."""


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
        sample = data.rows[:MEASURED_ROWS]
        self.formats = [
            cell_format(column, [row[index] for row in sample])
            for index, column in enumerate(data.columns)
        ]
        self._widths = [
            max(
                (min(WIDEST_CELL, cell_len(cell_text(row[index], how))) for row in sample),
                default=0,
            )
            for index, how in enumerate(self.formats)
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
        text = cell_text(self.data.rows[row_index][column_index], how)
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

    append_column = append_rows = drop_row = update_cell = sort = _read_only


class ResultGrid(DataTable, inherit_bindings=False):
    """A result with a cell cursor. Tab leaves it, unlike in its base class."""

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

    def __init__(self, result: ResultTable) -> None:
        backend = ResultBackend(result)
        super().__init__(
            backend=backend,
            column_labels=[
                Text(fmt.visible(column.name), justify="right" if how.numeric else "left")
                for column, how in zip(result.columns, backend.formats, strict=True)
            ],
            max_column_content_width=WIDEST_CELL,
            render_markup=False,
            null_rep=NULL,
        )
