"""The products that sold best."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from zava_tui.store_answers import Seller

COLUMNS = (
    RowColumn("product", None),
    RowColumn("units", 7, "right"),
    RowColumn("revenue", 11, "right"),
    RowColumn("change", 11, "right", "$quiet", needs=56),
)


class SellersPanel(Panel):
    """Products by revenue."""

    TITLE = "Best sellers"
    SUMMARY = (
        "The products with most revenue in the chosen period, and how that compares with the "
        "period before."
    )
    KEYS: ClassVar = (("↑ ↓", "move through the products"),)
    PERIOD = 30.0
    FOCUS = ("OptionList",)

    def compose(self) -> ComposeResult:
        """The table under a possible error."""
        yield from super().compose()
        yield RowList(COLUMNS)

    def show(self, sellers: Sequence[Seller]) -> None:
        """Show another ranking."""
        self.clear_trouble()
        self.query_one(RowList).show(
            (
                fmt.visible(seller.name),
                fmt.count(seller.units),
                fmt.money_headline(seller.revenue),
                fmt.change(seller.revenue, seller.revenue_before).text
                if seller.revenue_before > 0
                else "new",
            )
            for seller in sellers
        )
