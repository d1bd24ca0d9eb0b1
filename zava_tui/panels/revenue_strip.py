"""The strip on top: revenue now, this week, this month, and today's orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.layout import CARDS
from zava_tui.panels.panel import styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from zava_tui.figures import RevenueFigures

PERIOD = 5.0
"""Seconds between two refreshes."""
NO_FIGURE = "–"
COMPARED_WITH = {
    "week": ("on the 7 before", "prior 7 d"),
    "month": ("on the 30 before", "prior 30 d"),
}
LAST_WEEK = ("on last week", "last week")


class FigureCard(Static):
    """One figure: its value, how it changed, and its course."""

    def __init__(self, title: str, compared_with: Sequence[str], *, id: str) -> None:  # noqa: A002
        """`compared_with` in words, and in fewer."""
        super().__init__("", markup=False, id=id)
        self.border_title = title
        self._title = title
        self._compared_with = compared_with
        self._value = ""
        self._change: fmt.Note | None = None
        self._course: Sequence[float] = ()

    def show(self, value: str, change: fmt.Note, course: Sequence[float] = ()) -> None:
        """Show a new figure."""
        self._value, self._change, self._course = value, change, course
        self.refresh()

    def render(self) -> Content:
        """Value, change and course, as far as there are lines for them."""
        if self._change is None:
            return Content.styled("…", "$quiet")
        value = Content.styled(self._value, "bold")
        change = styled(self._change)
        if self.has_class("-line"):
            return Content.assemble((f"{self._title} ", "$quiet"), value, "  ", change)
        for words in self._compared_with:
            compared = Content.styled(f" {words}", "$quiet")
            if change.cell_length + compared.cell_length <= self.size.width:
                change += compared
                break
        course = Content.styled(fmt.sparkline(self._course, self.size.width), "$accent 70%")
        return Content("\n").join([value, change, course])


class RevenueStrip(Horizontal):
    """Five figures; the narrower the screen, the fewer are shown."""

    def compose(self) -> ComposeResult:
        """The cards, the most wanted first."""
        for name, title in CARDS.items():
            yield FigureCard(title, COMPARED_WITH.get(name, LAST_WEEK), id=name)

    def show(self, figures: RevenueFigures) -> None:
        """Show new figures."""
        self.set_class(False, "-dimmed")
        for name in ("today", "week", "month"):
            figure = getattr(figures, name)
            self._card(name).show(
                fmt.money_headline(figure.current),
                fmt.change(figure.current, figure.previous),
                figure.course,
            )
        orders = figures.orders
        self._card("orders").show(
            fmt.count(orders.current),
            fmt.change_in_count(int(orders.current), int(orders.previous)),
        )
        basket, before = figures.basket
        self._card("basket").show(
            NO_FIGURE if basket is None else fmt.money_headline(basket),
            fmt.change(basket, before),
        )

    def dim(self) -> None:
        """The figures are no longer being refreshed."""
        self.set_class(True, "-dimmed")

    def _card(self, name: str) -> FigureCard:
        return self.query_one(f"#{name}", FigureCard)
