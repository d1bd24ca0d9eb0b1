"""What can be done with the rows of a result: read, sort, find, draw, copy, write to a file."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.content import Content
from textual.widgets import TextArea

from zava_tui import format as fmt
from zava_tui.panels.grid import ResultGrid
from zava_tui.panels.results import ResultsPanel
from zava_tui.panels.whole_cells import copied_cell, whole_text
from zava_tui.result_files import FORMATS, copied_text, exists, write_result
from zava_tui.screens.mode import ModeScreen
from zava_tui.screens.prompt import Prompt
from zava_tui.screens.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from textual.worker import Worker

LONGEST_COPY = 1_000_000
"""Characters that are handed to the terminal's clipboard at most."""
WIDER = 4
"""Cells by which a key makes a column wider or narrower."""
ROW_KEYS = (
    Binding("enter", "read_cell", "cell", show=False),
    Binding("r", "read_row", "row", show=False),
    Binding("s", "sort", "sort", tooltip="Sort by the column of the cursor"),
    Binding("f", "filter", "filter", tooltip="Only rows with a text in them"),
    Binding("slash", "find", "find", key_display="/", tooltip="Find a cell with a text"),
    Binding("n", "find_next(1)", "next", show=False),
    Binding("N", "find_next(-1)", "last", show=False),
    Binding("less_than_sign", f"widen({-WIDER})", "narrower", show=False),
    Binding("greater_than_sign", f"widen({WIDER})", "wider", show=False),
    Binding("c", "chart", "chart", tooltip="Draw a chart of the rows, and back"),
    Binding("x", "export", "export", tooltip="Write the rows to a file"),
    Binding("y", "copy_cell", "copy", tooltip="Copy the cell; Y the row, ctrl+y all"),
    Binding("Y", "copy_row", "copy row", show=False),
    Binding("ctrl+y", "copy_all", "copy all", show=False),
)
ROW_ACTIONS = frozenset(
    {"read_cell", "read_row", "sort", "copy_cell", "copy_row", "find", "find_next", "widen"}
)
"""They are about the cell with the cursor."""
RESULT_ACTIONS = frozenset({"filter", "chart", "export", "copy_all"})


class ResultsScreen(ModeScreen):
    """A screen with a panel of results. Subclasses bind `ROW_KEYS` and name its files."""

    MODE = "query"

    @property
    def results(self) -> ResultsPanel:
        """The rows' side."""
        return self.query_one(ResultsPanel)

    @property
    def file_name(self) -> str:
        """What a file of the rows is called, without its ending."""
        raise NotImplementedError

    # Arranging.

    def action_sort(self) -> None:
        """Sort by the column of the cursor."""
        if self.results.grid is not None:
            self.start("arrange", partial(self.results.sort, self.results.grid.cursor_column))

    @on(ResultGrid.HeaderSelected)
    def _header_clicked(self, event: ResultGrid.HeaderSelected) -> None:
        self.start("arrange", partial(self.results.sort, event.column_index))

    def action_filter(self) -> None:
        """Show only rows with a text in them."""
        self.start("ask", self._filter)

    async def _filter(self) -> None:
        answer = self.results.answer
        if answer is None:
            return
        lead = "A text in any of their cells; none for all rows."
        text = await self.app.push_screen_wait(Prompt("Only rows with", lead, answer.filter))
        if text is not None:
            self.start("arrange", partial(self.results.only, text))

    def action_find(self) -> None:
        """Find a cell with a text in it."""
        self.start("ask", self._find)

    async def _find(self) -> None:
        answer = self.results.answer
        if answer is None:
            return
        prompt = Prompt("Find", "A text in a cell; n and N go on from there.", answer.sought)
        text = await self.app.push_screen_wait(prompt)
        if text:
            answer.sought = text
            await self._find_next(backwards=False)

    def action_find_next(self, step: int) -> None:
        """Go to the next cell with the text that is sought, or the one before."""
        if self.results.answer is not None and self.results.answer.sought:
            self.start("find", partial(self._find_next, backwards=step < 0))
        else:
            self.action_find()

    async def _find_next(self, *, backwards: bool) -> None:
        answer = self.results.answer
        if answer is not None and not await self.results.find(backwards=backwards):
            sought = fmt.visible(answer.sought)
            self.results.remark(f"no cell has “{sought}”")

    def action_widen(self, cells: int) -> None:
        """Make the column of the cursor wider, or narrower."""
        self.results.view.widen(cells)

    async def action_chart(self) -> None:
        """Draw a chart, or show the rows again."""
        if not await self.results.toggle_chart():
            self.results.remark("no column has numbers to draw")
        self.refresh_bindings()

    # Reading.

    def action_read_cell(self) -> None:
        """Read the whole cell."""
        if (cell := self.results.cell) is not None:
            column, value = cell
            title = f"{fmt.visible(column.name)} · {column.type}"
            self.app.push_screen(Reader(title, Content(whole_text(value))))

    def action_read_row(self) -> None:
        """Read the whole row, a line a column."""
        row, answer = self.results.row, self.results.answer
        if row is None or answer is None:
            return
        names = [fmt.visible(column.name) for column in answer.shown.columns]
        width = max(map(cell_len, names), default=0)
        lines = [
            Content.assemble(
                (f"{fmt.fit(name, width, 'right')}  ", "$quiet"), whole_text(value, width + 2)
            )
            for name, value in zip(names, row, strict=True)
        ]
        self.app.push_screen(Reader("Row", Content("\n").join(lines)))

    # Copying.

    def action_copy_cell(self) -> None:
        """Copy the cell."""
        if (cell := self.results.cell) is not None:
            self._copy(copied_cell(cell[1]), "the cell")

    def action_copy_row(self) -> None:
        """Copy the row, cells separated by tabs."""
        if (row := self.results.row) is not None:
            cells = (copied_cell(cell).replace("\t", " ").replace("\n", " ") for cell in row)
            self._copy("\t".join(cells), "the row")

    def action_copy_all(self) -> None:
        """Copy all rows as CSV."""
        self.start("copy", self._copy_all)

    async def _copy_all(self) -> None:
        if (answer := self.results.answer) is not None:
            text = await asyncio.to_thread(copied_text, answer.shown, LONGEST_COPY)
            self._copy(text, f"{fmt.count(len(answer.shown.rows))} rows")

    def _copy(self, text: str | None, what: str) -> None:
        if text is None or len(text) > LONGEST_COPY:
            self.results.remark("too much for a clipboard; x writes it to a file")
            return
        self.app.copy_to_clipboard(text.encode("utf-8", "replace").decode())
        self.results.remark(f"copied {what}")

    # Files.

    def action_export(self) -> None:
        """Write the rows to a file."""
        self.start("ask", self._export)

    async def _export(self) -> None:
        answer = self.results.answer
        if answer is None:
            return
        kinds = ", ".join(f".{kind}" for kind in FORMATS)
        lead = f"{fmt.count(len(answer.shown.rows))} rows. The name ends in one of {kinds}."
        if answer.result.truncated:
            lead += " There are more rows than these; m fetches them."
        name, confirmed = f"{self.file_name}.csv", ""
        while True:
            prompt = Prompt("Write the rows to a file", lead, name)
            if not (given := await self.app.push_screen_wait(prompt)):
                return
            name, path = given, Path(given)
            if path.suffix.removeprefix(".").lower() not in FORMATS:
                lead = f"✖ The name must end in one of {kinds}."
            elif name != confirmed and await asyncio.to_thread(exists, path):
                lead, confirmed = "! There is a file of this name. enter replaces it.", name
            elif (refusal := await self._write(path)) is None:
                return
            else:
                lead = f"✖ {refusal}"

    async def _write(self, path: Path) -> str | None:
        """Write the file; why not, if not."""
        answer = self.results.answer
        if answer is None:
            return None
        kind = path.suffix.removeprefix(".").lower()
        self.results.remark(f"◐ writing {fmt.visible(path.name)}")
        try:
            await asyncio.to_thread(write_result, answer.shown, path, kind)
        except (OSError, ValueError) as error:
            self.results.tell()
            reason = getattr(error, "strerror", None) or str(error)
            return f"{fmt.visible(str(path))} was not written: {reason}."
        rows = fmt.count(len(answer.shown.rows))
        self.results.remark(
            f"wrote {rows} rows to {fmt.visible(str(path))}", f"wrote {fmt.visible(path.name)}"
        )
        return None

    # Keys and commands.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        if not self.is_mounted:
            return True
        if action in ROW_ACTIONS:
            return self.results.has_focus_within and self.results.grid is not None
        if action in RESULT_ACTIONS:
            return self.results.answer is not None and not isinstance(self.focused, TextArea)
        return True

    def commands(self) -> Iterable[SystemCommand]:
        """What can be done with the rows, for the palette."""
        if self.results.answer is None:
            return
        yield SystemCommand("Chart", "Draw the rows, or show them again", self.action_chart)
        yield SystemCommand("Export", "Write the rows to a file", self.action_export)
        yield SystemCommand("Filter rows", "Only rows with a text in them", self.action_filter)
        yield SystemCommand("Copy all rows", "Copy them as CSV", self.action_copy_all)
        if self.results.grid is not None:
            yield SystemCommand("Sort rows", "By the column of the cursor", self.action_sort)
            yield SystemCommand("Find", "Go to a cell with a text in it", self.action_find)
            yield SystemCommand("Read cell", "The whole cell", self.action_read_cell)
            yield SystemCommand("Read row", "The whole row, a line a column", self.action_read_row)
            yield SystemCommand("Copy cell", "The cell with the cursor", self.action_copy_cell)
            yield SystemCommand("Copy row", "The row with the cursor", self.action_copy_row)
            for name, cells in (("Wider", WIDER), ("Narrower", -WIDER)):
                yield SystemCommand(
                    f"{name} column",
                    "The column with the cursor",
                    partial(self.action_widen, cells),
                )

    def start(
        self, group: str, work: Callable[[], Awaitable[None]], *, exclusive: bool = True
    ) -> Worker[None]:
        """Run `work`, in place of what `group` was at if that is to end."""

        # Not a coroutine: one that is replaced before it has begun would never have been awaited.
        async def begin() -> None:
            await work()

        return self.run_worker(begin, group=group, exclusive=exclusive, exit_on_error=False)
