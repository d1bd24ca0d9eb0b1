"""Steps that tests of the screen Query have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from tests.ui.scripted import ScriptedClient, scripted_app, until, until_live, until_shown
from zava_tui.panels.work_editor import WorkEditor
from zava_tui.screens.query import QueryScreen

LARGE = (120, 40)


@asynccontextmanager
async def querying(
    *size: int, rows: bool = False
) -> AsyncIterator[tuple[Pilot[Any], ScriptedClient]]:
    """The app at Query, its first statement run where there are to be `rows`."""
    app, backend, _ = scripted_app()
    async with app.run_test(size=(size[0], size[1]) if size else LARGE) as pilot:
        await (with_rows if rows else at_query)(pilot)
        yield pilot, backend.scripted_link.scripted


async def at_query(pilot: Pilot[Any]) -> None:
    await until_live(pilot)
    await pilot.press("3")
    await until_shown(pilot, "date_trunc")
    for editor in screen_of(pilot).query(WorkEditor):
        editor.cursor_blink = False
    await until(pilot, lambda: pilot.app.focused is screen_of(pilot).workbench.editor)


async def with_rows(pilot: Pilot[Any]) -> None:
    await at_query(pilot)
    await pilot.press("f5")
    await until_shown(pilot, "6 rows", "14,940.00")
    await until(pilot, lambda: screen_of(pilot).results.has_focus_within)
    # What runs ends a moment after its rows are there, and keys wait for that.
    await until(pilot, lambda: screen_of(pilot).results.freshness.busy_since is None)
    await pilot.pause()


def screen_of(pilot: Pilot[Any]) -> QueryScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, QueryScreen)
    return screen


def editor_of(pilot: Pilot[Any]) -> WorkEditor:
    return screen_of(pilot).workbench.editor
