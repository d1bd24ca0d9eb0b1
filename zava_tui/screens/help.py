"""F1: what the screen shows, panel by panel, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from zava_tui.modes import LONG_TITLES
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.screens.mode import ModeScreen

EVERYWHERE = (
    ("1 2 …", "the screens, as the first line names them"),
    ("ctrl+p", "all commands, by name"),
    ("q", "quit; ctrl+q where q is a letter"),
)


class HelpScreen(CardScreen[None]):
    """Closed by any of the keys one would try."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "close")]

    def __init__(self, screen: ModeScreen, chosen: Mapping[str, str]) -> None:
        """`chosen` keys by screen and action, as in the configuration."""
        super().__init__()
        self._about = screen
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """One long text to scroll."""
        title = f"Help: {LONG_TITLES[self._about.MODE].lower()}"
        with Card(title, "↑ ↓ scroll · escape closes", "escape closes"):
            yield Static(Content("\n").join(self._lines()), markup=False)

    def _lines(self) -> Iterable[Content]:
        if own := tuple(self._own_keys()):
            yield from _section("Your own keys", "From your configuration.", own)
        for title, text, keys in self._about.about():
            yield from _section(title, text, (*keys, *EVERYWHERE) if title == "Keys" else keys)

    def _own_keys(self) -> Iterable[tuple[str, str]]:
        for binding in (*type(self._about).BINDINGS, *type(self.app).BINDINGS):
            if isinstance(binding, Binding) and (key := self._chosen.get(binding.id or "")):
                usual = self.app.get_key_display(binding)
                meaning = binding.tooltip or binding.description
                yield key.replace(",", " "), f"{meaning} (in place of {usual})"


def _section(title: str, text: str, keys: Iterable[tuple[str, str]]) -> Iterable[Content]:
    yield Content.styled(title, "bold $accent")
    if text:
        yield Content.styled(text, "$foreground")
    for key, meaning in keys:
        yield Content.assemble((key.rjust(9), "bold"), ("  " + meaning, "$quiet"))
    yield Content("")
