"""Choose one of many texts by typing a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Input, OptionList, Static

from zava_tui import format as fmt
from zava_tui.panels.rows import RowColumn, RowList
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

MOST_SHOWN = 200


class Chooser(CardScreen["int | None"]):
    """Dismissed with the place of what was chosen, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave"),
        Binding("down", "move(1)", "down", show=False, priority=True),
        Binding("up", "move(-1)", "up", show=False, priority=True),
        Binding("pagedown", "move(10)", "ten down", show=False, priority=True),
        Binding("pageup", "move(-10)", "ten up", show=False, priority=True),
        Binding("ctrl+d", "forget", "forget", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        columns: tuple[RowColumn, ...],
        rows: Sequence[tuple[str, ...]],
        searched: Sequence[str],
        forget: Callable[[int], bool] | None = None,
    ) -> None:
        """`searched` is what one types a part of, row by row.

        `forget` drops a row for good and says whether that could be done.
        """
        super().__init__()
        self._forget = forget
        self._title, self._columns, self._rows = title, columns, rows
        self._searched: list[str | None] = [text.casefold() for text in searched]
        self._shown = list(range(len(rows)))

    def compose(self) -> ComposeResult:
        """A field, and what fits it."""
        keys = "type a part · ↑ ↓ · enter take · escape leave"
        forgetting = f"{keys} · ctrl+d forget" if self._forget is not None else keys
        with Card(self._title, forgetting, keys, "enter take"):
            yield Input(placeholder="type a part of it", id="chooser-field", compact=True)
            yield Static("", id="chooser-says", classes="message", markup=False)
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

    def action_forget(self) -> None:
        """Drop the row with the cursor for good, where that can be done."""
        at = self.query_one(RowList).place
        if self._forget is None or at is None or at >= len(self._shown):
            return
        if self._forget(self._shown[at]):
            # Nobody types this: it is not found again.
            self._searched[self._shown[at]] = None
            self._show(self.query_one(Input).value)
        else:
            self._say("This one came with Zava and stays.")

    def _say(self, sentence: str) -> None:
        line = self.query_one("#chooser-says", Static)
        line.display = bool(sentence)
        line.update(sentence)

    def _show(self, text: str) -> None:
        words = text.casefold().split()
        self._shown = [
            place
            for place, searched in enumerate(self._searched)
            if searched is not None and all(word in searched for word in words)
        ][:MOST_SHOWN]
        nothing = "None has that in it." if self._rows else "There is none yet."
        self._say("" if self._shown else nothing)
        self.query_one(RowList).show(
            tuple(fmt.visible(cell) for cell in self._rows[place]) for place in self._shown
        )
