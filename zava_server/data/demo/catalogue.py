"""What Zava sells: categories, product types and products, as written in `catalogue/*.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

# In the order of the aisles; the demo data depend on it.
_FILES = (
    "hand_tools",
    "power_tools",
    "paint_and_finishes",
    "hardware",
    "lumber_and_building_materials",
    "electrical",
    "plumbing",
    "garden_and_outdoor",
    "storage_and_organization",
)


@dataclass(frozen=True, slots=True)
class Product:
    """One article; prices in US dollars, `popularity` relative to the other products."""

    sku: str
    name: str
    description: str
    base_price: Decimal
    cost: Decimal
    popularity: float


@dataclass(frozen=True, slots=True)
class ProductType:
    """Products that serve one purpose.

    `season` holds a factor on sales for each month, January first, about 1 on average;
    `goes_with` names the types that people buy together with this one.
    """

    name: str
    season: tuple[float, ...]
    goes_with: tuple[str, ...]
    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """An aisle of the store."""

    name: str
    types: tuple[ProductType, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything Zava sells, in a fixed order."""

    categories: tuple[Category, ...]


def load_catalogue() -> Catalogue:
    """Read the catalogue that ships with the package."""
    folder = resources.files(__package__) / "catalogue"
    return Catalogue(
        tuple(_category((folder / f"{name}.toml").read_text("utf-8")) for name in _FILES)
    )


def _category(text: str) -> Category:
    # Decimal keeps prices exact: 0.10 stays ten cents.
    table = tomllib.loads(text, parse_float=Decimal)
    return Category(table["category"], tuple(_product_type(t) for t in table["types"]))


def _product_type(table: dict[str, Any]) -> ProductType:
    return ProductType(
        name=table["name"],
        season=tuple(float(factor) for factor in table["season"]),
        goes_with=tuple(table["goes_with"]),
        products=tuple(_product(p) for p in table["products"]),
    )


def _product(table: dict[str, Any]) -> Product:
    return Product(
        sku=table["sku"],
        name=table["name"],
        description=table["description"],
        base_price=Decimal(table["base_price"]),
        cost=Decimal(table["cost"]),
        popularity=float(table["popularity"]),
    )
