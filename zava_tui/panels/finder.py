"""The finder of the screen Search: a field, filters, and the products that come nearest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from zava_tui import format as fmt
from zava_tui.answers import SearchFilters, ToolError
from zava_tui.panels.rows import Across, Row, RowColumn, RowList
from zava_tui.panels.search import BAR_WIDTH, SearchField, SearchPanel, hit_row
from zava_tui.price_range import BadPrice, price_range, range_text
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.answers import Hit, SearchHits

NEAREST = "no exact match; nearest:"
UNFILTERED = SearchFilters()


class PriceField(Input):
    """A price range."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.focus_hits", "to the hits", show=False),
    ]


class FilterLine(Static):
    """What the search is narrowed to; each part can be clicked."""

    def __init__(self) -> None:
        super().__init__("", markup=False, id="filter-line")
        self._filters = UNFILTERED

    def show(self, filters: SearchFilters) -> None:
        """Name the present filters."""
        self._filters = filters
        self.refresh(layout=True)

    def render(self) -> Content:
        """The filters, those that narrow anything in the colour of the accent."""
        filters = self._filters
        parts = [
            ("category", filters.category or "any", "choose_category"),
            ("stock", "in stock" if filters.in_stock else "any", "toggle_stock"),
            ("price", range_text(filters.min_price, filters.max_price), "price"),
        ]
        return Content("   ").join(
            Content.from_markup(
                f"[@click=screen.{action}][$quiet]$name[/] $value[/]",
                name=name,
                value=fmt.visible(value),
            ).stylize_before("$foreground" if value == "any" else "bold $accent")
            for name, value, action in parts
        )


class FinderPanel(SearchPanel):
    """Products by what they are for, narrowed by category, stock and price."""

    DEFAULT_CSS = stylesheet("finder")
    SCOPED_CSS = False
    TITLE = "Search"
    SUMMARY = (
        "Describe what a customer needs in plain words; products appear as you type, best match "
        "first, with their price and the stock of your stores. What may not be meant stands under "
        "a line. A SKU or a name works too."
    )
    KEYS: ClassVar = (
        ("/", "go to the field"),
        ("↓ enter", "from the field to the hits, from a hit to its card"),
        ("c", "only one category"),
        ("p", "only a price range: 10-50, >10, <50"),
        ("i", "only what is in stock, or all again"),
        ("x", "without filters"),
        ("j k g G", "move through the hits"),
    )
    FOCUS = ("#search-field",)
    START = ""
    COLUMNS = (
        RowColumn("match", BAR_WIDTH, style="$accent"),
        RowColumn("", 3, "right"),
        RowColumn("product", None),
        RowColumn("category", 18, style="$quiet", needs=84),
        RowColumn("price", 9, "right"),
        RowColumn("stock", 6, "right", lambda text: "$warning" if "!" in text else ""),
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.filters = UNFILTERED
        self._entries: list[Hit | None] = []

    def compose(self) -> ComposeResult:
        """Field, filters, a possible error, a possible notice, hits."""
        field, error, hits, notice = super().compose()
        yield field
        with Horizontal(id="filters"):
            yield FilterLine()
            yield PriceField(placeholder="10-50, >10, <50", id="price-field", compact=True)
        yield from (error, notice, hits)

    def on_mount(self) -> None:
        """Say what the field is for."""
        super().on_mount()
        self.query_one(PriceField).display = False
        self.ask()

    @property
    def hit(self) -> Hit | None:
        """The hit with the cursor."""
        place = self.query_one("#hits", RowList).place
        if place is None or place >= len(self._entries):
            return None
        return self._entries[place]

    def narrow(self, filters: SearchFilters) -> None:
        """Search anew with other filters."""
        self.filters = filters
        self.query_one(FilterLine).show(filters)
        self.ask()

    def edit_price(self) -> None:
        """Let a price range be typed."""
        field = self.query_one(PriceField)
        field.display = True
        field.focus()

    @on(Input.Submitted, "#price-field")
    def take_price(self, event: Input.Submitted) -> None:
        """Narrow to the range, or say what is wrong with it."""
        try:
            low, high = price_range(event.value)
        except BadPrice as error:
            self.show_trouble(ToolError("VALIDATION_ERROR", str(error)))
            return
        self.clear_trouble()
        self.close_price()
        self.narrow(replace(self.filters, min_price=low, max_price=high))

    def close_price(self) -> None:
        """Back from the price to the hits, or to the field where there are none."""
        field = self.query_one(PriceField)
        field.display = False
        self.screen.set_focus(None)
        self.go_to_hits()

    def go_to_hits(self) -> None:
        """Put the focus on the hits, or on the field where there are none."""
        rows = self.query_one("#hits", RowList)
        (rows.cursor if rows.display else self.query_one(SearchField)).focus()

    def show(self, answer: SearchHits) -> None:
        """Show new hits, the cursor on the best."""
        super().show(answer)
        self.query_one("#hits", RowList).cursor.scroll_home(animate=False)

    @property
    def nothing(self) -> str:
        """What to say when there are no hits."""
        if self.filters == UNFILTERED:
            return super().nothing
        return "Nothing that passes the filters comes near. x searches without them."

    def rows_of(self, hits: Sequence[Hit]) -> list[Row]:
        """The good ones, and under a line those that may not be meant."""
        good = [hit for hit in hits if not hit.weak]
        weak = [hit for hit in hits if hit.weak]
        self._entries = [*good, *([None] if weak else []), *weak]
        return [Across(NEAREST) if hit is None else hit_row(hit) for hit in self._entries]
