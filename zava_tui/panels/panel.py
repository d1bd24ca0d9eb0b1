"""What all panels share: a thin border that says what it is and how fresh its data are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.widgets import Static

from zava_tui import format as fmt

if TYPE_CHECKING:
    from typing import Self

    from textual import events
    from textual.app import ComposeResult

    from zava_tui.answers import ToolError
    from zava_tui.link_states import LinkState

STALE_AFTER = 3
"""Refresh periods without an answer after which data count as stale."""
CORNERS = 6
"""Cells of the top border that the title cannot have: corners, a line and a space each side."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh a panel's data are.

    Times are on the screen's clock: `updated_at` is None before the first answer, `lost_at` while
    connected; `recovering` while a new connection is being made. `period` is the refresh period in
    seconds, None for what is asked for on demand.
    """

    updated_at: float | None = None
    period: float | None = None
    connected: bool = False
    lost_at: float | None = None
    recovering: bool = False
    busy_since: float | None = None
    failed: bool = False


def freshness_note(state: Freshness, now: float) -> fmt.Note:
    """Freshness in a symbol and a word."""
    if not state.connected:
        if state.lost_at is None:
            return fmt.Note("◌ connecting", "muted")
        since = fmt.age(now - state.lost_at)
        if state.recovering:
            return fmt.Note(f"◐ recovering {since}", "warning")
        return fmt.Note(f"✖ offline {since}", "bad")
    if state.busy_since is not None:
        seconds = now - state.busy_since
        return fmt.Note("◐ running" + (f" {seconds:.0f} s" if seconds >= 1 else ""), "plain")
    if state.failed:
        return fmt.Note("✖ error", "bad")
    if state.updated_at is None:
        return fmt.Note("◌ waiting", "muted")
    if state.period is None:
        return fmt.Note("● ready", "good")
    passed = now - state.updated_at
    if passed > STALE_AFTER * state.period + 1:
        return fmt.Note(f"○ stale {fmt.age(passed)}", "warning")
    return fmt.Note(f"● live {fmt.age(passed)}", "good")


def relinked(freshness: Freshness, state: LinkState, *, connected: bool, now: float) -> Freshness:
    """The freshness once the link is in this state: made, broken, being made, or given up."""
    from zava_tui.link_states import Failed, Preparing, Starting

    lost = freshness.connected or (freshness.lost_at is None and isinstance(state, Failed))
    return replace(
        freshness,
        connected=connected,
        lost_at=None if connected else now if lost else freshness.lost_at,
        recovering=not connected and isinstance(state, Starting | Preparing),
    )


TONE_STYLES: dict[fmt.Tone, str] = {
    "good": "$success",
    "bad": "$error",
    "warning": "$warning",
    "muted": "$quiet",
    "plain": "$foreground",
}


def styled(note: fmt.Note) -> Content:
    """A note in the colour of what it means."""
    return Content.styled(note.text, TONE_STYLES[note.tone])


class Panel(Vertical):
    """A bordered part of a screen. Subclasses compose the inside and get data by method."""

    TITLE: ClassVar[str] = ""
    SUMMARY: ClassVar[str] = ""
    """What the panel shows and what one can do in it, for the help screen."""
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Its keys and what they do, for the help screen."""
    PERIOD: ClassVar[float | None] = None
    HAS_AGE: ClassVar = True
    """Whether the border says how fresh the data are."""
    FOCUS: ClassVar[tuple[str, ...]] = ()
    """What takes the focus when the panel is gone to: the first of these that is there."""

    _drawing_border = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(id=id)
        self.title = self.TITLE
        self._freshness = Freshness(period=self.PERIOD)
        self._now = 0.0
        self._remarks: tuple[str, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._trouble = Static("", classes="trouble", markup=False)
        self._trouble.display = False

    def compose(self) -> ComposeResult:
        """The place for an error; subclasses yield it where it belongs."""
        yield self._trouble

    def on_mount(self) -> None:
        """Draw the border for the first time."""
        self._draw_border()

    def on_resize(self, _: events.Resize) -> None:
        """Stretch the title over the new width."""
        self._draw_border()

    def on_descendant_focus(self) -> None:
        """The border's line takes the colour of focus."""
        self._draw_border()

    def on_descendant_blur(self) -> None:
        """The border's line loses the colour of focus."""
        self._draw_border()

    @property
    def freshness(self) -> Freshness:
        """How fresh the data are."""
        return self._freshness

    @freshness.setter
    def freshness(self, value: Freshness) -> None:
        self._freshness = value
        old = not value.connected or value.busy_since is not None or value.failed
        self.set_class(old and value.updated_at is not None, "-dimmed")
        self._draw_border()

    def go(self) -> None:
        """Put the focus into the panel."""
        for selector in self.FOCUS:
            for widget in self.query(selector):
                if widget.display:
                    # At once: a focus that comes later may meet a widget that was replaced.
                    self.screen.set_focus(widget)
                    return

    def tick(self, now: float) -> None:
        """Let the age in the border grow; `now` is on the screen's clock."""
        self._now = now
        self._draw_border()

    def redraw_title(self) -> None:
        """The title has changed."""
        self._drawn = ()
        self._draw_border()

    def remark(self, *wordings: str) -> None:
        """A few words about the data, beside their age in the border: the first that fit."""
        self._remarks = tuple(text for text in wordings if text)
        self._draw_border()

    def show_trouble(self, error: ToolError) -> None:
        """Say what went wrong and what to do, until the next success."""
        hint = f"\n  {fmt.visible(error.hint)}" if error.hint else ""
        self._trouble.update(
            Content.assemble((f"✖ {fmt.visible(error.message)}", "$error"), (hint, "$foreground"))
        )
        self._trouble.display = True
        self._remarks = ()
        self.freshness = replace(self.freshness, failed=True)

    def clear_trouble(self) -> None:
        """The last thing went well."""
        self._trouble.display = False
        self.freshness = replace(self.freshness, failed=False)

    def _draw_border(self) -> None:
        """Title left, remark and age right, the border's own line between them.

        Drawn only when it would look different.
        """
        room = self.outer_size.width - CORNERS
        note = freshness_note(self._freshness, self._now)
        drawing = (room, note, self._remarks, self.has_focus_within)
        if room <= 0 or drawing == self._drawn:
            return
        self._drawn = drawing
        line = "$border" if self.has_focus_within else "$rule"
        title = Content.styled(self.title, "bold" if self.has_focus_within else "")
        state = styled(note) if self.HAS_AGE else Content("")
        for words in self._remarks:
            remark = Content.styled(f"{words}{' · ' if state else ''}", "$quiet")
            if title.cell_length + remark.cell_length + state.cell_length + 3 <= room:
                state = remark + state
                break
        fill = room - title.cell_length - state.cell_length - 2
        if fill >= 1 and state:
            rule = ("─" * fill, f"not bold {line}")
            title = Content.assemble(title, " ", rule, " ", state)
        self._drawing_border = True
        self.border_title = title
        self._drawing_border = False

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Repaint what is asked for; of a new title only its line, which halves the cost of ages.

        Ages grow each second, and a title would otherwise repaint all of the panel.
        """
        if self._drawing_border:
            corner = self.content_offset
            regions = (Region(-corner.x, -corner.y, self.outer_size.width, 1),)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
