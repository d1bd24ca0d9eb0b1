"""The first start: what is being made, how far it is, and how long it will still take."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.screens.card import Card, CardScreen
from zava_tui.setup_log import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.setup_log import SetupLog

EXPLANATIONS = {
    "database": "a private PostgreSQL of your own",
    "schema": "tables, and who may see which rows",
    "demo data": "stores, products, customers, five years of orders",
}
AFTERWARDS = "The search index follows while you are already at work."
BAR_WIDTH = 40
SHORT_BAR = 24
NAME_WIDTH = 14


class FirstStartScreen(CardScreen[None]):
    """A card that fills while the database is being made, and goes by itself."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape", "app.quit", "quit")]

    def __init__(self, log: SetupLog, clock: Callable[[], float]) -> None:
        super().__init__()
        self._log = log
        self._clock = clock
        self._text = Static("", markup=False)
        self._box = Card("Starting", "q quit")

    def compose(self) -> ComposeResult:
        """The card."""
        with self._box:
            yield self._text

    def on_mount(self) -> None:
        """Show what is known, and let the times grow."""
        self.show()
        self.set_interval(0.5, self.show)

    def show(self) -> None:
        """Show how far it is."""
        self._box.border_title = "First start" if self._log.is_first_start else "Starting"
        self._text.update(setup_card(self._log, self._clock(), brief=self.has_class("-low")))


def setup_card(log: SetupLog, now: float, *, brief: bool) -> Content:
    """The card's text; a brief one says only how far it is."""
    where = f" in {fmt.visible(log.place)}" if log.place else ""
    if log.latest is None or not log.is_first_start:
        doing = fmt.visible(log.latest.detail) if log.latest is not None else ""
        lead = Content.styled(f"Zava is starting its database{where}.", "$quiet")
        return Content("\n").join([lead, Content(""), Content.assemble(("◐ ", "$accent"), doing)])
    lead = Content.styled(f"Zava is making its database{where}. This happens once.", "$quiet")
    steps = list(STEPS)
    present = steps.index(log.latest.step) if log.latest.step in STEPS else len(steps)
    lines = []
    for index, step in enumerate(steps):
        name = step.ljust(NAME_WIDTH)
        if index < present:
            seconds = log.took(step, now)
            took = "" if seconds is None else fmt.milliseconds(1000 * seconds)
            lines.append(Content.assemble(("✔ ", "$success"), name, (took, "$quiet")))
        elif index == present:
            detail = fmt.visible(log.latest.detail) or EXPLANATIONS[step]
            lines.append(Content.assemble(("◐ ", "$accent"), (name, "bold"), detail))
        else:
            lines.append(Content.styled(f"○ {name}{EXPLANATIONS[step]}", "$quiet"))
    bar = Content.assemble(
        (fmt.gauge(log.latest.overall, SHORT_BAR if brief else BAR_WIDTH), "$accent"),
        f"  {log.latest.overall:.0%}",
    )
    left = log.left(now)
    rest = Content.styled("" if left is None else fmt.time_left(left), "$quiet")
    blank, after = Content(""), Content.styled(AFTERWARDS, "$quiet")
    if brief:
        return Content("\n").join([*lines, bar, rest])
    return Content("\n").join([lead, blank, *lines, blank, bar, rest, blank, after])
