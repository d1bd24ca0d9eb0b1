"""The last line: the keys that do something here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.binding import Binding
    from textual.events import Click
    from textual.screen import Screen

FIRST, LAST = "help", "quit"
"""The actions at either end of the line, which stay where there is no room for all."""
BACK, PALETTE = "step_back", "command_palette"
"""They go last: the way back, and before it the way to everything else."""
GAP = 2


class KeyLine(Static):
    """Keys and what they do, to be clicked as well. Where they do not fit, the middle ones go."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._places: list[tuple[range, str]] = []

    def on_mount(self) -> None:
        """Follow what the focus makes possible."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        # What lies over the overview says itself which keys it has.
        if screen is self.screen:
            self.refresh()

    def render(self) -> Content:
        """The line in the present width."""
        shown = self._fitting(self._available())
        line = Content("")
        self._places = []
        for binding in shown:
            key = self._text(binding)
            start = line.cell_length + GAP if line else 0
            if binding.action == LAST:
                start = max(start, self.size.width - key.cell_length)
            line += " " * (start - line.cell_length) + key
            self._places.append((range(start, start + key.cell_length), binding.key))
        return line

    def on_click(self, event: Click) -> None:
        """Do what the key would."""
        x = event.get_content_offset_capture(self).x
        for place, key in self._places:
            if x in place:
                self.app.simulate_key(key)

    def _available(self) -> list[Binding]:
        """What to show: help, then the screen's keys, then quit."""
        by_action: dict[str, Binding] = {}
        for active in self.screen.active_bindings.values():
            wanted = active.binding.show or active.binding.action == PALETTE
            if wanted and active.enabled:
                by_action.setdefault(active.binding.action, active.binding)
        ends = [by_action.pop(action, None) for action in (FIRST, PALETTE, LAST)]
        order = [ends[0], *by_action.values(), *ends[1:]]
        return [binding for binding in order if binding is not None]

    def _fitting(self, keys: list[Binding]) -> list[Binding]:
        widths = {key.action: self._text(key).cell_length for key in keys}
        dispensable = sorted(
            (key for key in keys if key.action not in {FIRST, LAST}),
            key=lambda key: (key.action == BACK, key.action == PALETTE, -keys.index(key)),
        )
        while sum(widths[key.action] for key in keys) + GAP * (len(keys) - 1) > self.size.width:
            if not dispensable:
                break
            keys.remove(dispensable.pop(0))
        return keys

    def _text(self, binding: Binding) -> Content:
        return Content.assemble(
            (self.app.get_key_display(binding), "$accent"), (f" {binding.description}", "$quiet")
        )
