"""Pictures of the screens Search, Performance and Health. Each class says what one sees."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import Input

from tests.ui.scripted import DRIPPING_TAP, MAYA, scripted_app, until, until_live, until_shown
from tests.ui.scripted_operations import AILING, POOL, RUN_PLAN, SLOW, slow_query
from tests.ui.test_snapshots import Compare, every_size
from zava_tui.answers import Plan, ResultTable, SearchHits, SlowQueries, ToolError
from zava_tui.link_states import Live, Retrying, Starting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.pilot import Pilot


async def open_mode(pilot: Pilot[Any], name: str) -> None:
    """Go to a screen once the overview is live."""
    await until_live(pilot)
    await pilot.app.run_action(f"app.mode('{name}')")
    await until(pilot, lambda: getattr(pilot.app.screen, "MODE", "") == name)
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False


async def searching(pilot: Pilot[Any], text: str = "dripping tap") -> None:
    """Search for `text` and wait for the best hit's card."""
    await open_mode(pilot, "search")
    await pilot.press(*text.replace(" ", "_").replace("_", " "))
    await until_shown(pilot, "Faucet Washer Kit")


async def with_card(pilot: Pilot[Any]) -> None:
    await searching(pilot)
    if pilot.app.size.width >= 100:
        await until_shown(pilot, "Tap Reseating Tool")


class TestSearch:
    """Field and filters above the hits, the weak ones under a line; the product as a card."""

    @every_size
    def test_hits_and_a_card(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=with_card)

    @every_size
    def test_nothing_asked_yet(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "search")
            await until_shown(pilot, "Describe a product")

        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_the_card_in_a_narrow_window(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await searching(pilot)
            await pilot.press("down", "enter")
            await until_shown(pilot, "Tap Reseating Tool")

        assert snap_compare(app, terminal_size=(80, 24), run_before=go)

    def test_only_weak_hits_with_filters(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def weak(_: str) -> SearchHits:
            hits = tuple(replace(hit, weak=True) for hit in DRIPPING_TAP.hits)
            return SearchHits(hits, "No product is named “dripping tap”.", 8.0)

        backend.scripted_link.scripted.on_search = weak

        async def go(pilot: Pilot[Any]) -> None:
            await searching(pilot)
            await pilot.press("down", "i", "p", *"5-20", "enter")
            await until_shown(pilot, "$5 to $20", "Tap Reseating Tool")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_a_price_that_is_none(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await with_card(pilot)
            await pilot.press("down", "p", *"cheap", "enter")
            await until_shown(pilot, "is no price range")
            pilot.app.screen.set_focus(None)

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_no_hits(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def nothing(_: str) -> SearchHits:
            return SearchHits((), None, 8.0)

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "search")
            backend.scripted_link.scripted.on_search = nothing
            await pilot.press(*"weddings")
            await until_shown(pilot, "Nothing in the catalogue")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_who_may_not_see_stock(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def refuse(_: str) -> ResultTable:
            raise ToolError("AUTHORIZATION_ERROR", "You may not do this.")

        backend.scripted_link.scripted.on_figures = refuse
        assert snap_compare(app, terminal_size=(120, 40), run_before=with_card)


async def choosing(pilot: Pilot[Any]) -> None:
    """Open Performance and wait for the plan of the first statement."""
    await open_mode(pilot, "performance")
    await until_shown(pilot, "All of orders is read", "└─ Seq Scan on customers")


class TestPerformance:
    """The statements, sortable; below the plan of the chosen one and its text."""

    @every_size
    def test_the_shape_of_a_plan(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=choosing)

    @every_size
    def test_a_plan_that_has_run(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, _ = scripted_app()

        async def run(_: str) -> Plan:
            return RUN_PLAN

        async def go(pilot: Pilot[Any]) -> None:
            await choosing(pilot)
            backend.scripted_link.scripted.on_explain = run
            await pilot.press("a")
            await until_shown(pilot, "ran 21 ms")
            await pilot.press("enter", "j", "j", "j")

        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_the_statement_in_a_narrow_window(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await choosing(pilot)
            await pilot.press("v")
            await until_shown(pilot, "in the database")

        assert snap_compare(app, terminal_size=(80, 24), run_before=go)

    def test_values_that_are_not_known(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()
        unknown = slow_query("SELECT * FROM retail.orders WHERE status = $1", 3, 9e3, 1e4, 27e3)
        client = backend.scripted_link.scripted
        client.slow = replace(SLOW, queries=(unknown, *SLOW.queries))

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "performance")
            await until_shown(pilot, "keeps no values")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_no_statement_yet(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()
        backend.scripted_link.scripted.slow = SlowQueries((), 1000.0)

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "performance")
            await until_shown(pilot, "No statement has been run yet")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_a_plan_that_is_refused(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def refuse(_: str) -> Plan:
            raise ToolError("QUERY_TIMEOUT", "It was stopped after 30 s.", "Narrow the dates.")

        async def go(pilot: Pilot[Any]) -> None:
            await choosing(pilot)
            backend.scripted_link.scripted.on_explain = refuse
            await pilot.press("a")
            await until_shown(pilot, "Narrow the dates.")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_the_server_has_stopped(self, snap_compare: Compare) -> None:
        app, backend, clock = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await choosing(pilot)
            state = Retrying("server stopped", "restarting", clock.now + 3)
            backend.scripted_link.become(state)
            await until_shown(pilot, "✖ offline 0 s")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)


LOG = """\
2026-11-22T14:02:11.013671Z [info     ] ready                          [zava_server.backend] user=seattle
2026-11-22T14:02:12.162580Z [info     ] Starting MCP server 'zava' with transport 'stdio' [fastmcp.server]
2026-11-22T14:05:03.693164Z [info     ] call refused                   [zava_server.protocol.errors] code=AUTHORIZATION_ERROR tool=execute_sales_query
2026-11-22T14:07:31.100000Z [warning  ] slow query                     [zava_server.query] ms=1410 sql=[b]x[/] \x1b[31mred\x1b[0m
2026-11-22T14:09:00.000000Z [error    ] Redis does not answer          [zava_server.cache] error=TimeoutError
Traceback (most recent call last):
  File "cache.py", line 12, in ask
"""  # noqa: E501 (as structlog writes it)


@pytest.fixture(autouse=True)
def _our_own_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def with_log(folder: Path) -> Live:
    """A server whose log is in `folder`."""
    file = folder / "server.log"
    file.write_text(LOG, encoding="utf-8")
    return Live(MAYA, str(file))


async def looking(pilot: Pilot[Any]) -> None:
    await open_mode(pilot, "health")
    await until_shown(pilot, "identity key", "in use", "✖ error")


class TestHealth:
    """The checks and the connections side by side; below them the end of the server's log."""

    @every_size
    def test_all_is_well(
        self, snap_compare: Compare, size: tuple[int, int], tmp_path: Path
    ) -> None:
        app, _, _ = scripted_app(Starting(), with_log(tmp_path))
        assert snap_compare(app, terminal_size=size, run_before=looking)

    @every_size
    def test_some_of_it_ails(
        self, snap_compare: Compare, size: tuple[int, int], tmp_path: Path
    ) -> None:
        app, backend, _ = scripted_app(Starting(), with_log(tmp_path))
        client = backend.scripted_link.scripted
        client.health = AILING
        client.pool = replace(
            POOL, status="degraded", reason="2 calls wait for a connection.", in_use=10, size=10,
            idle=0, waiting=2, waiting_history=(0,) * 12 + (1, 2, 3, 2, 2, 2),
        )  # fmt: skip

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "health")
            await until_shown(pilot, "31 MB are free", "2 now")
            await pilot.press("l")
            await until_shown(pilot, "warning and worse")

        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_a_server_elsewhere(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "health")
            await until_shown(pilot, "The server runs elsewhere", "identity key", "in use")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_the_server_has_stopped(self, snap_compare: Compare, tmp_path: Path) -> None:
        app, backend, clock = scripted_app(Starting(), with_log(tmp_path))

        async def go(pilot: Pilot[Any]) -> None:
            await looking(pilot)
            state = Retrying("server stopped", "restarting", clock.now + 3)
            backend.scripted_link.become(state)
            await until_shown(pilot, "✖ offline 0 s")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_a_restart_is_asked_about(self, snap_compare: Compare, tmp_path: Path) -> None:
        app, _, _ = scripted_app(Starting(), with_log(tmp_path))

        async def go(pilot: Pilot[Any]) -> None:
            await looking(pilot)
            await pilot.press("R")
            await until_shown(pilot, "Restart the server?")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_help(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await open_mode(pilot, "health")
            await pilot.press("f1")
            await until_shown(pilot, "Help: health")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)
