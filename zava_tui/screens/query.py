"""Query: SQL in tabs, each with its own answer; run, stopped, explained."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Vertical

from zava_tui import format as fmt
from zava_tui.answers import DISCONNECTED, ToolError
from zava_tui.feeds import LOST_WITH_SERVER, NOT_CONNECTED
from zava_tui.messages import QuerySubmitted
from zava_tui.panels.panel import relinked
from zava_tui.panels.results import Answer, ResultsPanel
from zava_tui.panels.sql_workbench import SqlWorkbench
from zava_tui.screens.plan import PlanScreen
from zava_tui.screens.results import ROW_KEYS
from zava_tui.screens.writing import WRITING_KEYS, WritingScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.client import Client
    from zava_tui.link_states import LinkState
    from zava_tui.panels.work_editor import WorkEditor

LOW = 30
FIRST_ROWS, MOST_ROWS = 1_000, 50_000


@dataclass(slots=True)
class Run:
    """What became of a tab's statement."""

    answer: Answer | None = None
    trouble: ToolError | None = None
    busy_since: float | None = None
    updated_at: float | None = None
    stopped_after: float | None = None
    """Seconds it had run when somebody stopped it."""


class QueryScreen(WritingScreen):
    """Editor above, results below."""

    KEYS: ClassVar = (
        ("e", "to the editor"),
        ("F5", "run the statement"),
        ("escape", "stop a running statement; leave the editor; show both parts again"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "editor", "editor", tooltip="Write SQL"),
        Binding("f5", "run", "run", tooltip="Run the statement, or what is selected"),
        *ROW_KEYS,
        Binding("m", "more", "more rows", tooltip="Fetch up to 50,000 rows"),
        *WRITING_KEYS,
        Binding("f6", "plan", "plan", tooltip="How the database would run it", priority=True),
        Binding("z", "zoom", "maximise", show=False),
        Binding("escape", "step_back", "back", tooltip="One step back"),
    ]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._client: Client | None = None
        self._runs: WeakKeyDictionary[WorkEditor, Run] = WeakKeyDictionary()

    def compose_body(self) -> ComposeResult:
        """Editor and results."""
        with Vertical(id="editing"):
            yield self.workbench
        with Vertical(id="answering"):
            yield ResultsPanel(id="work-panel")

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        self.set_class(event.size.height < LOW, "-low")

    def run_of(self, editor: WorkEditor) -> Run:
        """What became of a tab's statement."""
        return self._runs.setdefault(editor, Run())

    @property
    def _run(self) -> Run:
        return self.run_of(self.workbench.editor)

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
        if isinstance(state, Live):
            self.open_tabs_of(state.identity.user)
        if came and client is not None:
            self.start("words", partial(self._learn_words, client))

    async def _learn_words(self, client: Client) -> None:
        with suppress(ToolError):
            self.workbench.know(await client.columns_by_table())

    # Running.

    @on(SqlWorkbench.TabsChanged)
    async def _tab_changed(self) -> None:
        await self._show_run()

    @on(QuerySubmitted)
    def _submitted(self, message: QuerySubmitted) -> None:
        message.stop()
        self._send(message.sql, FIRST_ROWS)

    def action_run(self) -> None:
        """Run what is selected, or else the whole statement."""
        self.workbench.editor.action_run()

    def action_more(self) -> None:
        """Run it again, for as many rows as there may be."""
        answer = self._run.answer
        if answer is not None and answer.result.truncated:
            self._send(answer.sql, MOST_ROWS)

    def _send(self, sql: str, rows: int) -> None:
        if not sql.strip():
            return
        editor = self.workbench.editor
        if self._client is None:
            self.workbench.show_trouble(NOT_CONNECTED)
            return
        start = min(editor.selection) if editor.selected_text == sql else (0, 0)
        asked = partial(self._answer, self._client, editor, sql, rows, start)
        self.start(_group(editor), asked)
        self.remember(sql)

    async def _answer(
        self, client: Client, editor: WorkEditor, sql: str, rows: int, start: tuple[int, int]
    ) -> None:
        run = self.run_of(editor)
        run.busy_since, run.trouble, run.stopped_after = self.clock(), None, None
        editor.clear_trouble()
        await self._show_run(editor)
        began = self.clock()
        try:
            result = await client.query(sql, rows)
        except asyncio.CancelledError:
            run.stopped_after = self.clock() - began
            raise
        except ToolError as error:
            run.trouble = LOST_WITH_SERVER if error.code == DISCONNECTED else error
            editor.mark_trouble(error.message, start)
        else:
            run.answer = Answer(sql, result, (self.clock() - began) * 1000, shown=result)
            run.updated_at = self.clock()
        finally:
            run.busy_since = None
            if self.is_mounted:
                await self._show_run(editor)
        here = self.workbench.editor is editor
        if here and run.trouble is None and (editor.has_focus or self.focused is None):
            self.results.go()

    async def _show_run(self, of: WorkEditor | None = None) -> None:
        """Show how the present tab's statement does; nothing to do where `of` is another's."""
        editor = self.workbench.editor
        if of is not None and of is not editor:
            return
        run, results = self.run_of(editor), self.results
        if run.trouble is not None:
            self.workbench.show_trouble(run.trouble)
        else:
            self.workbench.clear_trouble()
        results.freshness = replace(
            results.freshness, busy_since=run.busy_since, updated_at=run.updated_at
        )
        if run.answer is not results.answer:
            await results.show(run.answer)
        results.tell()
        if run.busy_since is not None:
            results.remark("escape stops it")
        elif run.stopped_after is not None:
            results.remark(f"stopped after {fmt.milliseconds(run.stopped_after * 1000)}")
        self.refresh_bindings()

    def action_plan(self) -> None:
        """Show how the database would run the statement."""
        sql = self.workbench.editor.selected_text or self.workbench.editor.text
        if self._client is None:
            self.workbench.show_trouble(NOT_CONNECTED)
        elif sql.strip():
            self.start("plan", partial(self._plan, self._client, sql))

    async def _plan(self, client: Client, sql: str) -> None:
        editor, run = self.workbench.editor, self._run
        editor.clear_trouble()
        run.trouble = None
        try:
            plan = await client.explain(sql)
        except ToolError as error:
            run.trouble = error
            editor.mark_trouble(error.message, (0, 0))
        else:
            self.app.push_screen(PlanScreen(plan, partial(client.explain, sql, analyze=True)))
        await self._show_run(editor)

    # Keys and commands.

    async def action_close_tab(self) -> None:
        """Close the present tab and stop what runs in it; what was run is in the history."""
        self.workers.cancel_group(self, _group(self.workbench.editor))
        await super().action_close_tab()

    def action_zoom(self) -> None:
        """Give the rows all the room, or take it back."""
        self.toggle_class("-zoomed")
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        if not self.is_mounted:
            return True
        answer = self.results.answer
        match action:
            case "more":
                more = answer is not None and answer.result.truncated
                return more and len(answer.result.rows) < MOST_ROWS if answer else False
            case "zoom":
                return answer is not None
            case "step_back":
                running = self._run.busy_since is not None
                in_editor = self.workbench.editor.has_focus
                charted = answer is not None and answer.as_chart
                return running or in_editor or charted or self.has_class("-zoomed")
        return super().check_action(action, parameters)

    async def action_step_back(self) -> None:
        """Stop what runs; or from the chart to the rows, show both parts, leave the editor."""
        if self._run.busy_since is not None:
            self.workers.cancel_group(self, _group(self.workbench.editor))
        elif self.workbench.editor.has_focus:
            self.set_focus(None)
            self.results.go()
        elif self.results.answer is not None and self.results.answer.as_chart:
            await self.action_chart()
        else:
            self.remove_class("-zoomed")
        self.refresh_bindings()

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        yield SystemCommand("Run query", "Run the statement, or what is selected", self.action_run)
        yield SystemCommand("Plan", "How the database would run the statement", self.action_plan)
        if self._run.busy_since is not None:
            yield SystemCommand("Stop", "Stop the running statement", self.action_step_back)
        if self.check_action("more", ()):
            yield SystemCommand("More rows", "Fetch up to 50,000 of them", self.action_more)
        if self.results.answer is not None:
            yield SystemCommand("Maximise rows", "Without the editor, or with", self.action_zoom)
        yield from super().commands()


def _group(editor: WorkEditor) -> str:
    """The workers of a tab's statement."""
    return f"run-{id(editor)}"


SCREEN = QueryScreen
"""What the app makes for this mode."""
