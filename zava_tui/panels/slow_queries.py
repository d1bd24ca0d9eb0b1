"""The slow-query statistics: which statements took the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from zava_tui.answers import SlowQueries

NONE_YET = "No statement has been run yet. F5 runs the one in the editor."
COLUMNS = (
    RowColumn("calls", 6, "right"),
    RowColumn("mean", 8, "right", needs=80),
    RowColumn("p95", 8, "right"),
    RowColumn("total", 9, "right"),
    RowColumn("slow", 5, "right", "$warning", needs=70),
    RowColumn("errors", 6, "right", "$error", needs=90),
    RowColumn("query", None, style="$quiet"),
)


class SlowQueriesPanel(Panel):
    """Statements by the time they took in all."""

    TITLE = "Slow queries"
    SUMMARY = (
        "Your statements since the server started, by the time they took in all. "
        "p95: 95 of 100 calls were faster."
    )
    KEYS: ClassVar = (("↑ ↓", "move through the statements"),)
    PERIOD = 2.0
    FOCUS = ("OptionList",)

    def compose(self) -> ComposeResult:
        """The table under a possible error."""
        yield from super().compose()
        yield RowList(COLUMNS, id="slow-rows")
        yield Static(NONE_YET, classes="message", markup=False)

    def on_mount(self) -> None:
        """Nothing is known yet."""
        self.query_one(".message").display = False

    def show(self, answer: SlowQueries) -> None:
        """Show new statistics."""
        self.clear_trouble()
        self.query_one(RowList).display = bool(answer.queries)
        self.query_one(".message").display = not answer.queries
        self.query_one(RowList).show(
            (
                fmt.count(query.calls),
                fmt.milliseconds(query.mean_ms),
                fmt.milliseconds(query.p95_ms),
                fmt.milliseconds(query.total_ms),
                f"! {query.slow_calls}" if query.slow_calls else "",
                fmt.count(query.errors) if query.errors else "",
                fmt.visible(" ".join(query.query.split())),
            )
            for query in answer.queries
        )
        slow = sum(1 for query in answer.queries if query.slow_calls)
        limit = fmt.milliseconds(answer.threshold_ms)
        self.remark(f"! {slow} over {limit}" if slow else f"none over {limit}")
