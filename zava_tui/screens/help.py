"""F1: what the screen shows, panel by panel, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.panels.panel import Panel

KEYS = (
    ("tab", "to the next part; shift+tab goes back"),
    ("e", "to the SQL editor"),
    ("/", "to the search field"),
    ("F5", "run the statement in the editor"),
    ("z", "give the panel all the room, or show all again"),
    ("[ ]", "the panel before, the next panel"),
    ("escape", "one step back: stop, leave the field, show all"),
    ("ctrl+p", "all commands, by name"),
    ("q", "quit; ctrl+q where q is a letter"),
)
STRIP = (
    "Revenue of your stores from completed orders, today in each store's own time zone. Today is "
    "compared with the same weekday last week up to this time of day; 7 and 30 days, which include "
    "today so far, with the same length before. A basket is revenue per order."
)


class HelpScreen(CardScreen[None]):
    """Closed by any of the keys one would try."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "close")]

    def __init__(self, panels: Sequence[Panel]) -> None:
        super().__init__()
        self._panels = panels

    def compose(self) -> ComposeResult:
        """One long text to scroll."""
        with Card("Help: overview", "↑ ↓ scroll · escape closes", "escape closes"):
            yield Static(Content("\n").join(self._lines()), markup=False)

    def _lines(self) -> Iterable[Content]:
        yield from _section("Keys", "", KEYS)
        yield from _section("The strip", STRIP, ())
        for panel in self._panels:
            yield from _section(panel.title, panel.SUMMARY, panel.KEYS)


def _section(title: str, text: str, keys: Iterable[tuple[str, str]]) -> Iterable[Content]:
    yield Content.styled(title, "bold $accent")
    if text:
        yield Content.styled(text, "$foreground")
    for key, meaning in keys:
        yield Content.assemble((key.rjust(9), "bold"), ("  " + meaning, "$quiet"))
    yield Content("")
