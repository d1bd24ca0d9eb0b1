"""The SQL side of the screen Query: tabs with an editor each, suggestions below."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import Static, TextArea

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.work_editor import WorkEditor
from zava_tui.sql_words import suggestions
from zava_tui.styles import stylesheet
from zava_tui.workspace import FIRST_TAB, Draft, Tabs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult

LONGEST_NAME = 32
"""Cells of a tab's name."""


class SqlWorkbench(Panel):
    """Several texts, one of which is edited."""

    DEFAULT_CSS = stylesheet("workspace")
    SCOPED_CSS = False
    TITLE = "SQL"
    SUMMARY = (
        "Write a SELECT and run it, or only the part that is selected. While one types, tables, "
        "columns and functions are suggested. Tabs are kept as they are, even if the app is killed."
    )
    HAS_AGE = False
    KEYS: ClassVar = (
        ("F5", "run the statement, or what is selected; also ctrl+enter"),
        ("F6", "its plan"),
        ("tab", "take the suggestion; ctrl+↓ marks the next, ctrl+space asks for some"),
        ("ctrl+t", "a new tab; ctrl+w closes it, ctrl+pgup and ctrl+pgdn go from tab to tab"),
        ("ctrl+s", "save the query under a name; ctrl+o opens a saved one"),
        ("ctrl+r", "the statements that were run before"),
        ("F8", "format the statement"),
        ("escape", "stop a running statement, leave the editor"),
    )

    class TabsChanged(Message):
        """There are other tabs, or another one is the present one."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self._editors = [WorkEditor(FIRST_TAB, "")]
        self._place = 0
        self._tables: Mapping[str, Sequence[str]] = {}

    def compose(self) -> ComposeResult:
        """Tabs, editor, suggestions, a possible error."""
        yield Static("", id="query-tabs", markup=False)
        with Container(id="editors"):
            yield from self._editors
        yield Static("", id="suggestions", markup=False)
        yield from super().compose()

    def on_mount(self) -> None:
        """There is one tab from the beginning."""
        super().on_mount()
        self._show_tab(0)

    @property
    def editor(self) -> WorkEditor:
        """The present tab's editor."""
        return self._editors[self._place]

    @property
    def tabs(self) -> Tabs:
        """All tabs, as they are now."""
        return Tabs(
            tuple(Draft(editor.draft_name, editor.text) for editor in self._editors), self._place
        )

    @property
    def tab(self) -> Draft:
        """The present tab."""
        return Draft(self.editor.draft_name, self.editor.text)

    def go(self) -> None:
        """Put the focus into the editor."""
        self.editor.focus()

    async def open(self, tabs: Tabs, *, keep_written: bool = False) -> None:
        """Show these tabs in place of those there are, or of those with nothing in them."""
        kept = [editor for editor in self._editors if keep_written and editor.text]
        before = [editor for editor in self._editors if editor not in kept]
        opened = [WorkEditor(draft.name, draft.sql) for draft in tabs.drafts]
        self._editors = list(opened)
        for editor in kept:
            editor.draft_name = self._free_name(editor.draft_name)
            self._editors.append(editor)
        self._place = len(self._editors) - 1 if kept else tabs.place
        await self.query_one("#editors").mount_all(opened)
        self._show_tab(self._place)
        self._remove(before)

    async def add(self, sql: str, name: str | None = None) -> None:
        """Open another tab and go there."""
        editor = WorkEditor(name or self._free_name(), sql)
        self._editors.append(editor)
        await self.query_one("#editors").mount(editor)
        self._show_tab(len(self._editors) - 1)
        self.go()

    async def close(self) -> None:
        """Close the present tab; the last one only becomes empty."""
        editor = self.editor
        if len(self._editors) == 1:
            await self.add("", FIRST_TAB)
        self._editors.remove(editor)
        self._show_tab(min(self._place, len(self._editors) - 1))
        self.go()
        self._remove([editor])

    def _remove(self, editors: Sequence[WorkEditor]) -> None:
        """Take out of the screen first: one that is removed can no longer be drawn."""
        for editor in editors:
            editor.display = False
        self.call_after_refresh(self.query_one("#editors").remove_children, editors)

    def go_to(self, place: int) -> None:
        """Show another tab."""
        self._show_tab(place % len(self._editors))
        self.go()

    def next_tab(self, step: int) -> None:
        """Show the next tab, or the one before."""
        self.go_to(self._place + step)

    def rename(self, name: str) -> None:
        """Give the present tab another name."""
        self.editor.draft_name = name
        self._show_tab(self._place)

    def _free_name(self, wanted: str | None = None) -> str:
        taken = {editor.draft_name for editor in self._editors}
        if wanted is not None and wanted not in taken:
            return wanted
        numbers = range(1, len(taken) + 2)
        return next(name for n in numbers if (name := f"query {n}") not in taken)

    def _show_tab(self, place: int) -> None:
        self._place = place
        for number, editor in enumerate(self._editors):
            editor.display = number == place
        self._draw_tabs()
        self._draw_suggestions()
        self.post_message(self.TabsChanged())

    # Suggestions.

    def know(self, tables: Mapping[str, Sequence[str]]) -> None:
        """Suggest these tables' columns from now on."""
        self._tables = tables

    @on(TextArea.Changed)
    def _text_changed(self) -> None:
        self._offer(wanted=False)

    @on(WorkEditor.SuggestionsWanted)
    def _suggestions_wanted(self) -> None:
        self._offer(wanted=True)

    def _offer(self, *, wanted: bool) -> None:
        editor = self.editor
        if not editor.has_focus:
            editor.offer([])
            return
        before = editor.get_text_range((0, 0), editor.cursor_location)
        editor.offer(suggestions(before, editor.text, self._tables, wanted=wanted))

    def take(self, place: int) -> None:
        """Take a suggestion of those that are offered."""
        self.editor.take(place)

    @on(WorkEditor.SuggestionsChanged)
    def _draw_suggestions(self) -> None:
        editor = self.editor
        parts = [
            Content.assemble(
                Content.from_markup(f"[@click=screen.take({place})]$text[/]", text=s.text)
                .stylize_before("reverse" if place == editor.marked else "$accent"),
                (f" {s.kind}", "$quiet"),
            )
            for place, s in enumerate(editor.offered)
        ]  # fmt: skip
        # What was passed over makes room for what is still to come.
        line = Content("  ").join(parts[max(0, editor.marked - 1) :])
        hint = Content.styled("tab takes it  ", "$quiet") if parts else Content("")
        self.query_one("#suggestions", Static).update(hint + line)

    @on(Resize)
    def _draw_tabs(self) -> None:
        names = [
            Content.from_markup(
                f"[@click=screen.tab({place})]$mark$name[/]",
                mark="▸ " if place == self._place else "  ",
                name=_short(fmt.visible(editor.draft_name)),
            ).stylize_before("bold $accent" if place == self._place else "$quiet")
            for place, editor in enumerate(self._editors)
        ]
        more = Content.from_markup("[@click=screen.new_tab()]  +[/]").stylize_before("$quiet")
        line = self.query_one("#query-tabs", Static)
        hidden = _left_out([name.cell_length for name in names], self._place, line.size.width)
        before = [Content.styled("…", "$quiet")] if hidden else []
        line.update(Content(" ").join([*before, *names[hidden:], more]))


def _left_out(widths: Sequence[int], place: int, room: int) -> int:
    """How many names a line of `room` cells leaves out before the one at `place` is all there.

    The ellipsis for those left out and the space behind each name are counted.
    """
    hidden, needed = 0, sum(widths[: place + 1]) + place
    while hidden < place and needed + (2 if hidden else 0) > room:
        needed -= widths[hidden] + 1
        hidden += 1
    return hidden


def _short(name: str) -> str:
    return fmt.fit(name, LONGEST_NAME).rstrip()
