"""The editor of the screen Query: tabs above it, suggestions below."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static, TextArea
from textual.widgets.text_area import Selection

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.query import SqlEditor
from zava_tui.sql_words import Suggestion, suggestions
from zava_tui.styles import stylesheet
from zava_tui.workspace import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

_PLACE = re.compile(r"\(line (\d+), column (\d+)\)")


class WorkEditor(SqlEditor):
    """An editor in which Tab takes the suggestion that is marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take_or_leave", "take", show=False, priority=True),
        Binding("ctrl+down", "other(1)", "next suggestion", show=False),
        Binding("ctrl+up", "other(-1)", "last suggestion", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("", id="work-editor")
        self._offered: list[Suggestion] = []
        self._marked = 0

    def offer(self, found: list[Suggestion]) -> None:
        """Show these suggestions, the first one marked."""
        self._offered, self._marked = found, 0
        self._draw()

    def action_other(self, step: int) -> None:
        """Mark another suggestion."""
        if self._offered:
            self._marked = (self._marked + step) % len(self._offered)
            self._draw()

    def action_take_or_leave(self) -> None:
        """Take the marked suggestion; without one, go on to what comes next."""
        if not self._offered:
            self.screen.focus_next()
            return
        chosen = self._offered[self._marked]
        row, column = self.cursor_location
        self.replace(chosen.text, (row, column - chosen.typed), (row, column))
        self.offer([])

    def _draw(self) -> None:
        line = Content("  ").join(
            Content.assemble(
                (fmt.visible(s.text), "reverse" if place == self._marked else "$accent"),
                (f" {s.kind}", "$quiet"),
            )
            for place, s in enumerate(self._offered)
        )
        hint = Content.styled("tab takes it  ", "$quiet") if self._offered else Content("")
        self.screen.query_one("#suggestions", Static).update(hint + line)


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
    FOCUS = ("#work-editor",)
    KEYS: ClassVar = (
        ("F5", "run the statement, or what is selected; also ctrl+enter"),
        ("tab", "take the suggestion; ctrl+↓ marks the next"),
        ("ctrl+t", "a new tab; ctrl+w closes it, ctrl+pgup and ctrl+pgdn go from tab to tab"),
        ("ctrl+s", "save the query under a name; ctrl+o opens a saved one"),
        ("ctrl+r", "the statements that were run before"),
        ("F8", "format the statement"),
        ("escape", "stop a running statement, leave the editor"),
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self._tabs = [Draft("query 1", "")]
        self._place = 0
        self._tables: Mapping[str, Sequence[str]] = {}

    def compose(self) -> ComposeResult:
        """Tabs, editor, suggestions, a possible error."""
        yield Static("", id="query-tabs", markup=False)
        yield WorkEditor()
        yield Static("", id="suggestions", markup=False)
        yield from super().compose()

    @property
    def editor(self) -> WorkEditor:
        """The present tab's editor."""
        return self.query_one(WorkEditor)

    @property
    def tabs(self) -> list[Draft]:
        """All tabs, as they are now."""
        now = replace(self._tabs[self._place], sql=self.editor.text)
        return [*self._tabs[: self._place], now, *self._tabs[self._place + 1 :]]

    @property
    def tab(self) -> Draft:
        """The present tab."""
        return self.tabs[self._place]

    def open(self, tabs: Sequence[Draft], place: int = 0) -> None:
        """Shows these tabs, of which there is one at least."""
        self._tabs, self._place = list(tabs), place
        self.editor.load_text(self._tabs[place].sql)
        self._draw_tabs()

    def add(self, draft: Draft) -> None:
        """Opens another tab."""
        tabs = self.tabs
        self.open([*tabs, draft], len(tabs))

    def close(self) -> None:
        """Closes the present tab; the last one only becomes empty."""
        tabs = self.tabs
        del tabs[self._place]
        self.open(tabs or [Draft("query 1", "")], max(0, self._place - 1) if tabs else 0)

    def go_to(self, place: int) -> None:
        """Shows another tab."""
        self.open(self.tabs, place % len(self._tabs))

    def next_tab(self, step: int) -> None:
        """Shows the next tab, or the one before."""
        self.go_to(self._place + step)

    def rename(self, name: str) -> None:
        """Gives the present tab another name."""
        self._tabs[self._place] = replace(self._tabs[self._place], name=name)
        self._draw_tabs()

    def know(self, tables: Mapping[str, Sequence[str]]) -> None:
        """Suggest these tables' columns from now on."""
        self._tables = tables

    def mark_trouble(self, message: str) -> None:
        """Selects the word that an error names by line and column."""
        if (place := _PLACE.search(message)) is None:
            return
        row, column = int(place[1]) - 1, int(place[2]) - 1
        if row >= self.editor.document.line_count:
            return
        word = re.match(r"\w+|\S?", self.editor.document.get_line(row)[column:])
        end = column + max(1, len(word.group()) if word else 1)
        self.editor.selection = Selection((row, column), (row, end))

    @on(TextArea.Changed, "#work-editor")
    def _text_changed(self) -> None:
        editor = self.editor
        row, column = editor.cursor_location
        before = editor.document.get_line(row)[:column] if editor.has_focus else ""
        editor.offer(suggestions(before, editor.text, self._tables))

    @on(Resize)
    def _draw_tabs(self) -> None:
        line = self.query_one("#query-tabs", Static)
        names = [
            Content.from_markup(
                f"[@click=screen.tab({place})]$mark$name[/]",
                mark="▸ " if place == self._place else "  ",
                name=fmt.visible(tab.name),
            ).stylize_before("bold $accent" if place == self._place else "$quiet")
            for place, tab in enumerate(self._tabs)
        ]
        hidden = _left_out([name.cell_length for name in names], self._place, line.size.width)
        before = [Content.styled("…", "$quiet")] if hidden else []
        more = Content.from_markup("[@click=screen.new_tab()]  +[/]").stylize_before("$quiet")
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
