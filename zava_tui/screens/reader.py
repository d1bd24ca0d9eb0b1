"""Read a long text: a whole cell, a whole row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.widgets import Static

from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content


class Reader(CardScreen[None]):
    """Closed by any of the keys one would try."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "close")]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """The text, to be scrolled."""
        with Card(self._title, "↑ ↓ scroll · escape closes", "escape closes"):
            yield Static(self._text, markup=False)
