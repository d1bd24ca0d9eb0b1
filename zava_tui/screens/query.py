"""Query: SQL with tabs, history and saved queries; results to sort, chart, copy and export."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import TextArea

from zava_tui import format as fmt
from zava_tui.answers import DISCONNECTED, ToolError
from zava_tui.feeds import LOST_WITH_SERVER, NOT_CONNECTED
from zava_tui.messages import QuerySubmitted
from zava_tui.panels.cells import EMPTY, NULL
from zava_tui.panels.panel import relinked
from zava_tui.panels.results import ResultsPanel
from zava_tui.panels.rows import RowColumn
from zava_tui.panels.sql_workbench import SqlWorkbench
from zava_tui.result_rows import FORMATS, as_csv, write_result
from zava_tui.screens.chooser import Chooser
from zava_tui.screens.mode import ModeScreen
from zava_tui.screens.prompt import Prompt
from zava_tui.screens.reader import Reader
from zava_tui.workspace import Draft, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from zava_tui.client import Client
    from zava_tui.link_states import LinkState

LOW = 30
FIRST_ROWS, MOST_ROWS = 1_000, 50_000
DRAFT_SECONDS = 0.5
"""How long after the last key the tabs are kept on disk."""
LONGEST_COPY = 1_000_000
"""Characters that are handed to the terminal's clipboard at most."""


class QueryScreen(ModeScreen):
    """Editor above, results below."""

    MODE = "query"
    KEYS: ClassVar = (
        ("e", "to the editor"),
        ("F5", "run the statement"),
        ("escape", "stop a running statement; leave the editor"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "editor", "editor", tooltip="Write SQL"),
        Binding("f5", "run", "run", tooltip="Run the statement, or what is selected"),
        Binding("ctrl+o", "open_saved", "open", tooltip="Open a saved query"),
        Binding("ctrl+s", "save", "save", tooltip="Save the query under a name", priority=True),
        Binding("ctrl+r", "history", "history", tooltip="Statements that were run before"),
        Binding("ctrl+t", "new_tab", "tab", show=False, priority=True),
        Binding("ctrl+w", "close_tab", "close tab", show=False, priority=True),
        Binding("ctrl+pagedown", "next_tab(1)", "next tab", show=False, priority=True),
        Binding("ctrl+pageup", "next_tab(-1)", "last tab", show=False, priority=True),
        Binding("f8", "format", "format", show=False),
        Binding("enter", "read_cell", "cell", show=False),
        Binding("r", "read_row", "row", show=False),
        Binding("s", "sort", "sort", tooltip="Sort by the column of the cursor"),
        Binding("f", "filter", "filter", tooltip="Only rows with a text in them"),
        Binding("m", "more", "all rows", tooltip="Fetch up to 50,000 rows"),
        Binding("c", "chart", "chart", tooltip="Draw a chart of the rows, and back"),
        Binding("x", "export", "export", tooltip="Write the rows to a file"),
        Binding("y", "copy_cell", "copy", tooltip="Copy the cell; Y the row, ctrl+y all"),
        Binding("Y", "copy_row", "copy row", show=False),
        Binding("ctrl+y", "copy_all", "copy all", show=False),
        Binding("escape", "step_back", "back", tooltip="One step back"),
    ]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._client: Client | None = None
        self._workspace: Workspace | None = None
        self._resting: Timer | None = None
        self._ran = ""

    def compose_body(self) -> ComposeResult:
        """Editor and results."""
        with Vertical(id="editing"):
            yield SqlWorkbench(id="workbench")
        with Vertical(id="answering"):
            yield ResultsPanel(id="work-panel")

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        self.set_class(event.size.height < LOW, "-low")

    @property
    def workbench(self) -> SqlWorkbench:
        """The editor's side."""
        return self.query_one(SqlWorkbench)

    @property
    def results(self) -> ResultsPanel:
        """The rows' side."""
        return self.query_one(ResultsPanel)

    # The link.

    def link_changed(self, state: LinkState, client: Client | None) -> None:
        """Take the user's tabs out, once it is known whose they are."""
        from zava_tui.link_states import Live

        super().link_changed(state, client)
        came = client is not None and client is not self._client
        self._client = client
        self.results.freshness = relinked(
            self.results.freshness, state, connected=client is not None, now=self.clock()
        )
        if isinstance(state, Live) and self._workspace is None:
            self._workspace = Workspace(state.identity.user)
            self.workbench.open(self._workspace.drafts())
            self.workbench.go()
        if came and client is not None:
            self._start("words", self._learn_words(client))

    async def _learn_words(self, client: Client) -> None:
        with suppress(ToolError):
            self.workbench.know(await client.columns_by_table())

    def open_statement(self, sql: str) -> None:
        """A statement from another screen, in a tab of its own."""
        self.workbench.add(Draft(f"query {len(self.workbench.tabs) + 1}", sql))
        self.workbench.go()

    @on(TextArea.Changed, "#work-editor")
    def _edited(self) -> None:
        """Keep the tabs a moment after the last key."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(DRAFT_SECONDS, self._keep_drafts)

    async def _keep_drafts(self) -> None:
        if self._workspace is not None:
            await asyncio.to_thread(self._workspace.keep_drafts, self.workbench.tabs)

    # Running.

    @on(QuerySubmitted)
    def _submitted(self, message: QuerySubmitted) -> None:
        message.stop()
        self._run(message.sql, FIRST_ROWS)

    def action_run(self) -> None:
        """Run what is selected, or else the whole statement."""
        self.workbench.editor.action_run()

    def action_more(self) -> None:
        """Run it again, for as many rows as there may be."""
        if self.results.result is not None and self.results.result.truncated:
            self._run(self._ran, MOST_ROWS)

    def _run(self, sql: str, rows: int) -> None:
        if not sql.strip():
            return
        if self._client is None:
            self.workbench.show_trouble(NOT_CONNECTED)
            return
        self._start("run", self._answer(self._client, sql, rows))

    async def _answer(self, client: Client, sql: str, rows: int) -> None:
        results, workbench = self.results, self.workbench
        workbench.clear_trouble()
        results.freshness = replace(results.freshness, busy_since=self.clock())
        self.refresh_bindings()
        try:
            if self._workspace is not None:
                await asyncio.to_thread(self._workspace.remember, sql)
            answer = await client.query(sql, rows)
        except ToolError as error:
            workbench.show_trouble(LOST_WITH_SERVER if error.code == DISCONNECTED else error)
            if sql == workbench.editor.text:
                workbench.mark_trouble(error.message)
        else:
            self._ran = sql
            await results.show(answer)
            results.freshness = replace(results.freshness, updated_at=self.clock())
            if workbench.has_focus_within or self.focused is None:
                results.go()
        finally:
            results.freshness = replace(results.freshness, busy_since=None)
            self.refresh_bindings()

    @property
    def _is_running(self) -> bool:
        return self.results.freshness.busy_since is not None

    # Tabs, saved queries, history.

    def action_editor(self) -> None:
        """Go to the editor."""
        self.workbench.go()

    def action_tab(self, place: int) -> None:
        """Show a tab."""
        self.workbench.go_to(place)

    def action_new_tab(self) -> None:
        """Open an empty tab."""
        self.workbench.add(Draft(f"query {len(self.workbench.tabs) + 1}", ""))
        self.workbench.go()

    def action_close_tab(self) -> None:
        """Close the present tab; its text is in the history if it was run."""
        self.workbench.close()

    def action_next_tab(self, step: int) -> None:
        """Show the next tab, or the one before."""
        self.workbench.next_tab(step)

    def action_save(self) -> None:
        """Save the query under a name."""
        self._start("ask", self._save())

    async def _save(self) -> None:
        draft = self.workbench.tab
        prompt = Prompt("Save the query", "A name that says what it answers.", draft.name)
        if (name := await self.app.push_screen_wait(prompt)) and self._workspace is not None:
            self.workbench.rename(name)
            await asyncio.to_thread(self._workspace.save, Draft(name, draft.sql))
            self.workbench.remark(f"saved as {fmt.visible(name)}")

    def action_open_saved(self) -> None:
        """Open a saved query in a tab of its own."""
        self._start("ask", self._open_saved())

    async def _open_saved(self) -> None:
        if self._workspace is None:
            return
        saved = await asyncio.to_thread(self._workspace.saved)
        columns = (RowColumn("query", 34), RowColumn("statement", None, style="$quiet", needs=60))
        rows = [(query.name, " ".join(query.sql.split())) for query in saved]
        chosen = await self._choose("Open a query", columns, rows)
        if chosen is not None:
            self.workbench.add(saved[chosen])
            self.workbench.go()

    def action_history(self) -> None:
        """Take a statement that was run before."""
        self._start("ask", self._take_from_history())

    async def _take_from_history(self) -> None:
        if self._workspace is None:
            return
        history = await asyncio.to_thread(self._workspace.history)
        rows = [(" ".join(sql.split()),) for sql in history]
        chosen = await self._choose("History", (RowColumn("statement", None),), rows)
        if chosen is not None:
            self.workbench.editor.load_text(history[chosen])
            self.workbench.go()

    async def _choose(
        self, title: str, columns: tuple[RowColumn, ...], rows: Sequence[tuple[str, ...]]
    ) -> int | None:
        chooser = Chooser(title, columns, rows, [" ".join(row) for row in rows])
        return await self.app.push_screen_wait(chooser)

    def action_format(self) -> None:
        """Break the statement into lines, keywords in capitals."""
        import sqlparse

        editor = self.workbench.editor
        text = sqlparse.format(editor.text, reindent=True, keyword_case="upper")
        editor.replace(text, (0, 0), editor.document.end)

    # What is done with rows.

    async def action_sort(self) -> None:
        """Sort by the column of the cursor."""
        await self.results.sort()

    def action_filter(self) -> None:
        """Show only rows with a text in them."""
        self._start("ask", self._filter())

    async def _filter(self) -> None:
        prompt = Prompt("Only rows with", "A text in any of their cells; none for all rows.")
        text = await self.app.push_screen_wait(prompt)
        if text is not None:
            await self.results.only(text)

    def action_chart(self) -> None:
        """Draw a chart, or show the rows again."""
        if not self.results.toggle_chart():
            self.notify("No column has numbers to draw.", markup=False)

    def action_read_cell(self) -> None:
        """Read the whole cell."""
        if (cell := self.results.cell) is not None:
            column, value = cell
            self.app.push_screen(Reader(fmt.visible(column.name), Content(_long(value))))

    def action_read_row(self) -> None:
        """Read the whole row, a line a column."""
        row = self.results.row
        if row is None or self.results.shown is None:
            return
        lines = [
            Content.assemble((f"{fmt.visible(column.name)}  ", "$quiet"), _long(value))
            for column, value in zip(self.results.shown.columns, row, strict=True)
        ]
        self.app.push_screen(Reader("Row", Content("\n").join(lines)))

    def action_copy_cell(self) -> None:
        """Copy the cell."""
        if (cell := self.results.cell) is not None:
            self._copy(_plain(cell[1]), "the cell")

    def action_copy_row(self) -> None:
        """Copy the row, cells separated by tabs."""
        if (row := self.results.row) is not None:
            self._copy("\t".join(map(_plain, row)), "the row")

    def action_copy_all(self) -> None:
        """Copy all rows as CSV."""
        if self.results.shown is not None:
            self._copy(as_csv(self.results.shown), "all rows")

    def _copy(self, text: str, what: str) -> None:
        if len(text) > LONGEST_COPY:
            self.notify("That is too much for a clipboard; x writes it to a file.", markup=False)
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}.", timeout=2, markup=False)

    def action_export(self) -> None:
        """Write the rows to a file."""
        self._start("ask", self._export())

    async def _export(self) -> None:
        if (shown := self.results.shown) is None:
            return
        kinds = ", ".join(f".{kind}" for kind in FORMATS)
        usual = f"{self.workbench.tab.name.replace(' ', '-').lower()}.csv"
        prompt = Prompt("Write the rows to a file", f"Its name ends in {kinds}.", usual)
        if not (name := await self.app.push_screen_wait(prompt)):
            return
        path = Path(name)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            self.results.show_trouble(
                ToolError("VALIDATION_ERROR", f"The name must end in one of {kinds}.", None)
            )
            return
        try:
            await asyncio.to_thread(write_result, shown, path, kind)
        except OSError as error:
            reason = error.strerror or str(error)
            self.results.show_trouble(
                ToolError("INTERNAL_ERROR", f"{path} was not written: {reason}.", None)
            )
            return
        self.results.clear_trouble()
        written = f"Wrote {fmt.count(len(shown.rows))} rows to {fmt.visible(str(path))}."
        self.notify(written, markup=False)

    # Keys and commands.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        on_rows = self.results.has_focus_within
        if action in _ROW_ACTIONS:
            return on_rows and self.results.shown is not None
        if action in _RESULT_ACTIONS:
            return not self.workbench.editor.has_focus and self.results.shown is not None
        if action == "more":
            result = self.results.result
            return on_rows and result is not None and result.truncated
        if action == "editor":
            return not self.workbench.editor.has_focus
        if action == "step_back":
            return self._is_running or self.workbench.editor.has_focus
        return True

    def action_step_back(self) -> None:
        """Stop what runs; or leave the editor."""
        if self._is_running:
            self.workers.cancel_group(self, "run")
        elif self.results.grid is not None:
            self.results.go()
        else:
            self.set_focus(None)

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        yield SystemCommand("Run query", "Run the statement, or what is selected", self.action_run)
        yield SystemCommand("Open query", "Open a saved query", self.action_open_saved)
        yield SystemCommand("Save query", "Save the query under a name", self.action_save)
        yield SystemCommand("Query history", "Statements that were run before", self.action_history)
        yield SystemCommand("New tab", "Open an empty tab", self.action_new_tab)
        yield SystemCommand("Close tab", "Close the present tab", self.action_close_tab)
        yield SystemCommand("Format query", "Break the statement into lines", self.action_format)
        if self.results.shown is not None:
            yield SystemCommand("Chart", "Draw the rows, or show them again", self.action_chart)
            yield SystemCommand("Export", "Write the rows to a file", self.action_export)
            yield SystemCommand("Filter rows", "Only rows with a text", self.action_filter)
            yield SystemCommand("Copy all rows", "Copy them as CSV", self.action_copy_all)

    def _start(self, group: str, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, group=group, exclusive=True, exit_on_error=False)


_ROW_ACTIONS = frozenset({"read_cell", "read_row", "sort", "copy_cell", "copy_row"})
_RESULT_ACTIONS = frozenset({"filter", "chart", "export", "copy_all"})


def _long(value: Any) -> str:
    """A whole value over as many lines as it has."""
    if value is None:
        return NULL
    if value == "":
        return EMPTY
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return "\n".join(fmt.visible(line) for line in text.splitlines())


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


SCREEN = QueryScreen
