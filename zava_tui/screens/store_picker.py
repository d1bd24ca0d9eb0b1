"""Which of one's stores the overview is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import OptionList, Static

from zava_tui import format as fmt
from zava_tui.panels.rows import RowColumn, RowList
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

ALL = "All of them together"


class StorePicker(CardScreen["str | None"]):
    """Dismissed with the store's name, or None for all; with `chosen` if nothing was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back")]

    def __init__(self, stores: Sequence[str], chosen: str | None) -> None:
        super().__init__()
        self._choices: list[str | None] = [None, *stores]
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with Card("Which store?", "↑ ↓ choose · enter show · escape back", "enter · escape"):
            yield Static(
                "The chart, what changed, categories, best sellers and stock are of this store.",
                classes="lead",
                markup=False,
            )
            yield RowList((RowColumn("store", None),))

    def on_mount(self) -> None:
        """Fill in the stores, the present one chosen."""
        rows = self.query_one(RowList)
        rows.show((fmt.visible(name or ALL),) for name in self._choices)
        rows.cursor.focus()
        # The rows are there when their width is known.
        self.call_after_refresh(self._highlight)

    def _highlight(self) -> None:
        self.query_one(RowList).cursor.highlighted = self._choices.index(self._chosen)

    @on(OptionList.OptionSelected)
    def choose(self, message: OptionList.OptionSelected) -> None:
        """Take this one."""
        self.dismiss(self._choices[message.option_index])

    def action_leave(self) -> None:
        """Leave it as it was."""
        self.dismiss(self._chosen)
