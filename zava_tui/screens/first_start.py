"""The first start: what is being made, how far it is, and how long it will still take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from zava_tui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from zava_tui.answers import SetupProgress

EXPLANATIONS = {
    "database": "a private PostgreSQL of your own",
    "schema": "tables, and who may see which rows",
    "demo data": "stores, products, customers, five years of orders",
    "search index": "every product by the meaning of its description",
}
BAR_WIDTH = 40
ESTIMATE_FROM = 0.15
"""Share done from which on the rest can be estimated."""


class FirstStartScreen(ModalScreen[None]):
    """A card that fills while the database is being made. It needs no keys."""

    CSS_PATH = "../styles/cards.tcss"

    def __init__(self, clock: Callable[[], float], since: float) -> None:
        super().__init__()
        self._clock = clock
        self._since = since
        self._progress: SetupProgress | None = None
        self._begun: dict[str, float] = {}
        self._text = Static("", classes="card", markup=False)
        self._text.border_title = "First start"

    def compose(self) -> ComposeResult:
        """The card."""
        yield self._text

    def on_mount(self) -> None:
        """Let the times grow."""
        self.set_interval(0.5, self._draw)

    def show(self, progress: SetupProgress) -> None:
        """Show how far it is."""
        self._progress = progress
        if progress.step not in self._begun:
            self._begun[progress.step] = self._clock() if self._begun else self._since
        self._draw()

    def _draw(self) -> None:
        if self._progress is not None:
            self._text.update(setup_card(self._progress, self._begun, self._since, self._clock()))


def setup_card(
    progress: SetupProgress, begun: dict[str, float], since: float, now: float
) -> Content:
    """The card's text; `begun` says on the clock when each step seen so far began."""
    lines = [
        Content.styled("Zava is making its database on this machine. This happens once.", "$quiet"),
        Content(""),
    ]
    steps = list(EXPLANATIONS)
    present = steps.index(progress.step) if progress.step in EXPLANATIONS else 0
    for index, step in enumerate(steps):
        if index < present:
            ended = min(
                (begun[later] for later in steps[index + 1 :] if later in begun), default=now
            )
            took = fmt.milliseconds(1000 * (ended - begun[step])) if step in begun else ""
            lines.append(Content.assemble(("✔ ", "$success"), step.ljust(14), (took, "$quiet")))
        elif index == present:
            detail = fmt.visible(progress.detail) or EXPLANATIONS[step]
            lines.append(Content.assemble(("◐ ", "$accent"), (step.ljust(14), "bold"), detail))
        else:
            text = f"○ {step.ljust(14)}{EXPLANATIONS[step]}"
            lines.append(Content.styled(text, "$quiet"))
    rest = ""
    if progress.overall >= ESTIMATE_FROM:
        rest = fmt.time_left((now - since) * (1 - progress.overall) / progress.overall)
    return Content("\n").join(
        [
            *lines,
            Content(""),
            Content.assemble(
                (fmt.gauge(progress.overall, BAR_WIDTH), "$accent"), f"  {progress.overall:.0%}"
            ),
            Content.styled(rest, "$quiet"),
        ]
    )
