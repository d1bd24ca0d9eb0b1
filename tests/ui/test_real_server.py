"""The real app with the real server on a real database."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.ui.scripted import overview_of, text_of, until, until_gone, until_shown
from zava_tui.app import ZavaApp
from zava_tui.backend import LocalBackend
from zava_tui.link_states import LinkState, Live
from zava_tui.sql import REVENUE
from zava_tui.starter_queries import STARTERS
from zava_tui.summary import print_summary

if TYPE_CHECKING:
    import asyncpg
    from textual.pilot import Pilot

    from zava_server.infrastructure.settings import Settings
    from zava_server.startup import Database

SIZE = (120, 40)
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _log_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def backend(database: Database, settings: Settings) -> LocalBackend:
    return LocalBackend(str(settings.data_dir))


def servers() -> list[psutil.Process]:
    """The servers that this process has started."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "zava_server" in " ".join(child.cmdline())
    ]


async def until_all_live(pilot: Pilot[Any]) -> None:
    """Wait until strip, rows, hits, statistics and pool are all there."""
    await until_shown(pilot, "● live", "7 days", "$", "revenue", seconds=PATIENCE)
    await until_shown(pilot, " rows · ", " products · ", "over 1.0 s", "in use", seconds=PATIENCE)


async def test_a_manager_sees_all_panels_live(backend: LocalBackend) -> None:
    app = ZavaApp(backend, user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until_all_live(pilot)
        await until_shown(pilot, "Maya Lindqvist  Seattle", "● ok", "embedded")
        text = text_of(pilot)
        assert "✖" not in text


async def test_a_terminal_without_a_cursor_gets_the_sales_in_plain_lines(
    backend: LocalBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(print_summary, backend, "seattle") == 0
    told = capsys.readouterr().out
    assert told.startswith("Zava: Maya Lindqvist, Seattle\nToday")
    assert "30 days" in told
    assert "\x1b" not in told


async def test_a_summary_for_nobody_says_why_there_is_none(
    backend: LocalBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(print_summary, backend, "nobody") == 1
    assert "nobody" in capsys.readouterr().err


async def test_every_query_one_starts_with_runs_for_a_manager(backend: LocalBackend) -> None:
    link = backend.link("seattle")
    live = asyncio.Event()

    def report(state: LinkState) -> None:
        if isinstance(state, Live):
            live.set()

    running = asyncio.create_task(link.run(report))
    try:
        async with asyncio.timeout(PATIENCE):
            await live.wait()
            assert link.client is not None
            found = [len((await link.client.query(s.sql)).rows) for s in STARTERS]
            tables = await link.client.columns_by_table()
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert sum(1 for rows in found if rows) >= len(STARTERS) - 2, found
    assert "total_amount" in tables["orders"]


async def test_the_strip_says_what_the_orders_say(
    backend: LocalBackend, owner: asyncpg.Connection
) -> None:
    link = backend.link("seattle")
    live = asyncio.Event()

    def report(state: LinkState) -> None:
        if isinstance(state, Live):
            live.set()

    running = asyncio.create_task(link.run(report))
    try:
        async with asyncio.timeout(PATIENCE):
            await live.wait()
        assert link.client is not None
        answer = await link.client.query(REVENUE)
    finally:
        running.cancel()
        await asyncio.wait([running])
    orders = await owner.fetch(
        """
        SELECT (now() AT TIME ZONE time_zone)::date - (order_date AT TIME ZONE time_zone)::date
                   AS days_ago,
               sum(total_amount)::float8 AS revenue
        FROM retail.orders JOIN retail.stores USING (store_id)
        WHERE name = 'Seattle' AND status = 'completed'
        GROUP BY 1
        """
    )
    by_orders = {row["days_ago"]: row["revenue"] for row in orders if 1 <= row["days_ago"] < 60}
    by_strip = {row[0]: float(row[1]) for row in answer.rows if row[1] and row[0] >= 1}
    assert len(by_orders) > 10
    assert by_strip == pytest.approx(by_orders)


async def test_an_error_of_the_database_is_shown_and_the_app_goes_on(
    backend: LocalBackend,
) -> None:
    app = ZavaApp(backend, user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until_all_live(pilot)
        editor: Any = overview_of(pilot).query_one("#sql-editor")
        editor.text = "SELECT nmae FROM retail.products"
        await pilot.press("f5")
        await until_shown(pilot, "✖ error", "nmae", seconds=PATIENCE)
        editor.text = "SELECT 6 * 7 AS answer"
        await pilot.press("f5")
        await until_shown(pilot, "1 row · ", "answer", "42", seconds=PATIENCE)
        await until_gone(pilot, "✖ error")


async def test_after_a_kill_the_server_is_restarted_and_the_text_is_there(
    backend: LocalBackend,
) -> None:
    app = ZavaApp(backend, user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until_all_live(pilot)
        editor: Any = overview_of(pilot).query_one("#sql-editor")
        editor.text = "SELECT 'unsaved thoughts' AS mine"
        (server,) = servers()
        server.send_signal(signal.SIGKILL)
        await until_shown(pilot, "✖ server stopped, restarting in", "✖ offline", seconds=PATIENCE)
        await until(
            pilot, lambda: "offline" not in text_of(pilot) and "● live" in text_of(pilot), PATIENCE
        )
        assert editor.text == "SELECT 'unsaved thoughts' AS mine"
        assert [process.pid for process in servers()] != [server.pid]
        await pilot.press("f5")
        await until_shown(pilot, "unsaved thoughts", "1 row · ", seconds=PATIENCE)


async def test_without_a_user_one_is_picked_from_those_of_the_database(
    backend: LocalBackend,
) -> None:
    app = ZavaApp(backend)
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "Who are you?", "puget-sound", "8 stores", seconds=PATIENCE)
        await pilot.press("enter")
        await until_all_live(pilot)
        assert "Daniel Park  Bellevue" in text_of(pilot)
        # The process that made the database ready has let go of it.
        await until(pilot, lambda: len(servers()) == 1, PATIENCE)


async def test_an_unknown_user_gets_the_servers_sentence(backend: LocalBackend) -> None:
    app = ZavaApp(backend, user="seatle")
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "✖ No server", "seatle", "r try again", seconds=PATIENCE)
        assert "Traceback" not in text_of(pilot)


async def test_an_unusable_database_url_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZAVA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    app = ZavaApp(LocalBackend(), user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until_shown(pilot, "✖ No server", "r try again", seconds=PATIENCE)
        assert "Traceback" not in text_of(pilot)


async def test_quitting_leaves_no_process(backend: LocalBackend) -> None:
    app = ZavaApp(backend, user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until_all_live(pilot)
        assert servers()
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert not servers()


async def test_quitting_while_the_server_starts_leaves_no_process(backend: LocalBackend) -> None:
    app = ZavaApp(backend, user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, servers)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert not servers()


async def test_a_restart_that_is_asked_for_brings_another_server(backend: LocalBackend) -> None:
    app = ZavaApp(backend, user="seattle")
    async with app.run_test(size=SIZE) as pilot:
        await until_all_live(pilot)
        before = {server.pid for server in servers()}
        await app.run_action("app.mode('health')")
        await until_shown(pilot, "● ok", "identity key", "ready user=seattle", seconds=PATIENCE)
        await pilot.press("R")
        await until_shown(pilot, "Restart the server?")
        await pilot.press("y")
        await until_shown(pilot, "restarting the server", seconds=PATIENCE)
        await until_shown(pilot, "● connected", "● live", seconds=PATIENCE)
        after = {server.pid for server in servers()}
        assert after
        assert not before & after
