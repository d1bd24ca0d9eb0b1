"""The course of revenue over a period, before that of the period it is compared with."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.chart import line_chart
from zava_tui.panels.panel import Panel, styled

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from zava_tui.store_answers import Performance, Trend

NOTHING_SOLD = "Nothing was sold in this period. p shows another one."
LABEL_WIDTH = 9
SHORTEST = 2
"""Lines that a chart has at least."""
LEGEND = {"before": "the period before", "last_year": "a year before"}


class TrendPanel(Panel):
    """Revenue as a line, a headline above it, the dates below."""

    TITLE = "Revenue"
    SUMMARY = (
        "The course of revenue over the chosen period, and dotted behind it that of the period "
        "before, or of a year before where the period is a year. The last point is under way."
    )
    KEYS: ClassVar = (("p", "the next period: 7, 30 or 90 days, 12 months"),)
    PERIOD = 30.0
    FOCUS = ("#trend-text",)

    def compose(self) -> ComposeResult:
        """The chart under a possible error."""
        yield from super().compose()
        yield TrendText("", markup=False, id="trend-text")

    def show(
        self, title: str, performance: Performance, trend: Trend, behind: Trend, *, of_year: bool
    ) -> None:
        """Show another course."""
        self.clear_trouble()
        self.title = title
        self.query_one(TrendText).show(performance, trend, behind, of_year=of_year)
        self.redraw_title()


class TrendText(Static, can_focus=True):
    """The chart, drawn anew for every size."""

    def on_mount(self) -> None:
        """Nothing is known yet."""
        self._shown: tuple[Performance, Trend, Trend, bool] | None = None

    def show(self, performance: Performance, trend: Trend, behind: Trend, *, of_year: bool) -> None:
        """Draw another course."""
        self._shown = (performance, trend, behind, of_year)
        self.refresh()

    def render(self) -> Content:
        """The lines for the present size."""
        if self._shown is None:
            return Content("")
        return Content("\n").join(trend_lines(*self._shown, *self.size))


def trend_lines(
    performance: Performance, trend: Trend, behind: Trend, of_year: bool, width: int, height: int
) -> list[Content]:
    """Headline, chart and dates in `height` lines of `width` cells."""
    values = [point.revenue for point in trend.points]
    others = [point.revenue for point in behind.points][: len(values)]
    if performance.revenue is None or len(values) < 2:
        return [Content.styled(NOTHING_SOLD, "$quiet")]
    before = performance.revenue_last_year if of_year else performance.revenue_before
    headline = Content.assemble(
        (fmt.money_headline(performance.revenue), "bold"),
        "  ",
        styled(fmt.change(performance.revenue, before)),
        (f"   ── this period  ·· {LEGEND['last_year' if of_year else 'before']}", "$quiet"),
    )
    room = width - LABEL_WIDTH - 1
    lines = height - 2
    if room < LABEL_WIDTH or lines < SHORTEST:
        return [headline]
    ceiling = max([*values, *others, 1.0])
    drawn = line_chart(values, others, room, lines, ceiling=ceiling)
    labels = [fmt.money_headline(ceiling), *[""] * (lines - 2), "$0"]
    chart = [
        Content.assemble((fmt.fit(label, LABEL_WIDTH, "right"), "$quiet"), " ", line)
        for label, line in zip(labels, drawn, strict=True)
    ]
    return [headline, *chart, _dates(trend, room)]


def _dates(trend: Trend, room: int) -> Content:
    """The first day on the left, the last on the right."""
    first, last = (_day(trend.points[end].start, trend.step) for end in (0, -1))
    gap = max(1, room - len(first) - len(last))
    return Content.styled(f"{'':{LABEL_WIDTH + 1}}{first}{'':{gap}}{last}", "$quiet")


def _day(text: str, step: str) -> str:
    day = date.fromisoformat(text[:10])
    return f"{day:%b %Y}" if step == "month" else f"{day.day} {day:%b}"
