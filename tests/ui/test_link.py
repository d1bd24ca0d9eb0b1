"""When the server stops, starts late or not at all, the app says so and nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ui.scripted import (
    MAYA,
    overview_of,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from tests.ui.scripted_operations import POOL
from zava_tui.answers import DISCONNECTED, ResultTable, SetupProgress, ToolError
from zava_tui.app import PATIENCE_SECONDS
from zava_tui.link_states import Failed, Live, Preparing, Retrying, Starting

SIZE = (120, 40)


async def test_the_editor_keeps_its_text_over_a_restart() -> None:
    app, backend, clock = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        await pilot.press("e", "ctrl+home", *"select 1 ")
        link = backend.scripted_link
        link.become(Retrying("server stopped", "restarting", clock.now + 1))
        await until_shown(pilot, "✖ server stopped, restarting in 1 s")
        await pilot.press(*"as a ")
        link.become(Starting())
        await until_shown(pilot, "◌ restarting the server")
        link.become(Live(MAYA))
        await until_gone(pilot, "offline")
        editor = overview_of(pilot).query_one("#sql-editor")
        assert getattr(editor, "text", "").startswith("select 1 as a --")


async def test_offline_counts_from_the_loss_and_recovering_is_said() -> None:
    app, backend, clock = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        link = backend.scripted_link
        clock.now += 480
        link.become(Retrying("server stopped", "restarting", clock.now + 1))
        await until_shown(pilot, "✖ offline 0 s")
        assert overview_of(pilot).query_one("RevenueStrip").has_class("-dimmed")
        clock.now += 5
        await until_shown(pilot, "✖ offline 5 s")
        link.become(Starting())
        await until_shown(pilot, "◐ recovering 5 s")
        link.become(Live(MAYA))
        await until_gone(pilot, "recovering")
        await until(
            pilot, lambda: not overview_of(pilot).query_one("RevenueStrip").has_class("-dimmed")
        )


@pytest.mark.parametrize("screen", ["2", "3"])
async def test_a_screen_without_a_server_yet_says_connecting(screen: str) -> None:
    app, backend, _ = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        link = backend.scripted_link
        link.become(Starting())
        await until_shown(pilot, "starting")
        await pilot.press(screen)
        await until_shown(pilot, "◌ connecting")
        assert "offline" not in text_of(pilot)
        link.become(Failed())
        await until_shown(pilot, "✖ offline")


async def test_the_overview_is_offline_once_the_first_start_has_failed() -> None:
    app, _, _ = scripted_app(Starting(), ToolError(DISCONNECTED, "The server stopped."))
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "The server stopped.", "✖ offline")


async def test_a_reconnect_shows_no_first_start() -> None:
    app, backend, clock = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        link = backend.scripted_link
        link.become(Retrying("server stopped", "restarting", clock.now + 1))
        link.become(Starting())
        link.become(Preparing(SetupProgress("database", 0.0, "starting PostgreSQL", "/data")))
        await until_shown(pilot, "◐ recovering the database", "14,940.00")
        await pilot.pause(PATIENCE_SECONDS + 0.3)
        assert app.screen is app.overview


async def test_what_one_panel_knows_of_the_database_is_said_on_top() -> None:
    app, backend, _ = scripted_app()
    client = backend.scripted_link.scripted
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        client.on_revenue = _database_gone
        client.pool = replace(POOL, status="down", reason="No connection to the database is open.")
        await until_shown(pilot, "✖ No connection to the database is open.", "✖ down")
        assert overview_of(pilot).query_one("RevenueStrip").has_class("-dimmed")
        client.on_revenue, client.pool = None, POOL
        await until_gone(pilot, "✖")
        assert not overview_of(pilot).query_one("RevenueStrip").has_class("-dimmed")


async def _database_gone(_: str) -> ResultTable:
    raise ToolError("DATABASE_UNAVAILABLE", "No connection to the database is open.")


async def test_the_last_data_stay_dimmed_while_offline() -> None:
    app, backend, clock = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        clock.now += 7
        backend.scripted_link.become(Retrying("server stopped", "restarting", clock.now + 1))
        await until_shown(pilot, "offline 0 s", "14,940.00", "Faucet Washer Kit", "$6,412")
        assert all(panel.has_class("-dimmed") for panel in overview_of(pilot).panels)


async def test_a_reconnect_does_not_run_the_statement_again() -> None:
    app, backend, clock = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        link = backend.scripted_link
        before = list(link.scripted.statements)
        link.become(Retrying("server stopped", "restarting", clock.now + 1))
        await until_shown(pilot, "server stopped")
        link.become(Live(MAYA))
        await until_gone(pilot, "offline")
        assert link.scripted.statements == before


async def test_running_without_a_server_says_so_and_loses_nothing() -> None:
    app, backend, clock = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        backend.scripted_link.become(Retrying("server stopped", "restarting", clock.now + 1))
        await until_shown(pilot, "server stopped")
        await pilot.press("f5")
        await until_shown(pilot, "✖ There is no server at the moment.", "14,940.00")


async def test_a_statement_that_died_with_the_server_says_how_to_go_on() -> None:
    app, backend, _ = scripted_app()

    async def lost(_: str) -> ResultTable:
        raise ToolError(DISCONNECTED, "The server is not connected.")

    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        backend.scripted_link.scripted.on_query = lost
        await pilot.press("f5")
        await until_shown(pilot, "The server stopped while this statement ran.", "press F5")


async def test_data_that_stop_coming_are_called_stale() -> None:
    app, backend, clock = scripted_app()
    never = asyncio.Event()

    async def hang(*_: object) -> None:
        await never.wait()

    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        client = backend.scripted_link.scripted
        client.pool_health = hang  # type: ignore[method-assign, assignment]
        overview_of(pilot)._feeds.connect(client)  # type: ignore[union-attr]
        clock.now += 41
        await until_shown(pilot, "○ stale 41 s")


async def test_a_quick_start_shows_no_card() -> None:
    app, _, _ = scripted_app(
        Starting(), Preparing(SetupProgress("database", 0.5, "starting")), Live(MAYA)
    )
    async with app.run_test(size=SIZE) as pilot:
        await until_live(pilot)
        assert "First start" not in text_of(pilot)
        assert app.screen is app.overview


async def test_a_slow_start_of_a_database_that_is_there_is_no_first_start() -> None:
    app, _, _ = scripted_app(
        Starting(), Preparing(SetupProgress("database", 0.1, "starting PostgreSQL", "/data"))
    )
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "Zava is starting its database in /data.", "starting PostgreSQL")
        assert "First start" not in text_of(pilot)


async def test_the_card_goes_when_the_database_is_ready() -> None:
    app, backend, _ = scripted_app(
        Starting(), Preparing(SetupProgress("demo data", 0.5, "100,000 of 200,000 orders"))
    )
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "First start", "100,000 of 200,000 orders", "50%")
        backend.scripted_link.become(Live(MAYA))
        await until(pilot, lambda: app.screen is app.overview)
        await until_live(pilot)


async def test_a_server_that_cannot_start_can_be_tried_again() -> None:
    failure = ToolError("DATABASE_UNAVAILABLE", "The data directory cannot be written.", "Free it.")
    app, backend, _ = scripted_app(failure)
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "✖ No server", "The data directory cannot be written.", "Free it.")
        backend.scripted_link.script = (Live(MAYA),)
        await pilot.press("r")
        await until_live(pilot)
        assert backend.linked_as == ["seattle", "seattle"]


async def test_after_an_unknown_user_one_can_choose_another() -> None:
    app, backend, _ = scripted_app(
        ToolError("VALIDATION_ERROR", "There is no user seatle."), user="seatle"
    )
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "There is no user seatle.")
        backend.scripted_link.script = (Live(MAYA),)
        await pilot.press("u")
        await until_shown(pilot, "Who are you?")
        await pilot.press("down", "enter")
        await until_live(pilot)
        assert backend.linked_as == ["seatle", "seattle"]


async def test_the_picker_starts_as_who_was_picked() -> None:
    app, backend, _ = scripted_app(user=None)
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "Who are you?", "Carol Nakamura", "regional manager", "3 stores")
        await pilot.press("j", "j", "enter")
        await until_live(pilot)
        assert backend.linked_as == ["puget-sound"]
        assert backend.scripted_preparation.left


async def test_a_database_that_cannot_be_made_says_why() -> None:
    app, backend, _ = scripted_app(user=None)
    backend.scripted_preparation.script = (
        SetupProgress("database", 0.0, "/var/lib/zava"),
        ToolError("DATABASE_UNAVAILABLE", "The disk is full.", "Free 200 MB in /var/lib."),
    )
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "✖ No server", "The disk is full.", "Free 200 MB in /var/lib.")


async def test_a_mistake_of_the_app_is_said_and_kept_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    app, backend, _ = scripted_app()

    async def bug(_: str) -> ResultTable:
        raise ZeroDivisionError("a bug")

    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until_live(pilot)
        backend.scripted_link.scripted.on_query = bug
        await pilot.press("f5")
        await until_shown(pilot, "Part of the app has failed.")
        assert "a bug" in (tmp_path / "zava" / "log" / "app.log").read_text()
        backend.scripted_link.scripted.on_query = None
        await pilot.press("f5")
        await until_shown(pilot, "14,940.00", "● ready")
