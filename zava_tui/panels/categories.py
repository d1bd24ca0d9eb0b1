"""What revenue is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from zava_tui.store_answers import Share

BAR_WIDTH = 10
COLUMNS = (
    RowColumn("category", None),
    RowColumn("revenue", 12, "right"),
    RowColumn("share", 7, "right", "$quiet", needs=38),
    RowColumn("", BAR_WIDTH, style="$accent", needs=48),
)


class CategoriesPanel(Panel):
    """Categories by revenue."""

    TITLE = "Categories"
    SUMMARY = "Revenue of the chosen period by category, and its share of all."
    KEYS: ClassVar = (("↑ ↓", "move through the categories"),)
    PERIOD = 30.0
    FOCUS = ("OptionList",)

    def compose(self) -> ComposeResult:
        """The table under a possible error."""
        yield from super().compose()
        yield RowList(COLUMNS)

    def show(self, categories: Sequence[Share]) -> None:
        """Show new shares."""
        self.clear_trouble()
        largest = max((category.share for category in categories), default=0.0) or 1.0
        self.query_one(RowList).show(
            (
                fmt.visible(category.name),
                fmt.money_headline(category.revenue),
                f"{category.share:.1%}",
                fmt.bar(category.share / largest, BAR_WIDTH),
            )
            for category in categories
        )
