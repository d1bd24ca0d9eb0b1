"""Search asks when the typing pauses and shows the newest answer only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.ui.scripted import (
    DRIPPING_TAP,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from tests.ui.scripted_operations import POOL
from zava_tui.answers import Hit, SearchHits, ToolError


def one_hit(name: str) -> SearchHits:
    return SearchHits((Hit("X-1", name, "paint", 1.0, 0.5, 1, weak=False),), None, 1.0)


async def test_it_asks_once_the_typing_has_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than a busy machine takes from key to key.
    monkeypatch.setattr("zava_tui.panels.search.DEBOUNCE_SECONDS", 1.0)
    app, backend, _ = scripted_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(pilot)
        searches = backend.scripted_link.scripted.searches
        await pilot.press("slash", *"paint")
        await until(pilot, lambda: "paint" in searches)
        assert not {"p", "pa", "pai", "pain"} & set(searches)


async def test_a_late_answer_to_an_older_question_is_dropped() -> None:
    app, backend, _ = scripted_app()
    release_first = asyncio.Event()

    async def answer(description: str) -> SearchHits:
        if description == "old":
            # Like a server that has already done the work when it hears of the cancellation.
            try:
                await release_first.wait()
            except asyncio.CancelledError:
                await release_first.wait()
        return one_hit(f"hit for {description}")

    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(pilot)
        client = backend.scripted_link.scripted
        client.on_search = answer
        await pilot.press("slash", *"old")
        await until(pilot, lambda: "old" in client.searches)
        await pilot.press(*"er")
        await until_shown(pilot, "hit for older")
        release_first.set()
        await pilot.pause(0.1)
        assert "hit for older" in text_of(pilot)


async def test_an_error_stays_in_the_panel_until_the_next_answer() -> None:
    app, backend, _ = scripted_app()

    async def fail(_: str) -> SearchHits:
        raise ToolError("AI_UNAVAILABLE", "The embedder does not answer.", "Try again in a minute.")

    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(pilot)
        client = backend.scripted_link.scripted
        client.on_search = fail
        await pilot.press("slash", *"paint")
        await until_shown(pilot, "✖ The embedder does not answer.", "Try again in a minute.")
        client.on_search = None
        await pilot.press(*"ed")
        await until_gone(pilot, "The embedder does not answer.")


async def test_a_notice_of_the_server_is_shown_with_the_hits() -> None:
    app, backend, _ = scripted_app()

    async def answer(_: str) -> SearchHits:
        return SearchHits(DRIPPING_TAP.hits, "No exact match; these come nearest.", 2.0)

    backend.scripted_link.scripted.on_search = answer
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(pilot)
        await until_shown(pilot, "No exact match; these come nearest.", "Faucet Washer Kit")


async def test_down_goes_from_the_field_to_the_hits() -> None:
    app, _, _ = scripted_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until_live(pilot)
        await pilot.press("slash", "down")
        await until(pilot, lambda: app.focused is app.screen.query_one("#hits RowCursor"))


async def test_it_asks_again_when_the_search_index_has_grown() -> None:
    app, backend, _ = scripted_app()
    client = backend.scripted_link.scripted
    client.pool = replace(POOL, embedded=128)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "◐ indexing", "128 of 456 products")
        await until_live(pilot)
        asked = len(client.searches)
        client.pool = POOL
        await until(pilot, lambda: len(client.searches) == asked + 1)
