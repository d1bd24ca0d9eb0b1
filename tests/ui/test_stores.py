"""The overview's panels on sales and stock: period, store, what is shown where, what may fail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.ui.scripted import (
    MAYA,
    overview_of,
    scripted_app,
    until,
    until_live,
    until_shown,
)
from tests.ui.scripted_stores import PERFORMANCE, TREND, TREND_BEFORE
from tests.ui.test_snapshots import Compare, every_size
from zava_tui.answers import ToolError
from zava_tui.chart import line_chart
from zava_tui.feeds import REFRESHED
from zava_tui.link_states import Live, Starting
from zava_tui.panels.trend import trend_lines
from zava_tui.store_answers import Performance, Trend

if TYPE_CHECKING:
    from textual.pilot import Pilot

CAROL = replace(MAYA, display_name="Carol", role="regional_manager", stores=("Everett", "Tacoma"))
LARGE, SMALL = (120, 40), (80, 24)


async def test_p_goes_through_the_periods_and_comes_back() -> None:
    app, backend, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        for title in ("7 days", "30 days", "90 days", "12 months"):
            await pilot.press("p")
            await until_shown(pilot, f"Revenue, the last {title}")
    asked = [period for period, _ in backend.scripted_link.scripted.asked_about]
    assert asked == ["12m", "7d", "30d", "90d", "12m"]


async def test_it_asks_for_nothing_while_another_screen_is_shown() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        overview = overview_of(pilot)

        def asking() -> set[str]:
            return {w.group for w in overview.workers if w.is_running} & set(REFRESHED)

        assert asking() == set(REFRESHED)
        await pilot.press("2")
        await until(pilot, lambda: not asking())
        await pilot.press("1")
        await until(pilot, lambda: asking() == set(REFRESHED))


async def test_who_has_several_stores_chooses_one_and_all_again() -> None:
    app, backend, _ = scripted_app(Starting(), Live(CAROL))
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("s")
        await until_shown(pilot, "Which store?", "Tacoma")
        await pilot.press("down", "down", "enter")
        await until_shown(pilot, "Revenue of Tacoma, the last 12 months")
        await pilot.press("s")
        await until_shown(pilot, "Which store?")
        await pilot.press("up", "up", "enter")
        await until_shown(pilot, "Revenue, the last 12 months")
    assert [store for _, store in backend.scripted_link.scripted.asked_about] == [
        None,
        "Tacoma",
        None,
    ]


async def test_escape_leaves_the_store_as_it_was() -> None:
    app, backend, _ = scripted_app(Starting(), Live(CAROL))
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("s")
        await until_shown(pilot, "Which store?")
        await pilot.press("down", "escape")
        await until(pilot, lambda: app.screen is overview_of(pilot))
    assert len(backend.scripted_link.scripted.asked_about) == 1


async def test_who_has_one_store_is_not_asked_which() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("s")
        assert app.screen is overview_of(pilot)


async def test_a_panel_without_a_place_beside_the_others_gets_all_the_room() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        overview_of(pilot).action_show_panel("stock")
        await until_shown(pilot, "Snow Shovel", "412 d")
        await pilot.press("escape")
        await until_shown(pilot, "Query results")


async def test_an_error_stays_in_the_panels_it_concerns() -> None:
    app, backend, _ = scripted_app()

    async def refuse() -> Performance:
        raise ToolError("BUSY", "The server is busy.", "Try again in a moment.")

    backend.scripted_link.scripted.on_performance = refuse
    async with app.run_test(size=(200, 60)) as pilot:
        await until_shown(pilot, "✖ The server is busy.", "Snow Shovel")


def test_a_chart_has_a_dot_in_every_column_and_no_gaps() -> None:
    lines = line_chart([0, 10, 3], [], 20, 5, ceiling=10)
    assert [line.cell_length for line in lines] == [20] * 5
    columns = zip(*(line.plain for line in lines), strict=True)
    assert all(any(cell != " " for cell in column) for column in columns)


@pytest.mark.parametrize("size", [(0, 0), (5, 1), (12, 2), (40, 3)])
def test_a_chart_fits_into_any_room(size: tuple[int, int]) -> None:
    lines = trend_lines(PERFORMANCE, TREND, TREND_BEFORE, True, *size)
    assert len(lines) <= max(1, size[1])


def test_a_period_without_sales_says_so() -> None:
    nothing = replace(PERFORMANCE, revenue=None)
    (line,) = trend_lines(nothing, Trend("day", ()), Trend("day", ()), False, 60, 10)
    assert "Nothing was sold" in line.plain


class TestStores:
    """Sales and stock around a chart; alone, and with an error in their place."""

    @pytest.mark.parametrize("panel", ["insights", "stock", "sellers", "categories"])
    @every_size
    def test_one_alone(self, snap_compare: Compare, size: tuple[int, int], panel: str) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            overview_of(pilot).action_show_panel(panel)
            if not overview_of(pilot).has_class("-zoomed"):
                await pilot.press("z")
            await pilot.pause()

        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_which_store(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app(Starting(), Live(CAROL))

        async def go(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            await pilot.press("s")
            await until_shown(pilot, "Which store?")

        assert snap_compare(app, terminal_size=LARGE, run_before=go)

    def test_an_error(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def refuse() -> Performance:
            raise ToolError("BUSY", "The server is busy.", "Try again in a moment.")

        backend.scripted_link.scripted.on_performance = refuse
        ready = partial(until_shown, seconds=15)

        async def wait(pilot: Pilot[Any]) -> None:
            await ready(pilot, "✖ The server is busy.", "14,940.00", "Faucet Washer Kit")

        assert snap_compare(app, terminal_size=LARGE, run_before=wait)
