"""Pictures of the screen Query. Each class says what one sees in them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.query_screen import at_query, editor_of, with_rows
from tests.ui.scripted import (
    BEST_SELLERS,
    ScriptedBackend,
    scripted_app,
    until_gone,
    until_shown,
)
from tests.ui.test_snapshots import Compare, every_size
from zava_tui.answers import Column, ResultTable, ToolError
from zava_tui.link_states import Retrying

pytestmark = pytest.mark.usefixtures("_files_of_its_own")

DAYS = ResultTable(
    (Column("day", "date"), Column("revenue", "numeric")),
    [[f"2026-11-{day:02}", 900.0 + (day * 37) % 11 * 120.5] for day in range(1, 23)],
    truncated=False,
    elapsed_ms=2.5,
)


def answering(backend: ScriptedBackend, result: ResultTable) -> None:
    async def answer(_: str) -> ResultTable:
        return result

    backend.scripted_link.scripted.on_query = answer


async def pressing(pilot: Pilot[Any], keys: tuple[str, ...], shown: tuple[str, ...]) -> None:
    """With rows, press `keys` and wait for what they show."""
    await with_rows(pilot)
    await pilot.press(*keys)
    await until_shown(pilot, *shown)
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    await pilot.pause()


class TestEditor:
    """Tabs above the editor, its lines numbered, suggestions below; an invitation to run it."""

    @every_size
    def test_nothing_run_yet(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        assert snap_compare(app, terminal_size=size, run_before=at_query)

    @every_size
    def test_suggestions(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await at_query(pilot)
            await pilot.press("ctrl+t")
            await until_shown(pilot, "query 2")
            editor_of(pilot).cursor_blink = False
            editor_of(pilot).load_text("SELECT  FROM retail.orders")
            editor_of(pilot).move_cursor((0, 7))
            await pilot.press("o")
            await until_shown(pilot, "tab takes it")

        assert snap_compare(app, terminal_size=size, run_before=go)

    @every_size
    def test_a_place_that_is_wrong(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, _ = scripted_app()

        async def refuse(_: str) -> ResultTable:
            raise ToolError(
                "DATABASE_ERROR",
                'column "revnue" does not exist (line 7, column 10).',
                "Perhaps you meant to reference the column revenue.",
            )

        async def go(pilot: Pilot[Any]) -> None:
            await with_rows(pilot)
            backend.scripted_link.scripted.on_query = refuse
            await pilot.press("f5")
            await until_shown(pilot, "does not exist")

        assert snap_compare(app, terminal_size=size, run_before=go)


class TestRows:
    """The rows below the editor; how many, how long it took, and how they are arranged."""

    @every_size
    def test_the_first_of_more(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, _ = scripted_app()
        answering(backend, replace(BEST_SELLERS, truncated=True))

        async def go(pilot: Pilot[Any]) -> None:
            await at_query(pilot)
            await pilot.press("f5")
            await until_shown(pilot, "first 6 of more")

        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_sorted_and_filtered(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await pressing(pilot, ("l", "s"), ("sorted: units ▲",))
            await pilot.press("f", *"pri", "enter")
            await until_shown(pilot, "1 with “pri” of 6 rows")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_with_all_the_room(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()

        async def zoomed(pilot: Pilot[Any]) -> None:
            await with_rows(pilot)
            await pilot.press("z")
            await until_gone(pilot, "date_trunc")

        assert snap_compare(app, terminal_size=(80, 24), run_before=zoomed)

    def test_no_rows(self, snap_compare: Compare) -> None:
        app, backend, _ = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await at_query(pilot)
            answering(backend, replace(BEST_SELLERS, rows=[]))
            await pilot.press("f5")
            await until_shown(pilot, "0 rows", "No rows.")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    @every_size
    def test_a_row_to_read(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        go = partial(pressing, keys=("G", "r"), shown=("Row",))
        assert snap_compare(app, terminal_size=size, run_before=go)


class TestRunning:
    """The rows before stay, dimmed; the border says how long it runs and how to stop it."""

    @every_size
    def test_for_three_seconds(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, clock = scripted_app()

        async def never(_: str) -> ResultTable:
            await asyncio.Event().wait()
            raise AssertionError

        async def go(pilot: Pilot[Any]) -> None:
            await with_rows(pilot)
            backend.scripted_link.scripted.on_query = never
            await pilot.press("f5")
            await until_shown(pilot, "◐ running")
            clock.now += 3.2
            await until_shown(pilot, "escape stops it · ◐ running 3 s")

        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_the_server_has_stopped(self, snap_compare: Compare) -> None:
        app, backend, clock = scripted_app()

        async def go(pilot: Pilot[Any]) -> None:
            await with_rows(pilot)
            state = Retrying("server stopped", "restarting", clock.now + 3)
            backend.scripted_link.become(state)
            await until_shown(pilot, "✖ offline 0 s")

        assert snap_compare(app, terminal_size=(120, 40), run_before=go)


class TestChart:
    """Bars by what the rows are about, or a line over days."""

    @every_size
    def test_bars(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        go = partial(pressing, keys=("l", "c"), shown=("units  by product", "███"))
        assert snap_compare(app, terminal_size=size, run_before=go)

    @every_size
    def test_a_line(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, backend, _ = scripted_app()
        answering(backend, DAYS)

        async def go(pilot: Pilot[Any]) -> None:
            await at_query(pilot)
            await pilot.press("f5")
            await until_shown(pilot, "22 rows")
            await pilot.press("c")
            await until_shown(pilot, "revenue  by day", "2026-11-22")

        assert snap_compare(app, terminal_size=size, run_before=go)


class TestCards:
    """What is chosen from, asked for, or read, over the screen."""

    @every_size
    def test_saved_queries(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        go = partial(pressing, keys=("ctrl+o",), shown=("Best sellers this month",))
        assert snap_compare(app, terminal_size=size, run_before=go)

    @every_size
    def test_a_plan(self, snap_compare: Compare, size: tuple[int, int]) -> None:
        app, _, _ = scripted_app()
        go = partial(pressing, keys=("f6",), shown=("Seq Scan on orders",))
        assert snap_compare(app, terminal_size=size, run_before=go)

    def test_a_file_to_write(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()
        go = partial(pressing, keys=("x",), shown=("Write the rows to a file",))
        assert snap_compare(app, terminal_size=(120, 40), run_before=go)

    def test_help(self, snap_compare: Compare) -> None:
        app, _, _ = scripted_app()
        go = partial(pressing, keys=("f1",), shown=("Help: query",))
        assert snap_compare(app, terminal_size=(120, 40), run_before=go)
