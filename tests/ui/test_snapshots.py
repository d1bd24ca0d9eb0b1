"""Pictures of the app's main states. Each class says what one sees in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import OptionList

from tests.ui.scripted import (
    overview_of,
    scripted_app,
    until,
    until_live,
    until_shown,
)
from zava_tui.answers import ResultTable, SearchHits, SetupProgress, ToolError
from zava_tui.link_states import Preparing, Retrying, Starting
from zava_tui.screens.browse import TABLES

if TYPE_CHECKING:
    from textual.pilot import Pilot

SIZES = [(80, 24), (120, 40), (200, 60)]
SMALLEST = (40, 10)


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


every_size = pytest.mark.parametrize("size", SIZES, ids=size_name)
every_size_of_a_card = pytest.mark.parametrize("size", [SMALLEST, *SIZES], ids=size_name)

Compare = Callable[..., bool]


class TestConnecting:
    """The frame of everything is there at once; the panels say that they are connecting."""

    @every_size
    def test_the_server_is_starting(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app(Starting())
        ready = partial(until_shown_in_frame, text="◌ starting the server")
        assert snap_compare(app, terminal_size=size, run_before=ready)


class TestLive:
    """Revenue on top; rows, hits, slow queries and pool below, each with the age of its data."""

    @every_size
    def test_all_panels_have_data(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=until_live)

    def test_with_the_light_theme(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app(theme="zava-light")
        assert snap_compare(app, terminal_size=(120, 40), run_before=until_live)

    def test_in_a_window_of_40_by_10(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=(40, 10), run_before=until_live)

    @pytest.mark.parametrize("panel", ["search", "slow", "pool"])
    def test_a_panel_as_a_tab(self, snap_compare: Compare, panel: str) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            overview_of(pilot).action_show_panel(panel)
            await pilot.pause()

        assert snap_compare(app, terminal_size=(80, 24), run_before=go)

    def test_a_maximised_panel_has_all_the_room(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def maximise(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            await pilot.press("z")
            await pilot.pause(0.1)

        assert snap_compare(app, terminal_size=(120, 40), run_before=maximise)


class TestQuery:
    """Errors stand under the editor with what to do; older rows stay, dimmed."""

    @every_size
    def test_the_database_objects(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, _ = scripted_app()

        async def fail(pilot: Pilot[Any]) -> None:
            await until_live(pilot)

            async def objection(_: str) -> ResultTable:
                raise ToolError(
                    "DATABASE_ERROR",
                    'There is no column "boom" (line 2, position 8).',
                    "Look at the columns of retail.products with SELECT * … LIMIT 1.",
                )

            backend.scripted_link.scripted.on_query = objection
            await pilot.press("e", "f5")
            await until_shown(pilot, "boom")

        assert snap_compare(app, terminal_size=size, run_before=fail)

    def test_a_statement_is_running(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def run(pilot: Pilot[Any]) -> None:
            await until_live(pilot)

            async def never(_: str) -> ResultTable:
                await asyncio.Event().wait()
                raise AssertionError("unreachable")

            backend.scripted_link.scripted.on_query = never
            await pilot.press("f5")
            await until_shown(pilot, "◐ running")

        assert snap_compare(app, terminal_size=(120, 40), run_before=run)

    def test_no_rows(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def nothing(_: str) -> ResultTable:
            return ResultTable((), [], truncated=False, elapsed_ms=1.25)

        backend.scripted_link.scripted.on_query = nothing
        assert snap_compare(app, terminal_size=(120, 40), run_before=until_live)


class TestSearch:
    """An empty field says what it is for; no hits say so."""

    def test_an_empty_field(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def clear(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            await pilot.press("slash", "backspace")
            await until_shown(pilot, "Describe a product")

        assert snap_compare(app, terminal_size=(120, 40), run_before=clear)

    def test_nothing_comes_near(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def nothing(_: str) -> SearchHits:
            return SearchHits((), None, 3.0)

        backend.scripted_link.scripted.on_search = nothing
        assert snap_compare(app, terminal_size=(120, 40), run_before=until_live)


class TestOffline:
    """The first line says what happened and when it is tried again; the last data stay, dimmed."""

    @every_size
    def test_the_server_has_stopped(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, clock = scripted_app()

        async def stop(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            backend.scripted_link.become(Retrying("server stopped", "restarting", clock.now + 13))
            await until_shown(pilot, "offline 0 s")
            clock.now += 12
            await until_shown(pilot, "✖ server stopped, restarting in 1 s", "offline 12 s")

        assert snap_compare(app, terminal_size=size, run_before=stop)

    def test_the_server_comes_back(self, snap_compare: Compare) -> None:
        app, backend, clock = scripted_app()

        async def come_back(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            link = backend.scripted_link
            link.become(Retrying("server stopped", "restarting", clock.now + 1))
            await until_shown(pilot, "offline 0 s")
            clock.now += 4
            link.become(Preparing(SetupProgress("database", 0.1, "starting PostgreSQL")))
            await until_shown(pilot, "◐ recovering the database", "◐ recovering 4 s")

        assert snap_compare(app, terminal_size=(120, 40), run_before=come_back)

    @every_size_of_a_card
    def test_the_server_cannot_start(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app(
            ToolError(
                "DATABASE_UNAVAILABLE",
                "There is no user seatle. Did you mean seattle?",
                "zava without --user shows who there is.",
            )
        )
        ready = partial(until_shown_in_frame, text="✖ No server")
        assert snap_compare(app, terminal_size=size, run_before=ready)


class TestFirstStart:
    """One card: the steps with a tick each, how far, and how long it will still take."""

    @every_size_of_a_card
    def test_the_demo_data_are_being_made(
        self, snap_compare: Compare, size: tuple[int, int]
    ) -> None:
        app, backend, clock = scripted_app(Starting())

        async def prepare(pilot: Pilot[Any]) -> None:
            link = backend.scripted_link
            await until(pilot, lambda: link.started)
            await until_furnished(pilot)
            for step, overall, detail, seconds in (
                ("database", 0.0, "starting PostgreSQL", 0.6),
                ("schema", 0.08, "1 of 5", 0.4),
                ("demo data", 0.45, "120,000 of 200,000 orders", 9.0),
            ):
                place = "/home/maya/.local/share/zava" if step == "database" else ""
                link.become(Preparing(SetupProgress(step, overall, detail, place)))
                await pilot.pause()
                clock.now += seconds
            await until_shown(pilot, "First start")
            await until_shown(pilot, "about 10 s left")

        assert snap_compare(app, terminal_size=size, run_before=prepare)


class TestUserPicker:
    """Who there is, under which handle, and what each may see."""

    @every_size_of_a_card
    def test_the_people_of_the_demo_data(
        self, snap_compare: Compare, size: tuple[int, int]
    ) -> None:
        app, _, _ = scripted_app(user=None)
        ready = partial(until_shown_in_frame, text="Who are you?")
        assert snap_compare(app, terminal_size=size, run_before=ready)


class TestHelp:
    """F1: the keys, then what each panel shows."""

    @every_size_of_a_card
    def test_of_the_overview(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()

        async def ask(pilot: Pilot[Any]) -> None:
            await until_live(pilot)
            await pilot.press("f1")
            await until_shown(pilot, "Help: overview")

        assert snap_compare(app, terminal_size=size, run_before=ask)


async def until_furnished(pilot: Pilot[Any]) -> None:
    """Wait until the panels are in their frames."""
    await until(pilot, lambda: overview_of(pilot).query("#sql-editor"))
    await pilot.pause()


async def until_shown_in_frame(pilot: Pilot[Any], text: str) -> None:
    """Wait for `text` over or in a furnished overview."""
    await until_furnished(pilot)
    await until_shown(pilot, text)


class TestBrowse:
    """The tables on the left, the rows under a filter line, the present row as a card."""

    @every_size
    def test_the_newest_orders(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=browsing)

    def test_the_lines_of_an_order(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await browsing(pilot)
            await pilot.press("enter")
            await until_shown(pilot, "Shutoff Valve")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_a_filter_that_is_none(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await browsing(pilot)
            await pilot.press("slash", *"total>much", "enter")
            await until_shown(pilot, "is a number")
            pilot.app.screen.set_focus(None)

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_nothing_fits(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await browsing(pilot)
            await pilot.press("slash", *"total>999999", "enter")
            await until_shown(pilot, "No row fits")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)


async def browsing(pilot: Pilot[Any]) -> None:
    await until_live(pilot)
    await pilot.press("2")
    await until_shown(pilot, "63.92")
    tables = pilot.app.screen.query_one("#tables", OptionList)
    await until(
        pilot, lambda: str(tables.get_option_at_index(len(TABLES) - 1).prompt).endswith("2")
    )
