"""What is out of stock, what to order again, what lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from zava_tui.store_answers import StockAlert

ALL_WELL = "Nothing is out of stock, runs out or lies."
KINDS = {"out_of_stock": "✖ out", "reorder": "! order", "slow_mover": "○ slow"}
COLUMNS = (
    RowColumn("", 8),
    RowColumn("product", None),
    RowColumn("stock", 6, "right"),
    RowColumn("lasts", 7, "right", "$quiet", needs=50),
    RowColumn("order", 6, "right", needs=44),
    RowColumn("store", 12, style="$quiet", needs=72),
)


class StockPanel(Panel):
    """Stock alerts, most urgent first."""

    TITLE = "Stock alerts"
    SUMMARY = (
        "What is out of stock, what runs out, and what is enough for over half a year, by sales "
        "since the first day of last month: how many days the stock lasts, and how much to order "
        "for 30 days above the reorder point."
    )
    KEYS: ClassVar = (("↑ ↓", "move through the alerts"),)
    PERIOD = 30.0
    FOCUS = ("OptionList",)

    def compose(self) -> ComposeResult:
        """The table under a possible error."""
        yield from super().compose()
        yield RowList(COLUMNS)
        yield Static(ALL_WELL, classes="message", markup=False)

    def on_mount(self) -> None:
        """Nothing is known yet."""
        self.query_one(".message").display = False

    def show(self, alerts: Sequence[StockAlert]) -> None:
        """Show new alerts."""
        self.clear_trouble()
        self.query_one(RowList).display = bool(alerts)
        self.query_one(".message").display = not alerts
        self.query_one(RowList).show(
            (
                KINDS.get(alert.kind, alert.kind),
                fmt.visible(alert.name),
                fmt.count(alert.stock),
                "" if alert.days_of_cover is None else f"{alert.days_of_cover:,.0f} d",
                "" if alert.suggested_order is None else fmt.count(alert.suggested_order),
                fmt.visible(alert.store),
            )
            for alert in alerts
        )
        urgent = sum(1 for alert in alerts if alert.kind != "slow_mover")
        self.remark(f"! {urgent} to order" if urgent else "")
