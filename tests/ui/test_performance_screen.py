"""Performance: the slowest statements, sortable, and the plan of the chosen one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from tests.ui.scripted import (
    ScriptedClient,
    overview_of,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from tests.ui.scripted_operations import CUSTOMERS_SQL, RUN_PLAN, SLOW, slow_query
from zava_tui.answers import Plan, SlowQueries, ToolError
from zava_tui.screens.performance import PerformanceScreen
from zava_tui.sent_statements import KEPT, SentStatements

STATEMENTS = "#statements OptionList"


@asynccontextmanager
async def performance(
    *queries: Any, size: tuple[int, int] = (140, 40)
) -> AsyncIterator[tuple[Pilot[Any], ScriptedClient]]:
    app, backend, _ = scripted_app()
    client = backend.scripted_link.scripted
    if queries:
        client.slow = SlowQueries(queries, 1000.0)
    async with app.run_test(size=size) as pilot:
        await until_live(pilot)
        client.sorts.clear()
        await app.run_action("app.mode('performance')")
        await until_shown(pilot, "Slow queries", "statement", "1.0 s")
        yield pilot, client


def screen_of(pilot: Pilot[Any]) -> PerformanceScreen:
    screen = pilot.app.screen
    assert isinstance(screen, PerformanceScreen)
    return screen


class TestStatements:
    async def test_s_sorts_by_the_next_figure_and_the_title_says_so(self) -> None:
        async with performance() as (pilot, client):
            for sort in ("mean", "p95", "calls", "total"):
                await pilot.press("s")
                await until_shown(pilot, f"▼ {sort}")
                assert sort in client.sorts

    async def test_a_click_on_a_title_sorts(self) -> None:
        async with performance() as (pilot, client):
            header = screen_of(pilot).query_one("#statements .header")
            place = str(header.render()).index("calls")
            await pilot.click("#statements .header", offset=(place + 1, 0))
            await until(pilot, lambda: client.sorts[-1] == "calls")

    async def test_the_cursor_stays_on_its_statement(self) -> None:
        async with performance() as (pilot, client):
            await pilot.press("j")
            before = screen_of(pilot).statements.query_chosen
            client.slow = replace(SLOW, queries=SLOW.queries[::-1])
            await pilot.press("s")
            await until_shown(pilot, "▼ mean")
            assert screen_of(pilot).statements.query_chosen == before

    async def test_it_asks_for_nothing_while_another_screen_is_shown(self) -> None:
        async with performance() as (pilot, client):
            await pilot.press("1")
            await until(pilot, lambda: pilot.app.screen is overview_of(pilot))
            screen = pilot.app.get_screen_stack("performance")[0]
            assert not [w for w in pilot.app.workers if w.node is screen and w.is_running]
            await pilot.app.run_action("app.mode('performance')")
            asked = len(client.sorts)
            await until(pilot, lambda: len(client.sorts) > asked)


class TestPlans:
    async def test_the_chosen_one_is_estimated_by_itself(self) -> None:
        async with performance() as (pilot, client):
            await until_shown(pilot, "All of orders is read", "└─ Hash Join")
            assert client.explained == [(CUSTOMERS_SQL, False)]

    async def test_a_runs_it_and_shows_where_the_time_went(self) -> None:
        async with performance() as (pilot, client):

            async def run(_: str) -> Plan:
                return RUN_PLAN

            client.on_explain = run
            await pilot.press("a")
            await until_shown(pilot, "ran 21 ms", "40%", "! Seq Scan on orders", "46,070")
            assert client.explained[-1] == (CUSTOMERS_SQL, True)

    async def test_escape_stops_a_run(self) -> None:
        async with performance() as (pilot, client):
            stopped = asyncio.Event()

            async def never(_: str) -> Plan:
                try:
                    await asyncio.Event().wait()
                finally:
                    stopped.set()
                raise AssertionError("unreachable")

            await until_shown(pilot, "└─ Hash Join")
            client.on_explain = never
            await pilot.press("a")
            await until_shown(pilot, "◐ running")
            await pilot.press("escape")
            await until_shown(pilot, "stopped")
            assert stopped.is_set()

    async def test_values_are_put_back_from_what_was_sent_from_here(self) -> None:
        normalised = "SELECT * FROM retail.orders WHERE status = $1 LIMIT $2"
        async with performance(slow_query(normalised, 1, 1.0, 1.0, 1.0)) as (pilot, client):
            await until_shown(pilot, "keeps no values")
            sent = "SELECT * FROM retail.orders WHERE status = 'pending' LIMIT 5"
            client.sent.note(sent)
            await pilot.press("a")
            await until(pilot, lambda: client.explained == [(sent, True)])

    async def test_what_zava_itself_runs_has_no_plan(self) -> None:
        ours = slow_query("SELECT 1", 1, 1.0, 1.0, 1.0, operation="search")
        async with performance(ours) as (pilot, client):
            await until_shown(pilot, "Zava itself runs this, for search")
            await pilot.press("a")
            assert client.explained == []

    async def test_an_error_says_what_to_do_until_the_next_plan(self) -> None:
        async with performance() as (pilot, client):

            async def refuse(_: str) -> Plan:
                raise ToolError("QUERY_TIMEOUT", "It was stopped after 30 s.", "Narrow the dates.")

            await until_shown(pilot, "└─ Hash Join")
            client.on_explain = refuse
            await pilot.press("a")
            await until_shown(pilot, "✖ It was stopped after 30 s.", "Narrow the dates.")
            client.on_explain = None
            await pilot.press("a")
            await until_gone(pilot, "Narrow the dates.")

    async def test_enter_goes_to_the_steps_and_tells_of_each(self) -> None:
        async with performance() as (pilot, _):
            await until_shown(pilot, "sort key: (sum(o.total_amount)) DESC")
            await pilot.press("enter", "j")
            await until_gone(pilot, "sort key:")
            await until_shown(pilot, "esc back")
            await pilot.press("escape")
            assert pilot.app.focused is screen_of(pilot).query_one(STATEMENTS)
            await until_gone(pilot, "esc back")


class TestTheStatement:
    async def test_it_is_shown_in_full_as_data(self) -> None:
        async with performance() as (pilot, _):
            await until_shown(pilot, "GROUP BY c.last_name", "[b]markup[/]")
            assert "\x1b" not in text_of(pilot)

    async def test_o_puts_it_into_the_editor(self) -> None:
        async with performance() as (pilot, _):
            await until_shown(pilot, "GROUP BY c.last_name")
            await pilot.press("o")
            await until(pilot, lambda: not isinstance(pilot.app.screen, PerformanceScreen))
            assert CUSTOMERS_SQL in [area.text for area in pilot.app.screen.query(TextArea)]

    async def test_y_copies_it(self) -> None:
        async with performance() as (pilot, _):
            await until_shown(pilot, "GROUP BY c.last_name")
            await pilot.press("y")
            await until_shown(pilot, "copied")
            assert pilot.app.clipboard == CUSTOMERS_SQL

    async def test_v_shows_it_in_place_of_the_plan_in_a_narrow_window(self) -> None:
        async with performance(size=(80, 24)) as (pilot, _):
            await until_shown(pilot, "└─ Hash Join")
            await pilot.press("v")
            await until_shown(pilot, "GROUP BY c.last_name")
            await pilot.press("v")
            await until_shown(pilot, "└─ Hash Join")


class TestSentStatements:
    @pytest.mark.parametrize(
        ("sent", "normalised"),
        [
            ("SELECT 1", "SELECT $1"),
            ("-- the best\nSELECT 'it''s' ;", "SELECT $1"),
            (
                "SELECT a FROM t /* all */ WHERE b = 1.5e3 AND c IN ('x', true)",
                "SELECT a FROM t  WHERE b = $1 AND c IN ($2, $3)",
            ),
            ("SELECT $$a 'b'$$, $q$c$q$", "SELECT $1, $2"),
            ("SELECT a\n  FROM t", "SELECT a\n  FROM t"),
        ],
    )
    def test_a_statement_is_known_by_its_form(self, sent: str, normalised: str) -> None:
        statements = SentStatements()
        statements.note(sent)
        assert statements.original(normalised) == sent

    def test_another_form_is_not(self) -> None:
        statements = SentStatements()
        statements.note("SELECT a FROM t WHERE b = 'x'")
        assert statements.original("SELECT a FROM t WHERE b = $1 OR c = $2") is None
        assert statements.original("SELECT a FROM t") is None

    def test_the_one_sent_last_is_taken(self) -> None:
        statements = SentStatements()
        statements.note("SELECT 1")
        assert statements.original("SELECT $1") == "SELECT 1"
        statements.note("SELECT 2")
        assert statements.original("SELECT $1") == "SELECT 2"

    def test_only_the_latest_are_kept(self) -> None:
        statements = SentStatements()
        for number in range(KEPT + 1):
            statements.note(f"SELECT a{number}")
        assert statements.original("SELECT a0") is None
        assert statements.original("SELECT a1") == "SELECT a1"
