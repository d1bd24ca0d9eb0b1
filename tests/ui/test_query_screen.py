"""The screen Query: running, stopping, what is wrong, plans, tabs, history, saved queries."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.geometry import Offset

from tests.ui.query_screen import LARGE, at_query, editor_of, querying, screen_of
from tests.ui.scripted import (
    BEST_SELLERS,
    MAYA,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from tests.ui.scripted_operations import RUN_PLAN
from zava_tui.answers import Plan, ResultTable, ToolError
from zava_tui.link_states import Live, Retrying
from zava_tui.starter_queries import STARTERS
from zava_tui.workspace import Draft, Tabs, Workspace

pytestmark = pytest.mark.usefixtures("_files_of_its_own")


async def never(_: str) -> ResultTable:
    await asyncio.Event().wait()
    raise AssertionError


async def no_such_column(_: str) -> ResultTable:
    raise ToolError("DATABASE_ERROR", 'column "revnue" does not exist (line 2, column 8).')


async def test_o_takes_the_overviews_statement_to_the_whole_screen() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("o")
        await until_shown(pilot, "query 1", "Best-selling products of the last 30 days")
        await until(pilot, lambda: len(screen_of(pilot).workbench.tabs.drafts) == 2)


@pytest.mark.parametrize("first", ["open", "add"])
async def test_what_was_written_before_the_tabs_were_there_stays_beside_them(first: str) -> None:
    async with querying() as (pilot, _):
        workbench = screen_of(pilot).workbench
        editor_of(pilot).load_text("SELECT 1")
        kept = Tabs((Draft("query 1", "SELECT 2"), Draft("query 2", "")), 1)
        both = [workbench.open(kept, keep_written=True), workbench.add("SELECT 3")]
        await asyncio.gather(*(both if first == "open" else reversed(both)))
        written = {draft.sql for draft in workbench.tabs.drafts}
        assert written == {"SELECT 1", "SELECT 2", "SELECT 3", ""}
        assert len({draft.name for draft in workbench.tabs.drafts}) == 4


class TestRunning:
    async def test_f5_runs_the_statement_and_its_rows_have_the_focus(self) -> None:
        async with querying(rows=True) as (pilot, client):
            assert client.statements[-1] == STARTERS[0].sql
            await pilot.press("j", "j", "l", "enter")
            await until_shown(pilot, "units · int8", "388")

    async def test_the_border_says_what_the_database_took_and_what_all_took(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await until_shown(pilot, "6 rows · 4.2 ms database, 0.0 ms in all")

    async def test_only_what_is_selected_is_run(self) -> None:
        async with querying() as (pilot, client):
            editor_of(pilot).load_text("SELECT 1; SELECT 22")
            editor_of(pilot).move_cursor((0, 10))
            editor_of(pilot).move_cursor((0, 19), select=True)
            await pilot.press("f5")
            await until(pilot, lambda: client.statements[-1] == "SELECT 22")

    async def test_escape_stops_the_statement(self) -> None:
        stopped = asyncio.Event()

        async def endless(sql: str) -> ResultTable:
            try:
                return await never(sql)
            finally:
                stopped.set()

        async with querying(rows=True) as (pilot, client):
            client.on_query = endless
            await pilot.press("f5")
            await until_shown(pilot, "escape stops it · ◐ running", "14,940.00")
            await pilot.press("escape")
            await until(pilot, stopped.is_set)
            await until_gone(pilot, "running")
            await until_shown(pilot, "stopped after 0.0 ms")
            client.on_query = None
            await pilot.press("f5")
            await until_gone(pilot, "stopped after")

    async def test_m_fetches_more_rows_when_there_are_more(self) -> None:
        async with querying() as (pilot, client):

            async def some(_: str) -> ResultTable:
                return replace(BEST_SELLERS, truncated=client.most_rows[-1] < 50_000)

            client.on_query = some
            await pilot.press("f5")
            await until_shown(pilot, "first 6 of more, m fetches more")
            await pilot.press("m")
            await until_shown(pilot, "6 rows")
            assert client.most_rows[-2:] == [1_000, 50_000]

    async def test_a_narrow_window_still_says_that_there_are_more(self) -> None:
        async with querying(60, 24) as (pilot, client):

            async def some(_: str) -> ResultTable:
                return replace(BEST_SELLERS, truncated=True)

            client.on_query = some
            await pilot.press("f5")
            await until_shown(pilot, "first 6 of more")

    async def test_without_a_server_the_rows_and_the_text_stay(self) -> None:
        app, backend, clock = scripted_app()
        async with app.run_test(size=LARGE) as pilot:
            await at_query(pilot)
            await pilot.press("f5")
            await until_shown(pilot, "14,940.00")
            link = backend.scripted_link
            link.become(Retrying("server stopped", "restarting", clock() + 3))
            await until_shown(pilot, "offline", "14,940.00", "date_trunc")
            await pilot.press("f5")
            await until_shown(pilot, "no server at the moment")
            link.become(Live(MAYA))
            await until_shown(pilot, "● connected", "date_trunc")
            await pilot.press("f5")
            await until_gone(pilot, "no server at the moment")


class TestTrouble:
    async def test_the_reason_stands_below_the_editor_and_its_place_is_underlined(self) -> None:
        async with querying() as (pilot, client):
            client.on_query = no_such_column
            editor_of(pilot).load_text("SELECT name,\n       revnue")
            await pilot.press("f5")
            await until_shown(pilot, "does not exist")
            assert editor_of(pilot).trouble == "revnue"
            assert underlined(pilot) == "revnue"

    async def test_the_place_in_a_part_is_found_in_the_whole(self) -> None:
        async with querying() as (pilot, client):
            client.on_query = no_such_column
            editor_of(pilot).load_text("SELECT 1;\n  SELECT name,\n       revnue")
            editor_of(pilot).move_cursor((1, 2))
            editor_of(pilot).move_cursor((2, 13), select=True)
            await pilot.press("f5")
            await until_shown(pilot, "does not exist")
            assert editor_of(pilot).trouble == "revnue"

    async def test_f5_runs_all_of_it_again_afterwards(self) -> None:
        async with querying() as (pilot, client):
            client.on_query = no_such_column
            editor_of(pilot).load_text("SELECT name,\n       revnue")
            await pilot.press("f5")
            await until_shown(pilot, "does not exist")
            await pilot.press("f5")
            await until(pilot, lambda: client.statements[-2:] == [editor_of(pilot).text] * 2)

    async def test_the_line_goes_when_the_text_is_changed(self) -> None:
        async with querying() as (pilot, client):
            client.on_query = no_such_column
            editor_of(pilot).load_text("SELECT name,\n       revnue")
            await pilot.press("f5")
            await until_shown(pilot, "does not exist")
            await pilot.press("x")
            assert underlined(pilot) == ""


def underlined(pilot: Any) -> str:
    """What is underlined on the screen, within the editor."""
    region = editor_of(pilot).region
    return "".join(
        line[x]
        for y, line in enumerate(text_of(pilot).splitlines()[: region.bottom])
        for x in range(region.x, region.right)
        if y >= region.y and pilot.app.screen.get_style_at(x, y).underline
    )


class TestPlan:
    async def test_f6_shows_the_plan_and_a_measures_it(self) -> None:
        async with querying() as (pilot, client):

            async def ran(_: str) -> Plan:
                return RUN_PLAN

            await pilot.press("f6")
            await until_shown(pilot, "Seq Scan on orders")
            client.on_explain = ran
            await pilot.press("a")
            await until_shown(pilot, "ran 21 ms")
            assert client.explained[-2:] == [(STARTERS[0].sql, False), (STARTERS[0].sql, True)]
            await pilot.press("escape")
            await until_gone(pilot, "Seq Scan on orders")

    async def test_why_there_is_none_stands_below_the_editor(self) -> None:
        async with querying() as (pilot, client):

            async def refuse(_: str) -> Plan:
                raise ToolError("QUERY_REJECTED", "Only SELECT may run here.")

            client.on_explain = refuse
            await pilot.press("f6")
            await until_shown(pilot, "Only SELECT may run here.")


class TestTabs:
    async def test_each_tab_has_its_own_answer(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("ctrl+t")
            await until_shown(pilot, "query 2", "F5 runs the statement")
            await pilot.press("ctrl+pageup")
            await until_shown(pilot, "14,940.00", "date_trunc")

    async def test_an_answer_comes_to_the_tab_that_asked(self) -> None:
        async with querying() as (pilot, client):
            go_on = asyncio.Event()

            async def slow(_: str) -> ResultTable:
                await go_on.wait()
                return BEST_SELLERS

            client.on_query = slow
            await pilot.press("f5")
            await until_shown(pilot, "running")
            await pilot.press("ctrl+t")
            await until_gone(pilot, "running")
            go_on.set()
            await pilot.pause()
            assert "14,940.00" not in text_of(pilot)
            await pilot.press("ctrl+pageup")
            await until_shown(pilot, "14,940.00")

    async def test_a_tab_keeps_its_cursor_and_what_can_be_undone(self) -> None:
        async with querying() as (pilot, _):
            await pilot.press("ctrl+t", *"abc")
            editor = editor_of(pilot)
            await pilot.press("left", "ctrl+pageup", "ctrl+pagedown")
            assert editor_of(pilot) is editor
            assert editor.cursor_location == (0, 2)
            await pilot.press("ctrl+z")
            assert editor.text != "abc"

    async def test_ctrl_w_closes_and_the_last_one_only_becomes_empty(self) -> None:
        async with querying() as (pilot, _):
            workbench = screen_of(pilot).workbench
            await pilot.press("ctrl+t")
            await until_shown(pilot, "query 2")
            await pilot.press("ctrl+w")
            await until_gone(pilot, "query 2")
            await pilot.press("ctrl+w")
            await until(pilot, lambda: workbench.tabs.drafts == (Draft("query 1", ""),))

    async def test_a_click_goes_to_a_tab_and_the_cross_opens_one(self) -> None:
        async with querying() as (pilot, _):
            workbench = screen_of(pilot).workbench
            await pilot.click("#query-tabs", offset=Offset(12, 0))
            await until(pilot, lambda: len(workbench.tabs.drafts) == 2)
            await pilot.click("#query-tabs", offset=Offset(4, 0))
            await until(pilot, lambda: workbench.tabs.place == 0)

    async def test_the_present_one_is_in_sight_however_many_there_are(self) -> None:
        async with querying(80, 24) as (pilot, _):
            workbench = screen_of(pilot).workbench
            await workbench.open(
                Tabs(tuple(Draft(f"sales of week {n}", "") for n in range(20)), 12)
            )
            await until_shown(pilot, "▸ sales of week 12")
            await pilot.press("ctrl+pagedown")
            await until_shown(pilot, "▸ sales of week 13")
            workbench.go_to(0)
            await until_shown(pilot, "▸ sales of week 0")

    async def test_they_are_there_again_after_a_restart(self) -> None:
        async with querying() as (pilot, _):
            await pilot.press("ctrl+t", *"SX")
        async with scripted_app()[0].run_test(size=LARGE) as pilot:
            await until_live(pilot)
            await pilot.press("3")
            await until_shown(pilot, "▸ query 2", "SX")

    async def test_what_was_written_before_the_link_was_there_is_kept_beside(self) -> None:
        app, backend, _ = scripted_app(Retrying("server stopped", "restarting", 0.0))
        async with app.run_test(size=LARGE) as pilot:
            await until(pilot, lambda: backend.scripted_link.started)
            await pilot.press("3")
            await until_shown(pilot, "F5 runs the statement")
            await pilot.press("e", *"mine")
            backend.scripted_link.become(Live(MAYA))
            await until(pilot, lambda: len(screen_of(pilot).workbench.tabs.drafts) == 2)
            assert editor_of(pilot).text == "mine"

    async def test_another_user_gets_their_own(self) -> None:
        app, backend, _ = scripted_app()
        async with app.run_test(size=LARGE) as pilot:
            await at_query(pilot)
            await pilot.press("ctrl+t", *"secret")
            backend.scripted_link.become(Live(replace(MAYA, user="tacoma")))
            await until(pilot, lambda: len(screen_of(pilot).workbench.tabs.drafts) == 1)
            backend.scripted_link.become(Live(MAYA))
            await until_shown(pilot, "secret")


class TestSaved:
    async def test_a_query_is_saved_under_a_name_and_opened_again(self) -> None:
        async with querying() as (pilot, _):
            editor_of(pilot).load_text("SELECT 'mine'")
            await pilot.press("ctrl+s")
            await until_shown(pilot, "Save the query")
            await pilot.press("ctrl+u", *"mine", "enter")
            await until_shown(pilot, "saved as mine")
            await pilot.press("ctrl+o")
            await until_shown(pilot, "Open a query")
            await pilot.press(*"mine", "enter")
            await until(pilot, lambda: len(screen_of(pilot).workbench.tabs.drafts) == 2)
            assert screen_of(pilot).workbench.tab == Draft("mine", "SELECT 'mine'")

    async def test_ctrl_d_forgets_ones_own_but_no_starter(self) -> None:
        async with querying() as (pilot, _):
            await pilot.press("ctrl+s")
            await until_shown(pilot, "Save the query")
            await pilot.press("ctrl+u", *"mine", "enter")
            await until_shown(pilot, "saved as mine")
            await pilot.press("ctrl+o")
            await until_shown(pilot, "Open a query")
            await pilot.press("ctrl+d")
            await until(
                pilot, lambda: "mine" not in {query.name for query in Workspace("seattle").saved()}
            )
            await pilot.press("ctrl+d")
            await until_shown(pilot, "This one came with Zava and stays.", STARTERS[0].name)

    async def test_the_history_brings_a_statement_back_and_that_can_be_undone(self) -> None:
        async with querying(rows=True) as (pilot, _):
            editor_of(pilot).load_text("SELECT something else")
            await pilot.press("e", "ctrl+r")
            await until_shown(pilot, "History")
            await pilot.press(*"trunc", "enter")
            await until(pilot, lambda: editor_of(pilot).text == STARTERS[0].sql)
            await pilot.press("ctrl+z")
            assert editor_of(pilot).text == "SELECT something else"

    async def test_an_empty_history_says_so(self) -> None:
        async with querying() as (pilot, _):
            await pilot.press("ctrl+r")
            await until_shown(pilot, "There is none yet.")


async def test_f8_breaks_the_statement_into_lines() -> None:
    async with querying() as (pilot, _):
        editor_of(pilot).load_text("select a, b from t where a > 1 -- why")
        await pilot.press("f8")
        await until(pilot, lambda: editor_of(pilot).text.startswith("SELECT a,\n"))
        assert "-- why" in editor_of(pilot).text


async def test_everything_is_in_the_palette_with_a_sentence() -> None:
    async with querying(rows=True) as (pilot, _):
        commands = list(pilot.app.get_system_commands(pilot.app.screen))
        assert all(command.help for command in commands)
        titles = {command.title for command in commands}
        assert {
            "Run query", "Plan", "Open query", "Save query", "Query history", "New tab",
            "Close tab", "Format query", "Sort rows", "Filter rows", "Find", "Chart", "Export",
            "Copy cell", "Copy row", "Copy all rows", "Read cell", "Read row", "Wider column",
        } <= titles  # fmt: skip
