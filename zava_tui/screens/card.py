"""Screens that lie over the overview as one card."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType


class CardScreen(ModalScreen[ScreenResultType]):
    """A card that is no larger than what it says, and scrolls where the window is smaller."""

    CSS_PATH = "../styles/cards.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]  # noqa: RUF012 (typed so by Textual)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-wide")]  # noqa: RUF012


class Card(VerticalScroll):
    """The card. Its keys stand in its lower border, in the longest wording that fits."""

    BORDER = 6
    """Cells of the border that its text cannot have."""

    def __init__(self, title: str, *keys: str, classes: str = "") -> None:
        """`keys` are wordings of the same, longest first."""
        super().__init__(classes=f"card {classes}")
        self.border_title = title
        self._keys = keys

    def on_resize(self) -> None:
        """Word the keys for the new width."""
        room = self.outer_size.width - self.BORDER
        fitting = (keys for keys in self._keys if len(keys) <= room)
        self.border_subtitle = next(fitting, self._keys[-1] if self._keys else "")
