"""What a user writes: SQL in tabs that are kept, saved queries, the history of what was run."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.widgets import TextArea

from zava_tui import format as fmt
from zava_tui.panels.rows import RowColumn
from zava_tui.panels.sql_workbench import SqlWorkbench
from zava_tui.screens.chooser import Chooser
from zava_tui.screens.prompt import Prompt
from zava_tui.screens.results import ResultsScreen
from zava_tui.workspace import Draft, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.timer import Timer

DRAFT_SECONDS = 0.5
"""How long after the last key the tabs are kept on disk."""
LONGEST_FORMATTED = 20_000
"""Characters that are formatted at most: sqlparse takes a second for so many."""
SHOWN_OF_SQL = 300
"""Characters of a statement in a list."""
SAVED_COLUMNS = (RowColumn("query", 34), RowColumn("statement", None, style="$quiet", needs=60))
HISTORY_COLUMNS = (RowColumn("statement", None),)


WRITING_KEYS = (
    Binding("ctrl+o", "open_saved", "open", tooltip="Open a saved query"),
    Binding("ctrl+s", "save", "save", tooltip="Save the query under a name", priority=True),
    Binding("ctrl+r", "history", "history", tooltip="Statements that were run before"),
    Binding("ctrl+t", "new_tab", "tab", show=False, priority=True),
    Binding("ctrl+w", "close_tab", "close tab", show=False, priority=True),
    Binding("ctrl+pagedown", "next_tab(1)", "next tab", show=False, priority=True),
    Binding("ctrl+pageup", "next_tab(-1)", "last tab", show=False, priority=True),
    Binding("f8,ctrl+shift+f", "format", "format", show=False),
)


class WritingScreen(ResultsScreen):
    """A screen with a workbench, whose tabs are one user's. Subclasses bind `WRITING_KEYS`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.workbench = SqlWorkbench(id="workbench")
        self._workspace: Workspace | None = None
        self._user: str | None = None
        self._resting: Timer | None = None

    @property
    def file_name(self) -> str:
        """The tab's name, as far as file systems take it."""
        return re.sub(r"[^\w.-]+", "-", self.workbench.tab.name.lower()).strip("-.") or "result"

    # Whose tabs.

    def open_tabs_of(self, user: str) -> None:
        """Take a user's tabs out, unless they are on the screen already."""
        if user != self._user:
            self._user = user
            self.start("workspace", partial(self._take_out, user))

    async def _take_out(self, user: str) -> None:
        """Open a user's tabs; what somebody has written meanwhile stays beside them."""
        self._put_away()
        workspace = Workspace(user)
        tabs = await asyncio.to_thread(workspace.open_tabs)
        first, self._workspace = self._workspace is None, workspace
        await self.workbench.open(tabs, keep_written=first)
        if self.focused is None:
            self.workbench.go()

    def _put_away(self) -> None:
        """Keep the tabs as they are now, and let another window have them."""
        if self._workspace is not None:
            self._workspace.keep_tabs(self.workbench.tabs)
            self._workspace.close()

    def on_unmount(self) -> None:
        """Nothing of what was written is lost."""
        self._put_away()

    async def open_statement(self, sql: str) -> None:
        """A statement from another screen, in a tab of its own."""
        await self.workbench.add(sql)

    # What was written is kept.

    def remember(self, sql: str) -> None:
        """Put a statement that is run into the history."""
        if (workspace := self._workspace) is not None:
            remembered = partial(asyncio.to_thread, workspace.remember, sql)
            self.start("history", remembered, exclusive=False)

    @on(TextArea.Changed)
    def _edited(self) -> None:
        self._keep_soon()

    @on(SqlWorkbench.TabsChanged)
    def _tabs_changed(self) -> None:
        self._keep_soon()

    def _keep_soon(self) -> None:
        """Keep the tabs a moment after the last change."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(DRAFT_SECONDS, self._keep)

    async def _keep(self) -> None:
        if self._workspace is not None:
            await asyncio.to_thread(self._workspace.keep_tabs, self.workbench.tabs)

    # Tabs, saved queries, history.

    def action_editor(self) -> None:
        """Go to the editor."""
        self.remove_class("-zoomed")
        self.workbench.go()

    def action_tab(self, place: int) -> None:
        """Show a tab."""
        self.workbench.go_to(place)

    async def action_new_tab(self) -> None:
        """Open an empty tab."""
        self.remove_class("-zoomed")
        await self.workbench.add("")

    async def action_close_tab(self) -> None:
        """Close the present tab; its text is in the history if it was run."""
        await self.workbench.close()

    def action_next_tab(self, step: int) -> None:
        """Show the next tab, or the one before."""
        self.workbench.next_tab(step)

    def action_take(self, place: int) -> None:
        """Take a suggestion that was clicked on."""
        self.workbench.take(place)

    def action_save(self) -> None:
        """Save the query under a name."""
        self.start("ask", self._save)

    async def _save(self) -> None:
        draft = self.workbench.tab
        prompt = Prompt("Save the query", "A name that says what it answers.", draft.name)
        if (name := await self.app.push_screen_wait(prompt)) and self._workspace is not None:
            self.workbench.rename(name)
            await asyncio.to_thread(self._workspace.save, Draft(name, draft.sql))
            self.workbench.remark(f"saved as {fmt.visible(name)}")

    def action_open_saved(self) -> None:
        """Open a saved query in a tab of its own."""
        self.start("ask", self._open_saved)

    async def _open_saved(self) -> None:
        if (workspace := self._workspace) is None:
            return
        saved = await asyncio.to_thread(workspace.saved)
        rows = [(query.name, _on_one_line(query.sql)) for query in saved]
        searched = [f"{query.name} {query.sql}" for query in saved]
        chooser = Chooser(
            "Open a query",
            SAVED_COLUMNS,
            rows,
            searched,
            forget=lambda place: workspace.forget(saved[place].name),
        )
        chosen = await self.app.push_screen_wait(chooser)
        if chosen is not None:
            await self.workbench.add(saved[chosen].sql, saved[chosen].name)

    def action_history(self) -> None:
        """Take a statement that was run before."""
        self.start("ask", self._take_from_history)

    async def _take_from_history(self) -> None:
        if self._workspace is None:
            return
        history = await asyncio.to_thread(self._workspace.history)
        rows = [(_on_one_line(sql),) for sql in history]
        chosen = await self.app.push_screen_wait(Chooser("History", HISTORY_COLUMNS, rows, history))
        if chosen is not None:
            editor = self.workbench.editor
            # As an edit, which can be undone.
            editor.replace(history[chosen], (0, 0), editor.document.end)
            self.workbench.go()

    async def action_format(self) -> None:
        """Break the statement into lines, keywords in capitals."""
        editor = self.workbench.editor
        text = editor.text
        if len(text) > LONGEST_FORMATTED:
            self.workbench.remark("too long to be formatted")
            return
        formatted = await asyncio.to_thread(_formatted, text)
        if formatted != text and editor.text == text:
            editor.replace(formatted, (0, 0), editor.document.end)

    # Keys and commands.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        if action == "editor":
            return self.is_mounted and not self.workbench.editor.has_focus
        return super().check_action(action, parameters)

    def commands(self) -> Iterable[SystemCommand]:
        """What can be done with queries, for the palette; then with their rows."""
        yield SystemCommand("Editor", "Write SQL", self.action_editor)
        yield SystemCommand("Open query", "Open a saved query", self.action_open_saved)
        yield SystemCommand("Save query", "Save the query under a name", self.action_save)
        yield SystemCommand("Query history", "Statements that were run before", self.action_history)
        yield SystemCommand("New tab", "Open an empty tab", self.action_new_tab)
        yield SystemCommand("Close tab", "Close the present tab", self.action_close_tab)
        yield SystemCommand("Next tab", "Show the next tab", partial(self.action_next_tab, 1))
        yield SystemCommand("Last tab", "Show the tab before", partial(self.action_next_tab, -1))
        yield SystemCommand("Format query", "Break the statement into lines", self.action_format)
        yield from super().commands()


def _on_one_line(sql: str) -> str:
    return " ".join(sql[:SHOWN_OF_SQL].split())


def _formatted(sql: str) -> str:
    import sqlparse

    return str(sqlparse.format(sql, reindent=True, keyword_case="upper"))
