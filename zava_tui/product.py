"""All there is to say about one product, put together from the server's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_tui.answers import Hit, Page, ResultTable

MONTHS = 12


@dataclass(frozen=True, slots=True)
class StoreStock:
    """What a store has of a product, and how few make it order again."""

    store: str
    level: int
    reorder_at: int


@dataclass(frozen=True, slots=True)
class ProductFigures:
    """What the caller's stores have and sell of a product.

    `cost` in dollars is None for whom it is not shown to. `units` and `revenue` are of the last
    twelve months, the oldest first and the present one so far last.
    """

    cost: float | None
    stock: tuple[StoreStock, ...]
    units: tuple[float, ...]
    revenue: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A product; what has not come yet, or is not for the caller, is None."""

    sku: str
    name: str
    category: str
    price: float
    product_type: str | None = None
    description: str | None = None
    figures: ProductFigures | None = None

    @property
    def margin(self) -> float | None:
        """The part of the price that is not cost; None where the cost is not known."""
        cost = self.figures.cost if self.figures else None
        return None if cost is None or self.price <= 0 else (self.price - cost) / self.price


def of_hit(hit: Hit) -> Product:
    """What a hit alone tells."""
    return Product(hit.sku, hit.name, hit.category, hit.price)


def described(page: Page) -> Product | None:
    """The product of the first row of the table `products`; None where there is none."""
    if not page.rows:
        return None
    row = dict(zip((column.name for column in page.columns), page.rows[0], strict=True))
    return Product(
        sku=row["sku"],
        name=row["name"],
        category=row.get("category") or "",
        price=float(row["base_price"]),
        product_type=row.get("product_type"),
        description=row.get("description"),
    )


def figures_from(answer: ResultTable) -> ProductFigures:
    """Figures from the rows of `zava_tui.sql.product_figures`."""
    cost = None
    stock = []
    units, revenue = [0.0] * MONTHS, [0.0] * MONTHS
    for what, name, ago, amount, other in answer.rows:
        match what:
            case "cost":
                cost = float(amount)
            case "stock":
                stock.append(StoreStock(name, int(amount), int(other)))
            case "month":
                units[MONTHS - 1 - ago], revenue[MONTHS - 1 - ago] = float(amount), float(other)
    return ProductFigures(cost, tuple(stock), tuple(units), tuple(revenue))
