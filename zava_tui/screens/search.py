"""Search: products by what they are for, each with its card, and what is like it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Input, OptionList

from zava_tui import sql
from zava_tui.answers import DISCONNECTED, UNAUTHORISED, Filter, ToolError
from zava_tui.messages import SearchRequested
from zava_tui.panels.finder import UNFILTERED, FinderPanel
from zava_tui.panels.product_card import ProductCard
from zava_tui.product import ProductFigures, described, figures_from, of_hit
from zava_tui.screens.asking import AskingScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from zava_tui.answers import Hit
    from zava_tui.client import Client

NARROW, WIDE = 100, 160
LOW = 30
HITS = 50
REST_SECONDS = 0.12
"""The cursor must rest on a hit this long before its card is asked for."""


class SearchScreen(AskingScreen):
    """Field, filters and hits on the left, the product's card on the right."""

    MODE = "search"
    KEYS: ClassVar = (
        ("/", "to the field"),
        ("c p i", "narrow to a category, a price range, what is in stock"),
        ("x", "without filters"),
        ("escape", "one step back: leave the field, the card"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "field", "search", key_display="/", tooltip="To the field"),
        Binding("enter", "card", "card", tooltip="To the product's card"),
        Binding("c", "choose_category", "category", tooltip="Only one category"),
        Binding("p", "price", "price", tooltip="Only a price range"),
        Binding("i", "toggle_stock", "in stock", tooltip="Only what is in stock, or all"),
        Binding("x", "clear_filters", "no filters", tooltip="Search everything"),
        Binding("backspace", "product_before", "before", tooltip="The product before"),
        Binding("escape", "step_back", "back", tooltip="One step back"),
    ]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._rest: Timer | None = None
        self._way: list[Hit] = []
        """The hit whose card is shown, after those one came from by what is similar."""
        self._categories: list[str] = []

    def compose_body(self) -> ComposeResult:
        """Finder and card."""
        with Horizontal(id="finding"):
            yield FinderPanel(id="finder")
            yield ProductCard(id="product")

    def on_mount(self) -> None:
        """Ready to type."""
        super().on_mount()
        self.finder.go()

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        self.set_class(event.size.width < NARROW, "-narrow")
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height < LOW, "-low")

    @property
    def finder(self) -> FinderPanel:
        """Field, filters, hits."""
        return self.query_one(FinderPanel)

    @property
    def card(self) -> ProductCard:
        """The product."""
        return self.query_one(ProductCard)

    # From the server.

    def ask(self, client: Client) -> None:
        """Ask again what is in the field."""
        if self.finder.description:
            self.finder.ask()

    @on(SearchRequested)
    def search_requested(self, message: SearchRequested) -> None:
        """A newer question ends the one before."""
        if self.client is not None:
            self.start("search", self._search(self.client, message.description))

    async def _search(self, client: Client, description: str) -> None:
        finder = self.finder
        finder.freshness = replace(finder.freshness, busy_since=self.clock())
        filters = finder.filters
        try:
            answer = await self.answer_for(finder, client.search(description, HITS, filters))
        finally:
            finder.freshness = replace(finder.freshness, busy_since=None)
        if answer is not None and (description, filters) == (finder.description, finder.filters):
            finder.show(answer)
            self._come_to(finder.hit)

    @on(OptionList.OptionHighlighted, "#hits OptionList")
    def _hit_highlighted(self) -> None:
        self._come_to(self.finder.hit)

    def _come_to(self, hit: Hit | None) -> None:
        if self._rest is not None:
            self._rest.stop()
        if hit is not None and hit.sku not in [shown.sku for shown in self._way[:1]]:
            # The card's, not the screen's: it ends with what it fills.
            self._rest = self.card.set_timer(REST_SECONDS, lambda: self._show_product([hit]))

    def _show_product(self, way: list[Hit]) -> None:
        if self.client is None or not way:
            return
        self._way = way
        self.card.show(of_hit(way[-1]))
        self.refresh_bindings()
        self.start("product", self._product(self.client, way[-1]))

    async def _product(self, client: Client, hit: Hit) -> None:
        """Three questions at once; the card fills as the answers come."""
        card = self.card
        try:
            page, figures, similar = await asyncio.gather(
                client.browse("products", [Filter("sku", "=", hit.sku)]),
                _figures(client, hit.sku),
                client.similar(hit.sku),
            )
        except ToolError as error:
            self._way = []
            if error.code != DISCONNECTED:
                card.show_trouble(error)
            return
        card.clear_trouble()
        card.show(replace(described(page) or of_hit(hit), figures=figures), complete=True)
        card.show_similar(similar.hits)
        card.freshness = replace(card.freshness, updated_at=self.clock())

    # Keys and commands.

    def action_field(self) -> None:
        """To the field."""
        self.remove_class("-card")
        self.query_one("#search-field").focus()

    def action_focus_hits(self) -> None:
        """From a field to the hits."""
        self.finder.go_to_hits()

    @on(OptionList.OptionSelected, "#hits OptionList")
    def action_card(self) -> None:
        """From a hit to its card."""
        if self.finder.hit is not None:
            self.add_class("-card")
            self.call_after_refresh(self.card.go)
            self.refresh_bindings()

    @on(OptionList.OptionSelected, "#similar OptionList")
    def _similar_chosen(self) -> None:
        hit = self.card.similar
        if hit is not None:
            self._show_product([*self._way, hit])

    def action_product_before(self) -> None:
        """From a similar product to the one it is like."""
        self._show_product(self._way[:-1])

    def action_choose_category(self) -> None:
        """Ask for a category."""
        self.run_worker(self._choose_category(), group="category", exclusive=True)

    async def _choose_category(self) -> None:
        from zava_tui.screens.category_picker import CategoryPicker

        if not self._categories and self.client is not None:
            answer = await self.answer_for(self.finder, self.client.query(sql.CATEGORIES))
            self._categories = [] if answer is None else [row[0] for row in answer.rows]
        filters = self.finder.filters
        if self._categories:
            picker = CategoryPicker(self._categories, filters.category)
            chosen = await self.app.push_screen_wait(picker)
            if chosen is not None:
                self.finder.narrow(replace(filters, category=chosen or None))
                self.refresh_bindings()

    def action_price(self) -> None:
        """Let a price range be typed."""
        self.remove_class("-card")
        self.finder.edit_price()

    def action_toggle_stock(self) -> None:
        """Only what is in stock, or all again."""
        filters = self.finder.filters
        self.finder.narrow(replace(filters, in_stock=not filters.in_stock))
        self.refresh_bindings()

    def action_clear_filters(self) -> None:
        """Search everything."""
        self.finder.narrow(UNFILTERED)
        self.refresh_bindings()

    def action_step_back(self) -> None:
        """From the card or a field to the hits."""
        if isinstance(self.focused, Input) and self.focused.id == "price-field":
            self.finder.close_price()
        elif isinstance(self.focused, Input):
            self.set_focus(None)
            self.finder.query("#hits OptionList").focus()
        else:
            self.remove_class("-card")
            self.finder.go_to_hits()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        if not self.is_mounted:
            return True
        match action:
            case "clear_filters":
                return self.finder.filters != UNFILTERED
            case "product_before":
                return len(self._way) > 1
            case "field":
                return not isinstance(self.focused, Input)
            case "step_back":
                return isinstance(self.focused, Input) or self.card.has_focus_within
        return True

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        yield SystemCommand("Search products", "Describe what is wanted", self.action_field)
        yield SystemCommand(
            "Category", "Narrow the search to a category", self.action_choose_category
        )
        yield SystemCommand("Price range", "Narrow the search to prices", self.action_price)
        yield SystemCommand(
            "In stock", "Show only what your stores have, or all", self.action_toggle_stock
        )
        yield SystemCommand("No filters", "Search everything again", self.action_clear_filters)
        yield SystemCommand("Product card", "Go to the product with the cursor", self.action_card)


async def _figures(client: Client, sku: str) -> ProductFigures | None:
    """Stock and sales; None for those who may not see them."""
    try:
        return figures_from(await client.query(sql.product_figures(sku)))
    except ToolError as error:
        if error.code == UNAUTHORISED:
            return None
        raise


SCREEN = SearchScreen
"""What the app makes for this mode."""
