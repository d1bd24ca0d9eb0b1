"""A product as a card: what it is, earns, where it lies, how it sells, and what is like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList
from zava_tui.panels.search import BAR_WIDTH, hit_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from zava_tui.answers import Hit
    from zava_tui.product import Product, ProductFigures, StoreStock

LABEL_WIDTH = 8
WIDEST_BAR = 16
LEVEL_WIDTH, NOTE_WIDTH = 6, 18
NOT_SHOWN = "Stock and sales are not shown to you."
COLUMNS = (
    RowColumn("like", BAR_WIDTH, style="$accent", needs=60),
    RowColumn("", 3, "right", needs=52),
    RowColumn("similar products", None),
    RowColumn("price", 9, "right"),
    RowColumn("stock", 6, "right", lambda text: "$warning" if "!" in text else ""),
)


class ProductCard(Panel):
    """The product with the cursor."""

    TITLE = "Product"
    SUMMARY = (
        "The product with the cursor: price and margin, the stock of each of your stores against "
        "where it is ordered again, units sold in each of twelve months, and what could stand in "
        "for it. The margin is shown to managers."
    )
    KEYS: ClassVar = (
        ("enter", "show the similar product with the cursor"),
        ("backspace", "the product before"),
        ("escape", "back to the hits"),
    )
    HAS_AGE = False
    FOCUS = ("#similar OptionList", "#card-text")

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._product: Product | None = None
        self._complete = False
        self._similar: tuple[Hit, ...] = ()

    def compose(self) -> ComposeResult:
        """The text, to be scrolled where it is long, above what is similar."""
        yield from super().compose()
        with VerticalScroll(id="card-text"):
            yield Static("", markup=False)
        yield RowList(COLUMNS, id="similar")

    def on_mount(self) -> None:
        """Nothing is known yet."""
        super().on_mount()
        self.show(None)

    def on_resize(self, _: object) -> None:
        """Draw the bars for the new width."""
        self._draw_border()
        self._draw()

    @property
    def product(self) -> Product | None:
        """What is shown."""
        return self._product

    def show(self, product: Product | None, *, complete: bool = False) -> None:
        """Show a product, `complete` when no more of it is to come; None empties the card."""
        if product is None or self._product is None or product.sku != self._product.sku:
            self.show_similar(())
            self.clear_trouble()
            self.query_one("#card-text").scroll_home(animate=False)
        self._product, self._complete = product, complete
        self.title = self.TITLE if product is None else fmt.visible(product.name)
        self.redraw_title()
        self._draw()

    def show_similar(self, hits: tuple[Hit, ...]) -> None:
        """Show what could stand in for it."""
        self._similar = hits
        rows = self.query_one("#similar", RowList)
        rows.display = bool(hits)
        rows.show((hit_row(hit)[:3] + hit_row(hit)[4:] for hit in hits), place=0)

    @property
    def similar(self) -> Hit | None:
        """The similar product with the cursor."""
        place = self.query_one("#similar", RowList).place
        return None if place is None or not self._similar else self._similar[place]

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        area = self.query_one("#card-text")
        width = area.size.width - 1
        lines = (
            [Content.styled("Each product you come to is shown here in full.", "$quiet")]
            if self._product is None
            else list(card_lines(self._product, width, complete=self._complete))
        )
        area.query_one(Static).update(Content("\n").join(lines))


def card_lines(product: Product, width: int, *, complete: bool) -> Iterator[Content]:
    """The card's text in lines of `width` cells; `complete` when nothing is to come any more."""
    kind = product.product_type or product.category
    place = f"{product.category} › {kind}" if kind != product.category else kind
    yield Content.assemble((fmt.visible(product.sku), "$quiet"), "  ", (fmt.visible(place), ""))
    if product.description:
        yield Content("\n" + fmt.visible(product.description))
    yield Content("")
    yield _price(product)
    if product.figures is not None:
        yield from _stock(product.figures.stock, width)
        yield from _sales(product.figures, width)
    elif complete:
        yield Content.styled(NOT_SHOWN, "$quiet")
    else:
        yield Content.styled("◌ stock and sales …", "$quiet")


def _label(text: str) -> Content:
    return Content.styled(text.ljust(LABEL_WIDTH), "$quiet")


def _price(product: Product) -> Content:
    price = Content.assemble(_label("price"), (fmt.money(product.price), "bold"))
    margin, cost = product.margin, product.figures.cost if product.figures else None
    if margin is None or cost is None:
        return price
    return Content.assemble(
        price,
        ("   margin ", "$quiet"),
        (f"{margin:.0%}".replace("-", fmt.MINUS), "$error" if margin < 0 else ""),
        (f", {fmt.money(product.price - cost)} each", "$quiet"),
    )


def _stock(stock: tuple[StoreStock, ...], width: int) -> Iterator[Content]:
    if not stock:
        yield Content.assemble(_label("stock"), ("none of your stores carries it", "$quiet"))
        return
    everywhere = sum(at.level for at in stock)
    stores = f" in {len(stock)} stores" if len(stock) > 1 else ""
    yield Content.assemble(_label("stock"), fmt.count(everywhere), (stores, "$quiet"))
    most = max(1, *(max(at.level, at.reorder_at) for at in stock))
    names = min(12, max(cell_len(fmt.visible(at.store)) for at in stock))
    bar = max(4, min(WIDEST_BAR, width - names - LEVEL_WIDTH - NOTE_WIDTH - 4))
    for at in stock:
        low = at.level <= at.reorder_at
        note = f"  ! reorder at {at.reorder_at}" if low else ""
        if at.level <= 0:
            note = "  ! out of stock"
        yield Content.assemble(
            ("  " + fmt.fit(fmt.visible(at.store), names) + "  ", "$quiet"),
            (fmt.bar(at.level / most, bar), "$warning" if low else "$accent"),
            f"{fmt.count(at.level):>{LEVEL_WIDTH}}",
            (note, "$warning"),
        )


def _sales(figures: ProductFigures, width: int) -> Iterator[Content]:
    sold, revenue = sum(figures.units), sum(figures.revenue)
    yield Content.assemble(
        _label("sales"),
        f"{fmt.count(sold)} units",
        (f", {fmt.money_headline(revenue)} in 12 months", "$quiet"),
    )
    # A month is as wide as there is room for, up to three cells.
    wide = max(1, min(3, (width - LABEL_WIDTH) // len(figures.units)))
    course = fmt.sparkline(figures.units, len(figures.units), floor=0)
    yield Content.assemble(
        _label(""), ("".join(tick * wide for tick in course), "$accent"), ("  now", "$quiet")
    )
