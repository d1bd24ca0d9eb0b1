"""The first line: who we are, the screens there are, how the link to the server is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.modes import HOME, MODES_GAP, NAME_ROOM, mode_labels
from zava_tui.panels.panel import Freshness, freshness_note, styled
from zava_tui.panels.revenue_strip import PERIOD

if TYPE_CHECKING:
    from textual.events import Resize

    from zava_tui.answers import Identity
    from zava_tui.link_states import LinkState

ROLES = {
    "store_manager": "store manager",
    "regional_manager": "regional manager",
    "head_office": "head office",
    "viewer": "viewer",
}


class TopBar(Static):
    """One line that always says whether what one sees is true now."""

    def __init__(self, mode: str) -> None:
        super().__init__("", markup=False)
        self._mode = mode
        self._identity: Identity | None = None
        self._state: LinkState | None = None
        self._updated_at: float | None = None
        self._trouble: str | None = None
        self._now = 0.0

    def link_changed(self, state: LinkState, now: float) -> None:
        """The link has another state."""
        from zava_tui.link_states import Live

        self._state, self._now = state, now
        if isinstance(state, Live):
            self._identity = state.identity
        self.refresh()

    def figures_arrived(self, now: float) -> None:
        """The strip has just been refreshed."""
        self._updated_at, self._trouble, self._now = now, None, now
        self.refresh()

    def figures_failed(self, sentence: str) -> None:
        """The strip could not be refreshed."""
        self._trouble = sentence
        self.refresh()

    def tick(self, now: float) -> None:
        """Let the age grow."""
        self._now = now
        self.refresh()

    def on_resize(self, _: Resize) -> None:
        """Stretch the line."""
        self.refresh()

    def render(self) -> Content:
        """The line in the present width."""
        width = self.size.width
        state = styled(self._note()).truncate(max(0, width - 6), ellipsis=True)
        modes = self._modes(width - state.cell_length)
        right = Content.assemble(modes, " " * MODES_GAP, state) if modes else state
        name = self._who(width - right.cell_length - 2)
        name = name.truncate(max(0, width - right.cell_length - 1), ellipsis=True)
        gap = max(1, width - name.cell_length - right.cell_length)
        return Content.assemble(name, " " * gap, right)

    def _modes(self, room: int) -> Content:
        """The screens and their keys, to be clicked as well."""
        return Content("  ").join(
            Content.from_markup(
                f"[@click=app.mode('{name}')]$label[/]", label=label
            ).stylize_before("bold $accent" if name == self._mode else "$quiet")
            for name, label in mode_labels(self._mode, room - MODES_GAP - NAME_ROOM)
        )

    def _who(self, room: int) -> Content:
        """Whose stores these are, as precisely as there is room for."""
        name = Content.styled("Zava", "bold $accent")
        if self._identity is None:
            return name
        name += Content.assemble("  ", (fmt.visible(self._identity.display_name), "bold"))
        role = ROLES.get(self._identity.role, self._identity.role)
        stores = ", ".join(self._identity.stores)
        for detail in (f"{role} · {stores}", stores, role):
            longer = name + Content.styled(f"  {fmt.visible(detail)}", "$quiet")
            if detail and longer.cell_length <= room:
                return longer
        return name

    def _note(self) -> fmt.Note:
        if self._state is None:
            return fmt.Note("◌ starting", "muted")
        # Not at the top: the bar is painted before there is time to import this.
        from zava_tui.link_states import Failed, Live, Preparing, Retrying, Starting

        match self._state:
            case Starting():
                word = "starting" if self._identity is None else "restarting"
                return fmt.Note(f"◌ {word} the server", "muted")
            case Preparing() if self._identity is not None:
                return fmt.Note("◐ recovering the database", "warning")
            case Preparing(progress):
                return fmt.Note(f"◐ preparing the database {progress.overall:.0%}", "plain")
            case Retrying(reason, again, at):
                seconds = max(1, math.ceil(at - self._now))
                return fmt.Note(f"✖ {reason.rstrip('.')}, {again} in {seconds} s", "bad")
            case Failed():
                return fmt.Note("✖ no server", "bad")
            case Live():
                if self._trouble is not None:
                    return fmt.Note(f"✖ {self._trouble}", "bad")
                if self._mode != HOME:
                    return fmt.Note("● connected", "good")
                return freshness_note(Freshness(self._updated_at, PERIOD, True), self._now)
