"""Really? For what cannot be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.widgets import Static

from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType


class ConfirmScreen(CardScreen[bool]):
    """Dismissed with whether it is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "yes"),
        Binding("n,escape,q", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str, explanation: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._explanation = explanation
        self._yes = yes

    def compose(self) -> ComposeResult:
        """What would happen, the keys."""
        with Card(self._question, f"y {self._yes} · n escape leave", f"y {self._yes} · n leave"):
            yield Static(self._explanation, markup=False)
