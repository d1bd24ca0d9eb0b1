"""The line of panel names, shown where there is room for one panel only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from zava_tui.layout import tabs_hint

if TYPE_CHECKING:
    from collections.abc import Mapping


class TabLine(Static):
    """Names to click; the brackets at its end are the keys that go back and forth."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        super().__init__("", markup=False)
        self._titles = titles
        self._current = next(iter(titles))

    def mark(self, current: str) -> None:
        """Show which panel is on screen."""
        self._current = current
        self.refresh()

    def render(self) -> Content:
        """The names, the present one marked by symbol and colour."""
        tabs = [
            Content.from_markup(
                f"[@click=screen.show_panel('{name}')]$mark$title[/]",
                mark="▸ " if name == self._current else "  ",
                title=title,
            ).stylize_before("bold $accent" if name == self._current else "$quiet")
            for name, title in self._titles.items()
        ]
        line = Content(" ").join(tabs)
        return line + Content.styled(tabs_hint(self.size.width - line.cell_length), "$quiet")
