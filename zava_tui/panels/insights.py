"""What changed and what wants doing, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from zava_tui.store_answers import Insight

NOTHING = "Nothing beyond the usual ups and downs."
TO_DO = {"stock_out": "!", "reorder": "!", "slow_movers": "!"}


class InsightsPanel(Panel):
    """One paragraph a finding."""

    TITLE = "What changed"
    SUMMARY = (
        "What differs from its usual variation beyond chance, what drives it, and what is out of "
        "stock, to be ordered again or lying about. Each sentence has its numbers in it."
    )
    KEYS: ClassVar = (("↑ ↓", "read on"),)
    PERIOD = 30.0
    FOCUS = ("#insights-text",)

    def compose(self) -> ComposeResult:
        """The sentences under a possible error."""
        yield from super().compose()
        with VerticalScroll(id="insights-text"):
            yield Static("", markup=False)

    def show(self, insights: Sequence[Insight]) -> None:
        """Show new findings."""
        self.clear_trouble()
        told = Content("\n").join(map(_told, insights))
        self.query_one("#insights-text Static", Static).update(
            told if insights else Content.styled(NOTHING, "$quiet")
        )
        self.remark(f"{len(insights)} found" if insights else "")


def _told(insight: Insight) -> Content:
    if insight.kind in TO_DO:
        mark = fmt.Note(TO_DO[insight.kind], "warning")
    elif insight.value >= insight.baseline:
        mark = fmt.Note("▲", "good")
    else:
        mark = fmt.Note("▼", "bad")
    return Content.assemble(styled(mark), f" {fmt.visible(insight.sentence)}")
