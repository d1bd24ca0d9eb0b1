"""What a statement answered: as a grid, sorted and filtered, or as a chart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.grid import ResultGrid, ResultView
from zava_tui.panels.panel import Panel
from zava_tui.result_chart import chart_lines, drawable_columns
from zava_tui.result_rows import filtered, found, sorted_by

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from zava_tui.answers import Column, ResultTable

NOTHING_YET = "F5 runs the statement. ctrl+o opens a query that is ready."
FEWEST_CELLS = 20


@dataclass(slots=True)
class Answer:
    """A statement's result and how somebody has arranged it. `whole_ms` is with the way here."""

    sql: str
    result: ResultTable
    whole_ms: float
    shown: ResultTable
    sorting: tuple[int, bool] | None = None
    """Column, and whether the largest comes first."""
    filter: str = ""
    sought: str = ""
    as_chart: bool = False

    def told(self) -> tuple[str, ...]:
        """What is shown, in words; the longest wording first."""
        rows = fmt.count(len(self.result.rows))
        amount = "1 row" if len(self.result.rows) == 1 else f"{rows} rows"
        brief = amount
        if self.result.truncated:
            amount, brief = f"first {rows} of more, m fetches more", f"first {rows} of more"
        if self.filter:
            few = f"{fmt.count(len(self.shown.rows))} with “{fmt.visible(self.filter)}” of "
            amount, brief = few + amount, few + brief
        took = fmt.milliseconds(self.result.elapsed_ms)
        both = f"{took} database, {fmt.milliseconds(self.whole_ms)} in all"
        way = fmt.staleness(self.result.behind_seconds)
        if self.sorting is not None:
            column, descending = self.sorting
            name = fmt.visible(self.result.columns[column].name)
            way += f" · sorted: {name} {'▼' if descending else '▲'}"
        return (
            f"{amount} · {both}{way}",
            f"{amount} · {took}{way}",
            f"{brief} · {took}{way}",
            f"{brief}{way}",
            brief,
        )


class ResultsPanel(Panel):
    """The present tab's answer, whatever is done with it."""

    TITLE = "Results"
    SUMMARY = (
        'The rows of the statement that was run last. NULL is a dim ∅, an empty text a dim "". '
        "Nothing done here changes the data."
    )
    FOCUS = ("ResultGrid", "#result-chart")
    KEYS: ClassVar = (
        ("enter", "the whole cell; r the whole row"),
        ("s", "sort by the column of the cursor, again the other way, again as it came"),
        ("f", "only rows with a text in them"),
        ("/", "find a cell with a text; n N the next, the one before"),
        ("< >", "make the column narrower, wider"),
        ("m", "fetch more rows, up to 50,000"),
        ("c", "draw a chart of the column with the cursor, and back"),
        ("x", "write it to a file: CSV, JSON or Parquet"),
        ("y Y", "copy the cell, the row; ctrl+y copies all of it"),
        ("j k g G", "down, up, first, last; h l to the columns beside"),
        ("z", "give the rows all the room, and back"),
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self.answer: Answer | None = None

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
        self._lay_out()

    @property
    def grid(self) -> ResultGrid | None:
        """The grid, if there are rows and no chart over them."""
        if self.answer is None or self.answer.as_chart:
            return None
        return self.view.grid

    @property
    def view(self) -> ResultView:
        """The place of the grid."""
        return self.query_one("#work-results", ResultView)

    @property
    def cell(self) -> tuple[Column, Any] | None:
        """The column and the value under the cursor."""
        if self.grid is None or self.row is None or self.answer is None:
            return None
        at = self.grid.cursor_column
        return self.answer.shown.columns[at], self.row[at]

    @property
    def row(self) -> list[Any] | None:
        """The row under the cursor."""
        if self.grid is None or self.answer is None:
            return None
        rows = self.answer.shown.rows
        return rows[self.grid.cursor_row] if self.grid.cursor_row < len(rows) else None

    async def show(self, answer: Answer | None) -> None:
        """Show another answer, or that there is none yet."""
        had_focus = self.has_focus_within
        self.answer = answer
        self._lay_out()
        self.tell()
        if answer is not None:
            await self.view.show(answer.shown)
            await self.draw_chart()
        if had_focus:
            self.go()

    def tell(self) -> None:
        """Say in the border what is shown."""
        self.remark(*(self.answer.told() if self.answer is not None else ()))

    async def sort(self, column: int) -> None:
        """By a column: the smallest first, the largest first, as it came."""
        answer = self.answer
        if answer is None:
            return
        steps = {None: (column, False), (column, False): (column, True), (column, True): None}
        answer.sorting = steps.get(answer.sorting, (column, False))
        await self._arrange(answer)

    async def only(self, text: str) -> None:
        """Only the rows with this text in a cell; all of them for none."""
        if self.answer is not None:
            self.answer.filter = text
            await self._arrange(self.answer)

    async def find(self, *, backwards: bool = False) -> bool:
        """Go to the next cell with the text that is sought; whether there is one."""
        answer, grid = self.answer, self.grid
        if answer is None or grid is None or not answer.sought:
            return False
        start = (grid.cursor_row, grid.cursor_column)
        place = await found(answer.shown, answer.sought, start, backwards=backwards)
        if place is not None and self.grid is grid:
            grid.move_cursor(row=place[0], column=place[1])
        return place is not None

    async def toggle_chart(self) -> bool:
        """Draw the rows, or show them again. False where no column has numbers."""
        answer = self.answer
        if answer is None or not (answer.as_chart or drawable_columns(answer.shown)):
            return False
        answer.as_chart = not answer.as_chart
        self._lay_out()
        if answer.as_chart:
            self.query_one("#result-chart").focus()
            # Its width is known once it is laid out.
            self.call_after_refresh(self.draw_chart)
        else:
            self.go()
        return True

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new width."""
        super().on_resize(event)
        self.call_later(self.draw_chart)

    async def draw_chart(self) -> None:
        """Draw the column of the cursor, where it has numbers."""
        answer, chart = self.answer, self.query_one("#result-chart")
        if answer is None or not answer.as_chart:
            return
        column = None if self.view.grid is None else self.view.grid.cursor_column
        width, height = max(FEWEST_CELLS, chart.size.width - 2), chart.size.height
        lines = await asyncio.to_thread(chart_lines, answer.shown, width, height, column)
        if self.answer is answer:
            self.query_one("#result-chart Static", Static).update(Content("\n").join(lines))

    async def _arrange(self, answer: Answer) -> None:
        result = answer.result
        if answer.filter:
            result = await filtered(result, answer.filter)
        if answer.sorting is not None:
            column, descending = answer.sorting
            result = await sorted_by(result, column, descending=descending)
        answer.shown = result
        if self.answer is answer:
            await self.view.rearrange(result)
            await self.draw_chart()
            self.tell()

    def _lay_out(self) -> None:
        answer = self.answer
        self.query_one("#no-result").display = answer is None
        self.view.display = answer is not None and not answer.as_chart
        self.query_one("#result-chart").display = answer is not None and answer.as_chart
