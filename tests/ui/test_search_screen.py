"""Search: hits as one types, narrowed by filters, each with its card and what is like it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.ui.scripted import (
    DRIPPING_TAP,
    MAYA,
    ScriptedClient,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from tests.ui.scripted_products import ABOUT_A_KIT
from zava_tui.answers import ResultTable, SearchFilters, SearchHits, ToolError
from zava_tui.link_states import Live, Retrying
from zava_tui.panels.product_card import ProductCard
from zava_tui.price_range import BadPrice, price_range, range_text
from zava_tui.product import figures_from
from zava_tui.screens.search import SearchScreen
from zava_tui.sql import product_figures


@asynccontextmanager
async def searching(
    text: str = "tap", size: tuple[int, int] = (140, 40)
) -> AsyncIterator[tuple[Pilot[Any], ScriptedClient]]:
    app, backend, _ = scripted_app()
    async with app.run_test(size=size) as pilot:
        await until_live(pilot)
        await app.run_action("app.mode('search')")
        await pilot.press(*text)
        if text:
            await until_shown(pilot, "Faucet Washer Kit")
        yield pilot, backend.scripted_link.scripted


def screen_of(pilot: Pilot[Any]) -> SearchScreen:
    screen = pilot.app.screen
    assert isinstance(screen, SearchScreen)
    return screen


def product_of(pilot: Pilot[Any]) -> str:
    product = screen_of(pilot).query_one(ProductCard).product
    return product.name if product else ""


async def until_product(pilot: Pilot[Any], name: str) -> None:
    await until(pilot, lambda: product_of(pilot) == name)


class TestTyping:
    async def test_one_can_type_at_once(self) -> None:
        async with searching() as (pilot, client):
            await until(pilot, lambda: client.searches[-1] == "tap")

    async def test_a_newer_question_ends_the_one_before(self) -> None:
        async with searching("") as (pilot, client):
            ended: list[str] = []

            async def never(description: str) -> SearchHits:
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(description)
                raise AssertionError("unreachable")

            client.on_search = never
            await pilot.press(*"old")
            await until(pilot, lambda: client.searches[-1:] == ["old"])
            client.on_search = None
            await pilot.press(*"er")
            await until_shown(pilot, "Faucet Washer Kit")
            assert "old" in ended

    async def test_an_empty_field_says_what_it_is_for(self) -> None:
        async with searching("") as (pilot, _):
            await until_shown(pilot, "Describe a product")

    async def test_an_error_stays_until_the_next_answer(self) -> None:
        async with searching() as (pilot, client):

            async def fail(_: str) -> SearchHits:
                raise ToolError("BUSY", "All connections stayed in use.", "Try again.")

            client.on_search = fail
            await pilot.press("s")
            await until_shown(pilot, "✖ All connections stayed in use.", "Faucet Washer Kit")
            client.on_search = None
            await pilot.press("backspace")
            await until_gone(pilot, "stayed in use")


class TestHits:
    async def test_weak_ones_stand_under_a_line_that_the_cursor_passes_over(self) -> None:
        async with searching() as (pilot, _):
            lines = text_of(pilot).splitlines()
            line = next(n for n, text in enumerate(lines) if "no exact match; nearest:" in text)
            assert "Pipe Thread Tape" in lines[line - 1]
            assert "Compression Sleeve" in lines[line + 1]
            await pilot.press("down", "G")
            await until_product(pilot, "Compression Sleeve Puller")
            await pilot.press("k", "g", "j")
            await until_product(pilot, "Valve Seat Wrench")

    async def test_the_best_has_the_cursor_even_if_all_are_weak(self) -> None:
        async with searching("") as (pilot, client):

            async def weak(_: str) -> SearchHits:
                return replace(
                    DRIPPING_TAP, hits=tuple(replace(hit, weak=True) for hit in DRIPPING_TAP.hits)
                )

            client.on_search = weak
            await pilot.press(*"tap")
            await until_product(pilot, "Faucet Washer Kit")

    async def test_a_click_shows_a_hit(self) -> None:
        async with searching() as (pilot, _):
            await pilot.click("#hits OptionList", offset=(12, 1))
            await until_product(pilot, "Valve Seat Wrench")


class TestFilters:
    async def test_i_asks_for_what_is_in_stock_and_x_for_everything_again(self) -> None:
        async with searching() as (pilot, client):
            await pilot.press("down", "i")
            await until(pilot, lambda: client.filters[-1] == SearchFilters(in_stock=True))
            await until_shown(pilot, "stock in stock")
            await pilot.press("x")
            await until(pilot, lambda: client.filters[-1] == SearchFilters())

    async def test_p_takes_a_price_range(self) -> None:
        async with searching() as (pilot, client):
            await pilot.press("down", "p", *"10-50", "enter")
            await until(
                pilot, lambda: client.filters[-1] == SearchFilters(min_price=10, max_price=50)
            )
            await until_shown(pilot, "$10 to $50")

    async def test_what_is_no_price_says_so_and_keeps_the_filter(self) -> None:
        async with searching() as (pilot, client):
            await pilot.press("down", "p", *"much", "enter")
            await until_shown(pilot, "much is no price range")
            assert client.filters[-1] == SearchFilters()
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.focused, OptionList))

    async def test_c_chooses_among_the_categories_there_are(self) -> None:
        async with searching() as (pilot, client):

            async def categories(_: str) -> ResultTable:
                return ResultTable((), [["Paint"], ["Plumbing"]], False, 1.0)

            client.on_query = categories
            await pilot.press("down", "c")
            await until_shown(pilot, "Which category?", "Plumbing")
            await pilot.press("down", "down", "enter")
            await until(pilot, lambda: client.filters[-1] == SearchFilters("Plumbing"))
            await until_shown(pilot, "category Plumbing")
            await pilot.press("c", "g", "enter")
            await until(pilot, lambda: client.filters[-1] == SearchFilters())

    async def test_a_click_on_a_filter_changes_it(self) -> None:
        async with searching() as (pilot, client):
            await pilot.click("#filter-line", offset=(20, 0))
            await until(pilot, lambda: client.filters[-1] == SearchFilters(in_stock=True))


class TestTheCard:
    async def test_it_shows_price_margin_stock_and_sales(self) -> None:
        async with searching() as (pilot, _):
            await until_shown(pilot, "$6.49", "margin 40%", "46 in 3 stores")
            await until_shown(pilot, "! reorder at 20", "! out of stock", "624 units, $4,050")

    async def test_who_may_not_see_costs_sees_no_margin(self) -> None:
        async with searching("") as (pilot, client):

            async def without_cost(_: str) -> ResultTable:
                rows = [row for row in ABOUT_A_KIT.rows if row[0] != "cost"]
                return replace(ABOUT_A_KIT, rows=rows)

            client.on_figures = without_cost
            await pilot.press(*"tap")
            await until_shown(pilot, "46 in 3 stores")
            assert "margin" not in text_of(pilot)

    async def test_who_may_not_see_stores_is_told_so(self) -> None:
        async with searching("") as (pilot, client):

            async def refuse(_: str) -> ResultTable:
                raise ToolError("AUTHORIZATION_ERROR", "You may not do this.")

            client.on_figures = refuse
            await pilot.press(*"tap")
            await until_shown(pilot, "Stock and sales are not shown to you.", "Tap Reseating Tool")
            assert "✖" not in text_of(pilot)

    async def test_markup_and_escapes_are_shown_as_text(self) -> None:
        async with searching() as (pilot, _):
            await until_shown(pilot, "[b]120[/]")
            assert "\x1b" not in text_of(pilot)

    async def test_enter_goes_on_to_a_similar_product_and_backspace_back(self) -> None:
        async with searching() as (pilot, client):
            await until_shown(pilot, "Tap Reseating Tool")
            await pilot.press("down", "enter", "enter")
            await until_product(pilot, "Tap Reseating Tool")
            assert client.similar_to == ["PL-1", "PL-7"]
            await pilot.press("backspace")
            await until_product(pilot, "Faucet Washer Kit")

    async def test_a_narrow_window_shows_the_card_in_place_of_the_hits(self) -> None:
        async with searching(size=(80, 24)) as (pilot, _):
            assert "margin" not in text_of(pilot)
            await pilot.press("down", "enter")
            await until_shown(pilot, "margin 40%")
            assert "Valve Seat Wrench" not in text_of(pilot)
            await pilot.press("escape")
            await until_shown(pilot, "Valve Seat Wrench")


class TestAsking:
    async def test_it_asks_for_nothing_until_there_is_something_to_ask(self) -> None:
        async with searching("") as (_, client):
            assert set(client.searches) == {"something to stop a dripping tap"}  # the overview's

    async def test_without_a_server_the_hits_stay_and_a_new_one_is_asked(self) -> None:
        app, backend, clock = scripted_app()
        async with app.run_test(size=(140, 40)) as pilot:
            await until_live(pilot)
            await app.run_action("app.mode('search')")
            await pilot.press(*"tap")
            await until_shown(pilot, "Faucet Washer Kit")
            link = backend.scripted_link
            link.become(Retrying("server stopped", "restarting", clock() + 3))
            await until_shown(pilot, "✖ offline", "Faucet Washer Kit")
            asked = link.scripted.searches.count("tap")
            link.become(Live(MAYA))
            await until(pilot, lambda: link.scripted.searches.count("tap") == asked + 1)
            await until_shown(pilot, "● ready")


class TestPriceRanges:
    @pytest.mark.parametrize(
        ("text", "bounds", "words"),
        [
            ("", (None, None), "any"),
            ("20", (None, 20), "up to $20"),
            ("<19.99", (None, 19.99), "up to $19.99"),
            ("> $1,000", (1000, None), "from $1000"),
            ("10-50", (10, 50), "$10 to $50"),
            ("50 to 10", (10, 50), "$10 to $50"),
            ("10-", (10, None), "from $10"),
        ],
    )
    def test_what_people_type_becomes_bounds(
        self, text: str, bounds: tuple[float | None, float | None], words: str
    ) -> None:
        assert price_range(text) == bounds
        assert range_text(*bounds) == words

    @pytest.mark.parametrize("text", ["cheap", "-", "10-50-90", "1e9x"])
    def test_anything_else_is_said_to_be_none(self, text: str) -> None:
        with pytest.raises(BadPrice, match="no price range"):
            price_range(text)


def test_months_without_a_sale_are_noughts_and_the_present_one_is_last() -> None:
    figures = figures_from(ResultTable((), [["month", None, 0, 3, 9.0]], False, 1.0))
    assert figures.units == (0.0,) * 11 + (3.0,)


def test_a_sku_cannot_leave_its_quotation_marks() -> None:
    assert "sku = 'x'' OR ''1''=''1'" in product_figures("x' OR '1'='1")


def test_the_screen_has_a_sentence_in_the_palette_for_each_of_its_keys() -> None:
    screen = SearchScreen(partial(float, 0))
    titles = {command.title for command in screen.commands()}
    assert titles >= {"Search products", "Category", "Price range", "In stock", "No filters"}
