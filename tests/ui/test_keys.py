"""The keys do what the footer and the help say."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ui.scripted import (
    BEST_SELLERS,
    overview_of,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from zava_tui.answers import ResultTable
from zava_tui.modes import MODES
from zava_tui.preparation import DemoUser
from zava_tui.screens.help import HelpScreen

LARGE, SMALL = (120, 40), (80, 24)


async def test_the_rows_have_the_focus_once_they_are_there() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await until(pilot, lambda: app.focused is not None)
        assert app.focused is overview_of(pilot).query_one("#results DataTable")


async def test_tab_goes_the_way_the_eye_goes() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("e")
        visited = []
        for _ in range(8):
            assert app.focused is not None
            visited.append(type(app.focused).__name__)
            await pilot.press("tab")
        assert visited == [
            "SqlEditor",
            "ResultGrid",
            "SearchField",
            "RowCursor",
            "RowCursor",
            "PoolText",
            "TrendText",
            "VerticalScroll",
        ]
        assert app.focused is overview_of(pilot).query_one("#sql-editor")


async def test_e_goes_to_the_editor_and_escape_out_of_it() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("e")
        assert app.focused is overview_of(pilot).query_one("#sql-editor")
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is overview_of(pilot).query_one("ResultGrid"))


async def test_in_a_field_letters_are_text() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("slash", *"zeq1")
        field = overview_of(pilot).query_one("#search-field")
        assert getattr(field, "value", None) == "zeq1"
        assert not overview_of(pilot).has_class("-zoomed")


async def test_escape_in_the_search_field_goes_to_the_hits() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("slash", "escape")
        await until(pilot, lambda: app.focused is overview_of(pilot).query_one("#hits RowCursor"))


async def test_z_maximises_the_panel_with_the_focus_and_restores_all() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        overview_of(pilot).action_show_panel("pool")
        await pilot.press("z")
        await until_gone(pilot, "Slow queries")
        assert "Pool" in text_of(pilot)
        await pilot.press("z")
        await until_shown(pilot, "Slow queries", "Query results", "30 days")


async def test_escape_restores_a_maximised_panel() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("z")
        await until_gone(pilot, "Slow queries")
        await pilot.press("escape")
        await until_shown(pilot, "Slow queries")


async def test_brackets_go_through_the_panels_where_there_is_room_for_one() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=SMALL) as pilot:
        await until_live(pilot)
        for key, sign in (
            ("right_square_bracket", "otherwise sell $163 a day"),
            ("right_square_bracket", "! order"),
            ("right_square_bracket", "14,940.00"),
            ("right_square_bracket", "Faucet Washer Kit"),
            ("right_square_bracket", "$149,400"),
            ("right_square_bracket", "c.last_name"),
            ("right_square_bracket", "3 of 10"),
            ("right_square_bracket", "Outdoor power"),
            ("right_square_bracket", "Nov 2024"),
            ("left_square_bracket", "Outdoor power"),
        ):
            await pilot.press(key)
            await until_shown(pilot, sign)


async def test_a_click_on_a_name_shows_its_panel() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=SMALL) as pilot:
        await until_live(pilot)
        await pilot.click("TabLine", offset=(39, 0))
        await until_shown(pilot, "Faucet Washer Kit")


async def test_shrinking_the_window_keeps_the_panel_in_use() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("slash")
        await pilot.resize_terminal(*SMALL)
        await until_shown(pilot, "[ ]", "Faucet Washer Kit")
        await until_gone(pilot, "14,940.00")


async def test_f5_runs_the_statement_from_anywhere() -> None:
    app, backend, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        statements = backend.scripted_link.scripted.statements
        before = len(statements)
        await pilot.press("f5")
        await until(pilot, lambda: len(statements) == before + 1)
        await pilot.press("e", "f5")
        await until(pilot, lambda: len(statements) == before + 2)


async def test_escape_stops_a_running_statement_and_the_rows_stay() -> None:
    app, backend, _ = scripted_app()
    stopped = asyncio.Event()

    async def never(_: str) -> ResultTable:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError("unreachable")

    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        backend.scripted_link.scripted.on_query = never
        await pilot.press("f5")
        await until_shown(pilot, "◐ running", "esc back")
        await pilot.press("escape")
        await until_shown(pilot, "stopped", "14,940.00")
        assert stopped.is_set()


async def test_a_second_run_replaces_the_first() -> None:
    app, backend, _ = scripted_app()
    runs: list[str] = []

    async def first_hangs(sql: str) -> ResultTable:
        runs.append(sql)
        if len(runs) == 1:
            await asyncio.Event().wait()
        return ResultTable((), [], truncated=False, elapsed_ms=1.0)

    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        backend.scripted_link.scripted.on_query = first_hangs
        await pilot.press("f5")
        await until(pilot, lambda: len(runs) == 1)
        await pilot.press("f5")
        await until_shown(pilot, "No rows.")


async def test_truncation_is_said_plainly() -> None:
    app, backend, _ = scripted_app()

    async def many(_: str) -> ResultTable:
        rows = [BEST_SELLERS.rows[0]] * 1000
        return ResultTable(BEST_SELLERS.columns, rows, truncated=True, elapsed_ms=12.8)

    backend.scripted_link.scripted.on_query = many
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        assert "first 1,000 of more · 13 ms" in text_of(pilot)


@pytest.mark.parametrize(
    ("behind", "said"), [(None, "6 rows · 4.2 ms · ●"), (2.1, "6 rows · 4.2 ms · 3 s old")]
)
async def test_an_answer_that_may_be_old_says_so(behind: float | None, said: str) -> None:
    app, backend, _ = scripted_app()

    async def old(_: str) -> ResultTable:
        return replace(BEST_SELLERS, behind_seconds=behind)

    backend.scripted_link.scripted.on_query = old
    async with app.run_test(size=LARGE) as pilot:
        await until_shown(pilot, said)


async def test_f1_helps_and_escape_closes_the_help() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("f1")
        await until_shown(pilot, "Help: overview", "to the SQL editor")
        await pilot.press("f1")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_the_palette_knows_every_action() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert titles == {
            "Editor",
            "Run query",
            "Search products",
            "Maximise panel",
            "Next period",
            "Go to revenue",
            "Go to what changed",
            "Go to stock alerts",
            "Go to query results",
            "Go to search",
            "Go to best sellers",
            "Go to slow queries",
            "Go to pool",
            "Go to categories",
            *(f"Screen: {title}" for title in MODES.values() if title != "Overview"),
            "Help",
            "Theme: dark",
            "Theme: light",
            "Theme: high-contrast",
            "Theme: colour-blind",
            "Quit",
        }
        await pilot.press("ctrl+p")
        await until_shown(pilot, "Give the present panel all the room, or show all")


async def test_the_theme_changes_at_once_syntax_included() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        app.theme = "zava-light"
        editor = overview_of(pilot).query_one("#sql-editor")
        await until(pilot, lambda: getattr(editor, "theme", "") == "sql-zava-light")


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_the_app_quits(key: str) -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)


async def test_ctrl_q_quits_from_the_editor() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("e", "q")
        assert app.is_running
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (1, 1), (300, 100)])
async def test_no_window_is_too_small_or_too_large(size: tuple[int, int]) -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=size) as pilot:
        await until_live(pilot)
        await pilot.press("z", "e", "slash", "f1", "escape", "tab", "z")
        assert app.is_running


async def test_in_the_smallest_window_the_picker_follows_the_cursor_to_the_last_user() -> None:
    app, backend, _ = scripted_app(user=None)
    backend.scripted_preparation.people = [
        DemoUser(f"user-{number}", f"Person {number}", "viewer", ()) for number in range(11)
    ]
    async with app.run_test(size=(40, 10)) as pilot:
        await until_shown(pilot, "Who are you?", "Person 0", "q quit")
        await pilot.press("end")
        await until_shown(pilot, "Person 10")


async def test_in_the_smallest_window_help_and_quit_are_in_sight() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=(40, 10)) as pilot:
        await until_live(pilot)
        last_line = text_of(pilot).splitlines()[-1]
        assert last_line.startswith(" F1 help")
        assert last_line.endswith("q quit ")


async def test_a_click_on_a_key_does_what_the_key_does() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.click("KeyLine", offset=(2, 0))
        await until_shown(pilot, "Help: overview")


async def test_a_window_that_shrinks_and_grows_again_looks_as_before() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=(200, 60)) as pilot:
        await until_live(pilot)
        await pilot.pause(0.2)
        before = text_of(pilot)
        await pilot.resize_terminal(40, 10)
        await until_gone(pilot, "30 days")
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: text_of(pilot) == before)
