"""Which category of products?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import OptionList

from zava_tui import format as fmt
from zava_tui.panels.rows import RowCursor
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

ANY = "any category"


class CategoryPicker(CardScreen["str | None"]):
    """Dismissed with a category, an empty text for any, or None to leave things as they are."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "leave")]

    def __init__(self, categories: list[str], present: str | None) -> None:
        super().__init__()
        self._categories = categories
        self._present = present

    def compose(self) -> ComposeResult:
        """All there are, the present one marked."""
        with Card("Which category?", "↑ ↓ choose · enter take · escape leave", "enter take"):
            yield RowCursor(ANY, *map(fmt.visible, self._categories), markup=False, compact=True)

    def on_mount(self) -> None:
        """The cursor on the present one."""
        cursor = self.query_one(RowCursor)
        place = 0
        if self._present in self._categories:
            place = 1 + self._categories.index(self._present)
        cursor.highlighted = place
        cursor.focus()

    @on(OptionList.OptionSelected)
    def choose(self, message: OptionList.OptionSelected) -> None:
        """Take this one."""
        place = message.option_index
        self.dismiss(self._categories[place - 1] if place else "")
