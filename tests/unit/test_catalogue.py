"""The catalogue reads like that of a real shop, and the demo data can be made from it."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from zava_server.data.demo.catalogue import Catalogue, Product, ProductType, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACEHOLDERS = re.compile(
    r"\b(lorem|ipsum|todo|tbd|fixme|placeholder|sample|dummy|foo|xxx|product \d+)\b|[{}<>|]",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def types(catalogue: Catalogue) -> list[ProductType]:
    return [product_type for c in catalogue.categories for product_type in c.types]


@pytest.fixture(scope="module")
def products(types: list[ProductType]) -> list[Product]:
    return [product for product_type in types for product in product_type.products]


def repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


class TestTheAisles:
    def test_there_are_nine_in_the_order_of_the_store(self, catalogue: Catalogue) -> None:
        assert [category.name for category in catalogue.categories] == [
            "Hand Tools",
            "Power Tools",
            "Paint & Finishes",
            "Hardware",
            "Lumber & Building Materials",
            "Electrical",
            "Plumbing",
            "Garden & Outdoor",
            "Storage & Organization",
        ]

    def test_each_has_about_ten_types_and_each_type_a_choice(self, catalogue: Catalogue) -> None:
        for category in catalogue.categories:
            assert 9 <= len(category.types) <= 12, category.name
            for product_type in category.types:
                assert 4 <= len(product_type.products) <= 6, product_type.name

    def test_there_are_about_ninety_types_of_different_names(
        self, types: list[ProductType]
    ) -> None:
        assert 80 <= len(types) <= 100
        assert not repeated(product_type.name for product_type in types)

    def test_there_are_at_least_420_products(self, products: list[Product]) -> None:
        assert len(products) >= 420


class TestProducts:
    def test_skus_are_unique_and_name_category_and_type(self, catalogue: Catalogue) -> None:
        skus = [p.sku for c in catalogue.categories for t in c.types for p in t.products]
        assert not repeated(skus)
        assert [sku for sku in skus if not re.fullmatch(r"[A-Z]{2}-[A-Z]{3}-\d{3}", sku)] == []
        for category in catalogue.categories:
            prefixes = {p.sku[:2] for t in category.types for p in t.products}
            assert len(prefixes) == 1, category.name
            of_types = [{p.sku[:6] for p in t.products} for t in category.types]
            assert all(len(of_type) == 1 for of_type in of_types), category.name
            assert len(set.union(*of_types)) == len(category.types), category.name

    def test_names_and_descriptions_are_unique(self, products: list[Product]) -> None:
        assert not repeated(product.name.lower() for product in products)
        assert not repeated(product.description.lower() for product in products)

    def test_descriptions_are_15_to_40_words(self, products: list[Product]) -> None:
        lengths = {p.sku: len(p.description.split()) for p in products}
        assert {sku: words for sku, words in lengths.items() if not 15 <= words <= 40} == {}

    def test_descriptions_are_sentences(self, products: list[Product]) -> None:
        odd = [p.sku for p in products if not re.match(r"[A-Z0-9].*\.$", p.description)]
        assert odd == []

    def test_no_two_descriptions_of_a_type_start_alike(self, types: list[ProductType]) -> None:
        for product_type in types:
            starts = [" ".join(p.description.lower().split()[:3]) for p in product_type.products]
            assert not repeated(starts), product_type.name

    def test_no_sentence_is_used_twice(self, products: list[Product]) -> None:
        assert not repeated(s for p in products for s in re.split(r"(?<=\.) ", p.description))

    def test_nothing_is_a_placeholder(self, products: list[Product]) -> None:
        assert [p.sku for p in products if PLACEHOLDERS.search(f"{p.name} {p.description}")] == []

    @pytest.mark.parametrize(
        "thing",
        [
            "thread seal tape",
            "pipe sealant",
            "faucet washer",
            "basin wrench",
            "drain snake",
            "flapper",
            "sump pump",
            "deck stain",
            "primer",
            "painter's tape",
            "drip irrigation",
            "leaf rake",
            "tarp",
            "pressure-treated",
            "drywall sheet",
            "insulation",
            "gfci outlet",
            "wire nut",
            "breaker",
            "led, soft white",
            "smoke alarm",
            "garage shelving",
            "tote",
            "pegboard",
            "garage hooks",
        ],
    )
    def test_what_every_such_store_has_is_there(self, products: list[Product], thing: str) -> None:
        assert any(thing in f"{p.name} {p.description}".lower() for p in products)

    def test_a_leak_under_the_sink_finds_tape_and_sealant(self, products: list[Product]) -> None:
        found = {p.name for p in products if re.search("under (the )?sink", p.description)}
        assert any("Thread Seal Tape" in name for name in found)
        assert any("Joint Compound" in name for name in found)


class TestMoney:
    def test_prices_are_exact_cents(self, products: list[Product]) -> None:
        cent = Decimal("0.01")
        for product in products:
            for amount in (product.base_price, product.cost):
                assert isinstance(amount, Decimal)
                assert amount == amount.quantize(cent) > 0, product.sku

    def test_every_product_earns_something(self, products: list[Product]) -> None:
        ratio = {p.sku: p.cost / p.base_price for p in products}
        outside = {s: r for s, r in ratio.items() if not Decimal("0.55") <= r <= Decimal("0.78")}
        assert outside == {}

    def test_a_third_of_the_price_is_margin_on_average(self, products: list[Product]) -> None:
        assert 0.64 <= fmean(p.cost / p.base_price for p in products) <= 0.70


class TestDemand:
    def test_popularity_stays_within_a_factor_of_25(self, products: list[Product]) -> None:
        assert {p.sku: p.popularity for p in products if not 0.2 <= p.popularity <= 5} == {}

    def test_cheap_things_sell_more_than_dear_ones(self, products: list[Product]) -> None:
        cheap = fmean(p.popularity for p in products if p.base_price < 10)
        dear = fmean(p.popularity for p in products if p.base_price > 100)
        assert cheap > 2 * dear

    def test_seasons_are_twelve_months_around_one(self, types: list[ProductType]) -> None:
        for product_type in types:
            assert len(product_type.season) == 12, product_type.name
            assert min(product_type.season) > 0, product_type.name
            assert 0.9 <= fmean(product_type.season) <= 1.1, product_type.name

    @pytest.mark.parametrize(
        ("name", "peak"),
        [
            ("Drip Irrigation", {4, 5, 6}),
            ("Seeds & Planters", {3, 4, 5}),
            ("Deck & Fence Stains", {5, 6, 7, 8}),
            ("Insulation", {10, 11, 12}),
            ("Heaters & Fans", {1, 11, 12}),
            ("Snow & Ice", {1, 11, 12}),
            ("Storage Bins", {1, 2, 9}),
        ],
    )
    def test_types_peak_when_the_northwest_needs_them(
        self, types: list[ProductType], name: str, peak: set[int]
    ) -> None:
        (season,) = (t.season for t in types if t.name == name)
        best = max(range(12), key=lambda month: season[month]) + 1
        assert best in peak

    def test_what_goes_with_a_type_is_another_type(self, types: list[ProductType]) -> None:
        names = {product_type.name for product_type in types}
        for product_type in types:
            companions = product_type.goes_with
            assert 1 <= len(companions) <= 4, product_type.name
            assert not repeated(companions), product_type.name
            assert set(companions) <= names - {product_type.name}, product_type.name
