"""The editor of one tab: suggestions to take with Tab, and an error underlined at its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from zava_tui.panels.query import SqlEditor

if TYPE_CHECKING:
    from textual.binding import BindingType

    from zava_tui.sql_words import Suggestion

_PLACE = re.compile(r"\(line (\d+), column (\d+)\)")
_WORD = re.compile(r"\w+|\S?")


class WorkEditor(SqlEditor):
    """An editor that stays with its tab, so that its cursor and what can be undone do too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", "take", show=False),
        Binding("escape", "drop", "no suggestion", show=False),
        Binding("ctrl+down", "other(1)", "next suggestion", show=False),
        Binding("ctrl+up", "other(-1)", "last suggestion", show=False),
        Binding("ctrl+@", "suggest", "suggest", show=False),
    ]

    class SuggestionsChanged(Message):
        """Other suggestions are offered, or another one is marked."""

    class SuggestionsWanted(Message):
        """Somebody asks what may follow."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text, id=None)
        self.draft_name = name
        self.show_line_numbers = True
        self.display = False  # until its tab is the present one
        self.offered: list[Suggestion] = []
        self.marked = 0
        self._trouble: tuple[int, int, int] | None = None
        self._text_in_trouble = ""

    # Suggestions.

    def offer(self, found: list[Suggestion]) -> None:
        """Offer these, the first one marked."""
        if found or self.offered:
            self.offered, self.marked = found, 0
            self.post_message(self.SuggestionsChanged())

    def action_other(self, step: int) -> None:
        """Mark another suggestion."""
        self.marked = (self.marked + step) % len(self.offered)
        self.post_message(self.SuggestionsChanged())

    def action_take(self) -> None:
        """Take the marked suggestion."""
        self.take(self.marked)

    def take(self, place: int) -> None:
        """Take a suggestion."""
        if place < len(self.offered):
            chosen = self.offered[place]
            row, column = self.cursor_location
            self.replace(chosen.text, (row, column - chosen.typed), (row, column))
            self.offer([])

    def action_drop(self) -> None:
        """Take none of them."""
        self.offer([])

    def on_blur(self) -> None:
        """Nobody types here any more."""
        self.offer([])

    def action_suggest(self) -> None:
        """Ask what may follow."""
        self.post_message(self.SuggestionsWanted())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for suggestions mean something else while there are none."""
        if action in {"take", "drop", "other"}:
            return bool(self.offered)
        return super().check_action(action, parameters)

    # Trouble.

    def mark_trouble(self, message: str, start: tuple[int, int]) -> None:
        """Underline the word that an error names by line and column of what began at `start`."""
        self._trouble = None
        if (place := _PLACE.search(message)) is not None:
            row, column = int(place[1]) - 1, int(place[2]) - 1
            column += start[1] if row == 0 else 0
            row += start[0]
            if row < self.document.line_count:
                word = _WORD.match(self.document.get_line(row), column)
                length = len(word.group()) if word else 0
                self._trouble = (row, column, column + max(1, length))
                self._text_in_trouble = self.text
                # What says the reason takes lines of the editor's first.
                self.call_after_refresh(self._bring_into_sight, row)
        self.refresh()

    def _bring_into_sight(self, row: int) -> None:
        self.scroll_to_region(Region(0, row, 1, 1), animate=False, x_axis=False)

    def clear_trouble(self) -> None:
        """Underline nothing."""
        self._trouble = None
        self.refresh()

    @property
    def trouble(self) -> str:
        """What is underlined."""
        if self._trouble is None or self.text != self._text_in_trouble:
            return ""
        row, start, end = self._trouble
        return self.document.get_line(row)[start:end]

    def render_line(self, y: int) -> Strip:
        """A line, with what is wrong in it underlined."""
        strip = super().render_line(y)
        scroll_x, scroll_y = self.scroll_offset
        if self._trouble is None or self._trouble[0] != scroll_y + y or not self.trouble:
            return strip
        row, start, end = self._trouble
        shift = self.gutter_width - scroll_x
        left = max(self.gutter_width, self.get_column_width(row, start) + shift)
        right = max(left + 1, self.get_column_width(row, end) + shift)
        if left >= strip.cell_length:
            return strip
        cuts = [left, min(right, strip.cell_length), strip.cell_length]
        before, marked, *after = strip.divide(cuts)
        error = Style(underline=True, bold=True, color=self.app.theme_variables.get("error"))
        return Strip.join([before, marked.apply_style(error), *after])
