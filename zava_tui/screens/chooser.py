"""Choose one of many texts by typing a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Input, OptionList

from zava_tui import format as fmt
from zava_tui.panels.rows import RowColumn, RowList
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

MOST_SHOWN = 200


class Chooser(CardScreen["int | None"]):
    """Dismissed with the place of what was chosen, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave"),
        Binding("down", "move(1)", "down", show=False, priority=True),
        Binding("up", "move(-1)", "up", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        columns: tuple[RowColumn, ...],
        rows: Sequence[tuple[str, ...]],
        searched: Sequence[str],
    ) -> None:
        """`searched` is what one types a part of, row by row."""
        super().__init__()
        self._title, self._columns, self._rows = title, columns, rows
        self._searched = [text.casefold() for text in searched]
        self._shown = list(range(len(rows)))

    def compose(self) -> ComposeResult:
        """A field, and what fits it."""
        with Card(self._title, "type a part · ↑ ↓ · enter take · escape leave", "enter take"):
            yield Input(placeholder="type a part of it", id="chooser-field", compact=True)
            yield RowList(self._columns)

    def on_mount(self) -> None:
        """All of them, at first."""
        self._show("")
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self._show(message.value)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        at = self.query_one(RowList).cursor.highlighted
        self.dismiss(self._shown[at] if at is not None and at < len(self._shown) else None)

    @on(OptionList.OptionSelected)
    def _clicked(self, message: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[message.option_index])

    def action_move(self, step: int) -> None:
        """Up and down, the field keeping the focus."""
        cursor = self.query_one(RowList).cursor
        if self._shown:
            at = (cursor.highlighted or 0) + step
            cursor.highlighted = max(0, min(len(self._shown) - 1, at))

    def _show(self, text: str) -> None:
        words = text.casefold().split()
        self._shown = [
            place
            for place, searched in enumerate(self._searched)
            if all(word in searched for word in words)
        ][:MOST_SHOWN]
        self.query_one(RowList).show(
            tuple(fmt.visible(cell) for cell in self._rows[place]) for place in self._shown
        )
