"""What a statement answered: as a grid, sorted and filtered, or as a chart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.grid import ResultGrid, ResultView
from zava_tui.panels.panel import Panel
from zava_tui.result_chart import chart_lines
from zava_tui.result_rows import filtered, sorted_by

if TYPE_CHECKING:
    from typing import Any

    from textual.app import ComposeResult

    from zava_tui.answers import Column, ResultTable

NOTHING_YET = "F5 runs the statement. ctrl+o opens a query that is ready."


class ResultsPanel(Panel):
    """The latest result, whatever is done with it."""

    TITLE = "Results"
    SUMMARY = (
        'The rows of the statement that was run last. NULL is a dim ∅, an empty text a dim "". '
        "Nothing done here changes the data."
    )
    FOCUS = ("ResultGrid", "#result-chart")
    KEYS: ClassVar = (
        ("enter", "the whole cell; r the whole row"),
        ("s", "sort by the column of the cursor, and again the other way"),
        ("f", "only rows with a text in them"),
        ("m", "fetch all rows, up to 50,000"),
        ("c", "draw a chart of it, and back"),
        ("x", "write it to a file: CSV, JSON or Parquet"),
        ("y Y", "copy the cell, the row; ctrl+y copies all of it"),
        ("j k g G", "down, up, first, last"),
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self.result: ResultTable | None = None
        self.shown: ResultTable | None = None
        self._sorting: tuple[int, bool] | None = None
        self._filter = ""

    def compose(self) -> ComposeResult:
        """Error, hint, grid and chart."""
        yield from super().compose()
        yield Static(NOTHING_YET, classes="message", id="no-result", markup=False)
        yield ResultView(id="work-results")
        with VerticalScroll(id="result-chart"):
            yield Static("", markup=False)

    def on_mount(self) -> None:
        """Nothing was run yet."""
        super().on_mount()
        self.query_one("#result-chart").display = False

    @property
    def grid(self) -> ResultGrid | None:
        """The grid, if there are rows."""
        return next(iter(self.query(ResultGrid)), None)

    @property
    def cell(self) -> tuple[Column, Any] | None:
        """The column and the value under the cursor."""
        if self.grid is None or self.shown is None:
            return None
        at = self.grid.cursor_coordinate
        return self.shown.columns[at.column], self.shown.rows[at.row][at.column]

    @property
    def row(self) -> list[Any] | None:
        """The row under the cursor."""
        if self.grid is None or self.shown is None:
            return None
        return self.shown.rows[self.grid.cursor_coordinate.row]

    async def show(self, result: ResultTable) -> None:
        """Show another result, as the server sent it."""
        self.clear_trouble()
        self.result, self._sorting, self._filter = result, None, ""
        self.query_one("#no-result").display = False
        await self._show(result, result)

    async def sort(self) -> None:
        """By the column of the cursor; again, the other way."""
        if self.grid is None:
            return
        column = self.grid.cursor_coordinate.column
        descending = self._sorting == (column, False)
        self._sorting = (column, descending)
        await self._arrange()
        if self.grid is not None:
            self.grid.move_cursor(row=0, column=column)

    async def only(self, text: str) -> None:
        """Only the rows with this text in a cell; all of them for none."""
        self._filter = text
        await self._arrange()

    def toggle_chart(self) -> bool:
        """Draw the rows, or show them again. False where no column has numbers."""
        chart = self.query_one("#result-chart")
        if not chart.display and (self.shown is None or not chart_lines(self.shown, 60)):
            return False
        chart.display = not chart.display
        self.query_one("#work-results").display = not chart.display
        if chart.display:
            chart.focus()
            self.call_after_refresh(self._draw_chart)
        else:
            self.go()
        return True

    def on_resize(self, event: Any) -> None:
        """Draw for the new width."""
        super().on_resize(event)
        self._draw_chart()

    async def _arrange(self) -> None:
        if self.result is None:
            return
        result, sorting, text = self.result, self._sorting, self._filter

        def arranged() -> ResultTable:
            kept = filtered(result, text) if text else result
            return sorted_by(kept, sorting[0], descending=sorting[1]) if sorting else kept

        await self._show(result, await asyncio.to_thread(arranged))

    async def _show(self, result: ResultTable, shown: ResultTable) -> None:
        self.shown = shown
        await self.query_one("#work-results", ResultView).show(shown)
        self._draw_chart()
        self.remark(self._told(result, shown))

    def _told(self, result: ResultTable, shown: ResultTable) -> str:
        rows = fmt.count(len(result.rows))
        amount = f"first {rows} of more, m fetches them" if result.truncated else f"{rows} rows"
        if self._filter:
            kept = fmt.count(len(shown.rows))
            amount = f"{kept} with “{fmt.visible(self._filter)}” of {amount}"
        parts = [amount, fmt.milliseconds(result.elapsed_ms)]
        if self._sorting is not None:
            column, descending = self._sorting
            name = fmt.visible(result.columns[column].name)
            parts.append(f"sorted: {name} {'▼' if descending else '▲'}")
        return " · ".join(parts)

    def _draw_chart(self) -> None:
        chart = self.query_one("#result-chart")
        if chart.display and self.shown is not None:
            lines = chart_lines(self.shown, max(20, chart.size.width - 2))
            self.query_one("#result-chart Static", Static).update(Content("\n").join(lines))
