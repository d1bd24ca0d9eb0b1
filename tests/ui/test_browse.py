"""Browse: rows without SQL, from an order to its lines to a product and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.scripted import (
    MAYA,
    ScriptedClient,
    scripted_app,
    text_of,
    until,
    until_live,
    until_shown,
)
from tests.ui.scripted_tables import COLUMNS, page_of
from zava_tui.answers import Filter, Page, ToolError
from zava_tui.filters import BadFilter, completions, examples, parsed
from zava_tui.link_states import Live, Retrying
from zava_tui.panels.browser import View
from zava_tui.screens.browse import BrowseScreen


@asynccontextmanager
async def browsing(*size: int) -> AsyncIterator[tuple[Pilot[Any], ScriptedClient]]:
    app, backend, _ = scripted_app()
    async with app.run_test(size=(size[0], size[1]) if size else (140, 40)) as pilot:
        await until_live(pilot)
        await pilot.press("2")
        await until_shown(pilot, "63.92")
        yield pilot, backend.scripted_link.scripted


def screen_of(pilot: Pilot[Any]) -> BrowseScreen:
    screen = pilot.app.screen
    assert isinstance(screen, BrowseScreen)
    return screen


def has_rows(view: View, count: int) -> bool:
    return len(view.rows) == count


class TestRows:
    async def test_the_newest_orders_come_first(self) -> None:
        async with browsing() as (pilot, client):
            assert client.browsed[0] == ("orders", (), None, None)
            assert "100 of 230 rows" in text_of(pilot)

    async def test_more_come_as_one_goes_down_until_there_are_no_more(self) -> None:
        async with browsing() as (pilot, client):
            view = screen_of(pilot).view
            for count in (200, 230):
                await pilot.press("G")
                await until(pilot, partial(has_rows, view, count))
            await pilot.press("G")
            await until_shown(pilot, "230 rows")
            assert [cursor for *_, cursor in client.browsed] == [None, "100", "200"]

    async def test_the_card_shows_the_row_with_the_cursor_whole(self) -> None:
        async with browsing() as (pilot, _):
            await pilot.press("down")
            await until_shown(pilot, "id-1", "Mei Ward")

    async def test_what_is_the_same_in_every_row_is_left_out_of_the_grid(self) -> None:
        async with browsing() as (pilot, _):
            grid = screen_of(pilot).browser.grid
            assert grid is not None
            assert [c.name for c in grid.columns_shown] == [
                "order_date", "customer", "status", "total_amount",
            ]  # fmt: skip

    async def test_markup_and_escapes_are_shown_as_text(self) -> None:
        async with browsing() as (pilot, _):
            assert "[b]Markup[/]" in text_of(pilot)
            assert "\x1b" not in text_of(pilot)

    async def test_beside_each_table_stands_how_many_rows_there_are(self) -> None:
        async with browsing() as (pilot, _):
            await until_shown(pilot, "Orders          230", "Order lines     460")


class TestTheWay:
    async def test_enter_goes_from_an_order_to_its_lines_to_a_product(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("down", "enter")
            await until_shown(pilot, "Shutoff Valve", "Orders › Mei Ward › Order lines")
            await pilot.press("enter")
            await until_shown(pilot, "27.98")
            assert client.browsed[1][:2] == ("order_items", (Filter("order_id", "=", "id-1"),))
            assert client.browsed[2][:2] == ("products", (Filter("sku", "=", "HW-1"),))

    async def test_o_goes_the_other_way(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("o")
            await until_shown(pilot, "n@example.com")
            assert client.browsed[1][0] == "customers"

    @pytest.mark.parametrize("key", ["backspace", "escape"])
    async def test_one_comes_back_to_the_same_row_without_asking_again(self, key: str) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("down", "down", "enter")
            await until_shown(pilot, "Shutoff Valve")
            await pilot.press(key)
            await until(pilot, lambda: screen_of(pilot).view.table == "orders")
            await until(pilot, lambda: screen_of(pilot).view.place[0] == 2)
            assert len(client.browsed) == 2

    async def test_t_shows_the_next_table(self) -> None:
        async with browsing() as (pilot, _):
            await pilot.press("t", "t")
            await until_shown(pilot, "n@example.com")
            await pilot.press("T", "T")
            await until_shown(pilot, "63.92")

    async def test_a_click_on_a_table_shows_it(self) -> None:
        async with browsing() as (pilot, _):
            await pilot.click("#tables", offset=(3, 4))
            await until_shown(pilot, "Proof Coil Chain", "27.98")


class TestSorting:
    async def test_s_sorts_by_the_column_and_then_turns_it_round(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("end", "s")
            await until(pilot, lambda: client.browsed[-1][2] == "total_amount asc")
            await until_shown(pilot, "▲ total")
            await pilot.press("end", "s")
            await until(pilot, lambda: client.browsed[-1][2] == "total_amount desc")
            await until_shown(pilot, "▼ total")

    async def test_a_column_that_has_no_sort_says_so(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("right", "s")
            await until_shown(pilot, "cannot be sorted by customer")
            assert len(client.browsed) == 1


class TestFiltering:
    async def test_the_line_filters_and_stays(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("slash", *"status:pending total>500", "enter")
            await until(pilot, lambda: len(client.browsed) == 2)
            assert client.browsed[1][1] == (
                Filter("status", "=", "pending"),
                Filter("total_amount", ">", 500),
            )
            await until_shown(pilot, "status:pending total>500")

    async def test_a_bad_filter_says_why_and_keeps_the_rows(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("slash", *"colour:red", "enter")
            await until_shown(pilot, "There is no column colour", "63.92")
            assert len(client.browsed) == 1

    async def test_rows_beyond_empty_pages_are_found(self) -> None:
        async with browsing() as (pilot, client):
            await pilot.press("t", "t")
            await until_shown(pilot, "n@example.com")
            last = page_of("customers", (), None, None)
            pages = [*(replace(last, rows=[], cursor=cursor) for cursor in ("100", "200")), last]

            async def rare(_: str) -> Page:
                return pages.pop(0)

            client.on_browse = rare
            await pilot.press("slash", *"nguy", "enter")
            await until_shown(pilot, "Nguyen", "2 rows")
            assert not pages

    async def test_keys_are_letters_in_the_line_and_escape_leaves_it(self) -> None:
        async with browsing() as (pilot, _):
            await pilot.press("slash", *"12qst")
            assert isinstance(pilot.app.screen, BrowseScreen)
            await pilot.press("escape", "1")
            await until(pilot, lambda: not isinstance(pilot.app.screen, BrowseScreen))


class TestTrouble:
    async def test_an_error_stays_until_it_is_solved(self) -> None:
        async with browsing() as (pilot, client):

            async def refuse(_: str) -> Page:
                raise ToolError("BUSY", "All connections stayed in use.", "Try again.")

            client.on_browse = refuse
            await pilot.press("r")
            await until_shown(pilot, "All connections stayed in use.")
            client.on_browse = None
            await pilot.press("r")
            await until(pilot, lambda: "stayed in use" not in text_of(pilot))

    async def test_without_a_server_the_rows_stay_and_a_new_one_is_asked(self) -> None:
        app, backend, clock = scripted_app()
        async with app.run_test(size=(140, 40)) as pilot:
            await until_live(pilot)
            await pilot.press("2")
            await until_shown(pilot, "63.92")
            link = backend.scripted_link
            link.become(Retrying("server stopped", "restarting", clock() + 3))
            await until_shown(pilot, "server stopped", "offline", "63.92")
            link.become(Live(MAYA))
            await until_shown(pilot, "● connected", "● ready")


def within(first: str, last: str) -> list[tuple[str, str, str]]:
    return [("order_date", ">=", first), ("order_date", "<=", last)]


class TestTheFilterLine:
    TODAY = date(2026, 11, 22)

    @pytest.mark.parametrize(
        ("text", "conditions"),
        [
            ("", []),
            ("status:pending", [("status", "=", "pending")]),
            ("status:pending,completed", [("status", "in", ["pending", "completed"])]),
            ("total>=1,000", [("total_amount", ">=", 1000)]),
            ("total:>19.99", [("total_amount", ">", 19.99)]),
            ("Total<$5", [("total_amount", "<", 5)]),
            ("date:2026-02", within("2026-02-01", "2026-02-28")),
            ("date:today", within("2026-11-22", "2026-11-22")),
            ("date>2026", [("order_date", ">", "2026-12-31")]),
            ("date<2026-11", [("order_date", "<", "2026-11-01")]),
            ('"status:in doubt"', [("status", "=", "in doubt")]),
        ],
    )  # fmt: skip
    def test_what_people_type_becomes_conditions(
        self, text: str, conditions: list[tuple[str, str, Any]]
    ) -> None:
        found = parsed(text, COLUMNS["orders"], self.TODAY)
        assert [(c.column, c.operator, c.value) for c in found] == conditions

    def test_a_word_alone_is_looked_for_in_the_first_text(self) -> None:
        assert parsed('"leaf blower"', COLUMNS["products"], self.TODAY) == [
            Filter("sku", "contains", "leaf blower")
        ]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("status:", "missing"),
            ('status:"open', "quotation mark"),
            ("date:tomorrow", "is a date"),
            ("date:2026-13", "is a date"),
            ("status>5", "cannot be compared"),
            ("pending", "Say which column"),
        ],
    )
    def test_what_cannot_be_understood_is_said(self, text: str, sentence: str) -> None:
        with pytest.raises(BadFilter, match=sentence):
            parsed(text, COLUMNS["orders"], self.TODAY)

    def test_its_examples_are_of_the_rows_there_are(self) -> None:
        row = ["Seattle", "2026-11-22T10:00-08:00", None, "completed", 12.5, "id-1"]
        assert examples(COLUMNS["orders"], row) == [
            "store:Seattle",
            "order_date:2026-11",
            "status:completed",
            "total_amount>10",
            "order_id:id-1",
        ]
        assert examples(COLUMNS["products"], ["HW-1", "Proof Coil Chain, 3 ft", 2.0])[1] == (
            "name:proof"
        )
        assert examples(COLUMNS["customers"])[1:] == ["last_name:…", "email:…"]

    def test_the_names_of_columns_are_completed(self) -> None:
        assert completions("status:x tot", COLUMNS["orders"]) == "status:x total_amount:"
        assert completions("zzz", COLUMNS["orders"]) is None
