"""The screen Query: tabs, suggestions, running, rows, charts, files; what is kept, and for whom."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.scripted import BEST_SELLERS, scripted_app, until, until_live, until_shown
from tests.ui.test_snapshots import Compare, every_size
from zava_tui.answers import Column, ResultTable, ToolError
from zava_tui.panels.sql_workbench import SqlWorkbench
from zava_tui.result_chart import chart_lines
from zava_tui.result_rows import as_csv, as_json, filtered, sorted_by, write_result
from zava_tui.sql_words import suggestions
from zava_tui.starter_queries import STARTERS
from zava_tui.workspace import Draft, Workspace

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from zava_tui.app import ZavaApp

LARGE = (120, 40)
TABLES = {"orders": ("order_id", "order_date", "total_amount"), "products": ("name", "sku")}


@pytest.fixture(autouse=True)
def _files_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def at_query(pilot: Pilot[Any]) -> None:
    await until_live(pilot)
    await pilot.press("3")
    await until_shown(pilot, "date_trunc")
    workbench(pilot).editor.cursor_blink = False


async def with_rows(pilot: Pilot[Any]) -> None:
    await at_query(pilot)
    await pilot.press("f5")
    await until_shown(pilot, "6 rows", "14,940.00")


def workbench(pilot: Pilot[Any]) -> SqlWorkbench:
    return pilot.app.screen.query_one(SqlWorkbench)


async def test_o_takes_the_overviews_statement_to_the_whole_screen() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("o")
        await until_shown(pilot, "query 2", "Best-selling products of the last 30 days")


# Running ----------------------------------------------------------------------------------------


async def test_f5_runs_what_is_in_the_editor_and_its_rows_have_the_focus() -> None:
    app, backend, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        assert backend.scripted_link.scripted.statements[-1] == STARTERS[0].sql
        await pilot.press("j", "j", "l")
        await pilot.press("enter")
        await until_shown(pilot, "388")


async def test_only_what_is_selected_is_run() -> None:
    app, backend, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        editor = workbench(pilot).editor
        editor.load_text("SELECT 1; SELECT 22")
        editor.move_cursor((0, 10))
        editor.move_cursor((0, 19), select=True)
        await pilot.press("f5")
        statements = backend.scripted_link.scripted.statements
        await until(pilot, lambda: statements[-1] == "SELECT 22")


async def test_escape_stops_the_statement() -> None:
    app, backend, _ = scripted_app()
    stopped = asyncio.Event()

    async def never(_: str) -> ResultTable:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        backend.scripted_link.scripted.on_query = never
        await pilot.press("f5")
        await until_shown(pilot, "running")
        await pilot.press("escape")
        await until(pilot, stopped.is_set)


async def test_what_is_wrong_stands_below_the_editor_and_is_selected_in_it() -> None:
    app, backend, _ = scripted_app()

    async def refuse(_: str) -> ResultTable:
        raise ToolError("DATABASE_ERROR", 'column "revnue" does not exist (line 2, column 8).')

    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        backend.scripted_link.scripted.on_query = refuse
        workbench(pilot).editor.load_text("SELECT name,\n       revnue")
        await pilot.press("f5")
        await until_shown(pilot, "does not exist")
        assert workbench(pilot).editor.selected_text == "revnue"


async def test_m_fetches_all_rows_when_there_are_more() -> None:
    app, backend, _ = scripted_app()
    client = backend.scripted_link.scripted

    async def some(_: str) -> ResultTable:
        return replace(BEST_SELLERS, truncated=len(client.statements) < 3)

    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        client.on_query = some
        await pilot.press("f5")
        await until_shown(pilot, "first 6 of more, m fetches them")
        await pilot.press("m")
        await until_shown(pilot, "6 rows")


# Tabs, history, saved queries --------------------------------------------------------------------


async def test_tabs_come_and_go_and_are_there_again_after_a_kill() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        await pilot.press("ctrl+t")
        await until_shown(pilot, "query 2")
        await pilot.press("S", "X")
        await until(pilot, lambda: [d.sql for d in Workspace("seattle").drafts()][1:] == ["SX"])
        await pilot.press("ctrl+pageup")
        await until_shown(pilot, "date_trunc")
    again, _, _ = scripted_app()
    async with again.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: workbench(pilot).editor.text == "SX")
        await pilot.press("ctrl+w")
        await until(pilot, lambda: len(workbench(pilot).tabs) == 1)


async def test_the_present_tab_is_in_sight_however_many_there_are() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await at_query(pilot)
        workbench(pilot).open([Draft(f"sales of week {n}", "") for n in range(20)], 12)
        await until_shown(pilot, "▸ sales of week 12")
        await pilot.press("ctrl+pagedown")
        await until_shown(pilot, "▸ sales of week 13")
        workbench(pilot).go_to(0)
        await until_shown(pilot, "▸ sales of week 0")


async def test_a_query_is_saved_under_a_name_and_opened_again() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        workbench(pilot).editor.load_text("SELECT 'mine'")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Save the query")
        await pilot.press("ctrl+u", *"mine", "enter")
        await until_shown(pilot, "saved as mine")
        await pilot.press("ctrl+o")
        await until_shown(pilot, "Open a query")
        await pilot.press(*"mine")
        await pilot.press("enter")
        await until(pilot, lambda: len(workbench(pilot).tabs) == 2)
        assert workbench(pilot).tab == Draft("mine", "SELECT 'mine'")


async def test_the_history_brings_a_statement_back() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        workbench(pilot).editor.load_text("SELECT something else")
        await pilot.press("e", "ctrl+r")
        await until_shown(pilot, "History")
        await pilot.press(*"trunc")
        await pilot.press("enter")
        await until(pilot, lambda: workbench(pilot).editor.text == STARTERS[0].sql)


def test_everyone_has_files_of_their_own(tmp_path: Path) -> None:
    mine, yours = Workspace("seattle", tmp_path), Workspace("../tacoma", tmp_path)
    mine.remember("SELECT 1")
    mine.save(Draft("secret", "SELECT 2"))
    assert yours.history() == []
    assert "secret" not in {query.name for query in yours.saved()}
    assert all(tmp_path in path.parents for path in tmp_path.rglob("*.json"))
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*.json")} == {"0o600"}


@pytest.mark.parametrize("text", ["", "{", "[1, null]", '[{"name": 5, "sql": []}]', "null"])
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    workspace = Workspace("seattle", tmp_path)
    place = tmp_path / "queries" / "seattle"
    place.mkdir(parents=True)
    for name in ("tabs", "history", "saved"):
        (place / f"{name}.json").write_text(text)
    assert workspace.drafts() == [Draft("query 1", STARTERS[0].sql)]
    assert workspace.history() == []
    assert len(workspace.saved()) == len(STARTERS)


def test_the_history_has_each_statement_once_the_latest_first(tmp_path: Path) -> None:
    workspace = Workspace("seattle", tmp_path)
    for sql in ("a", "b", "a"):
        workspace.remember(sql)
    assert workspace.history() == ["a", "b"]


# Suggestions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "first"),
    [
        ("SELECT o.tot", "total_amount"),
        ("SELECT ord", "order_id"),
        ("FROM retail.pro", "products"),
        ("SELECT coal", "coalesce("),
        ("GROUP", "GROUP BY"),
    ],
)
def test_the_likeliest_word_comes_first(before: str, first: str) -> None:
    found = suggestions(before, f"{before} FROM retail.orders o", TABLES)
    assert found[0].text == first


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_text_gets_suggestions_or_none(before: str, whole: str) -> None:
    for found in suggestions(before, whole, TABLES):
        assert before.endswith(before[len(before) - found.typed :])


async def test_tab_takes_the_suggestion() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        editor = workbench(pilot).editor
        editor.load_text("SELECT  FROM retail.orders o")
        editor.move_cursor((0, 7))
        await pilot.press("o", "full_stop", "t", "o")
        await until_shown(pilot, "tab takes it", "total_amount")
        await pilot.press("tab")
        assert editor.text == "SELECT o.total_amount FROM retail.orders o"


async def test_f8_breaks_the_statement_into_lines() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await at_query(pilot)
        workbench(pilot).editor.load_text("select a, b from t where a > 1 -- why")
        await pilot.press("f8")
        text = workbench(pilot).editor.text
        assert text.startswith("SELECT a,\n")
        assert "-- why" in text


# Rows ----------------------------------------------------------------------------------


async def test_rows_are_sorted_and_filtered_and_come_back() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        await pilot.press("l", "s")
        await until_shown(pilot, "sorted: units ▲")
        await pilot.press("s")
        await until_shown(pilot, "sorted: units ▼")
        await pilot.press("f")
        await until_shown(pilot, "Only rows with")
        await pilot.press(*"primer", "enter")
        await until_shown(pilot, "1 with “primer” of")


def test_bars_say_of_how_many_rows_they_are() -> None:
    columns = (Column("name", "text"), Column("units", "int4"))
    result = ResultTable(columns, [[f"p{n}", n] for n in range(50_000)], False, 0.0)
    assert chart_lines(result, 80)[0].plain == "units, the first 200 of 50,000 rows"


async def test_c_draws_a_chart_and_shows_the_rows_again() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        await pilot.press("c")
        await until_shown(pilot, "█████")
        await pilot.press("c")
        await until_shown(pilot, "product_id")


async def test_cells_rows_and_all_are_copied(app_with_clipboard: ZavaApp) -> None:
    app = app_with_clipboard
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        await pilot.press("y")
        assert app.clipboard == "Deck Stain, Cedar, 5 gal"
        await pilot.press("Y")
        assert app.clipboard.split("\t")[1] == "1038"
        await pilot.press("ctrl+y")
        assert app.clipboard.startswith("product,units,revenue,note,product_id\r\n")


@pytest.fixture
def app_with_clipboard() -> ZavaApp:
    app, _, _ = scripted_app()
    return app


async def test_rows_are_written_to_a_file(tmp_path: Path) -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        await pilot.press("x")
        await until_shown(pilot, "Write the rows to a file")
        app.screen.query_one("#prompt-field").value = str(tmp_path / "rows.json")  # type: ignore[attr-defined]  # an Input
        await pilot.press("enter")
        await until(pilot, (tmp_path / "rows.json").exists)
    assert len(json.loads((tmp_path / "rows.json").read_text())) == 6


async def test_a_name_without_a_known_ending_is_refused() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await with_rows(pilot)
        await pilot.press("x")
        await until_shown(pilot, "Write the rows to a file")
        await pilot.press("ctrl+u", *"rows", "enter")
        await until_shown(pilot, "The name must end in one of .csv, .json, .parquet.")


def test_a_spreadsheet_is_not_tricked() -> None:
    columns = (Column("=1+1", "text"), Column("n", "int4"))
    lines = as_csv(ResultTable(columns, [["=cmd()", -5], ["@x", None]], False, 0.0)).splitlines()
    assert lines == ["'=1+1,n", "'=cmd(),-5", "'@x,"]


def test_columns_of_one_name_stay_apart(tmp_path: Path) -> None:
    result = ResultTable((Column("a", "int4"), Column("a", "text")), [[1, "x"]], False, 0.0)
    assert json.loads(as_json(result)) == [{"a": 1, "a_2": "x"}]
    write_result(result, tmp_path / "r.parquet", "parquet")
    assert pq.read_table(tmp_path / "r.parquet").to_pylist() == [{"a": 1, "a_2": "x"}]


values = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.booleans())


@given(st.lists(st.tuples(values, values), max_size=20), st.booleans())
def test_sorting_loses_no_row_and_puts_null_last(rows: list[Any], descending: bool) -> None:
    result = ResultTable((Column("a", "text"), Column("b", "text")), [*map(list, rows)], False, 0)
    done = sorted_by(result, 0, descending=descending).rows
    assert sorted(map(repr, done)) == sorted(map(repr, result.rows))
    absent = [row[0] is None for row in done]
    assert absent == sorted(absent)
    assert all(row in result.rows for row in filtered(result, "a").rows)


@pytest.mark.parametrize("width", [20, 60, 200])
def test_a_chart_of_days_is_a_line_and_others_are_bars(width: int) -> None:
    days = ResultTable(
        (Column("day", "date"), Column("revenue", "numeric")),
        [[f"2026-01-{day:02}", float(day)] for day in range(1, 20)],
        False,
        0.0,
    )
    assert len(chart_lines(days, width)) == 14
    assert len(chart_lines(BEST_SELLERS, width)) == 7
    assert chart_lines(replace(BEST_SELLERS, rows=[]), width) == []


class TestQuery:
    """The editor above its rows; a chart; what is chosen from; an error; nothing run yet."""

    @every_size
    def test_nothing_run_yet(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=at_query)

    @every_size
    def test_rows(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=with_rows)

    @every_size
    def test_a_chart(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()

        async def draw(pilot: Pilot[Any]) -> None:
            await with_rows(pilot)
            await pilot.press("c")
            await until_shown(pilot, "███")

        assert snap_compare(app, terminal_size=size, run_before=draw)

    @every_size
    def test_saved_queries(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()

        async def open_them(pilot: Pilot[Any]) -> None:
            await at_query(pilot)
            await pilot.press("ctrl+o")
            await until_shown(pilot, "Open a query", "Best sellers this month")
            pilot.app.screen.query_one("#chooser-field").cursor_blink = False  # type: ignore[attr-defined]  # an Input
            await pilot.pause()

        assert snap_compare(app, terminal_size=size, run_before=open_them)

    def test_an_error(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def refuse(_: str) -> ResultTable:
            raise ToolError("QUERY_REJECTED", "Only SELECT may run here.", "Send a SELECT.")

        async def fail(pilot: Pilot[Any]) -> None:
            await with_rows(pilot)
            backend.scripted_link.scripted.on_query = refuse
            await pilot.press("f5")
            await until_shown(pilot, "Only SELECT may run here.")

        assert snap_compare(app, terminal_size=LARGE, run_before=fail)
