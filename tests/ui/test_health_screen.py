"""Health: checks, connections and the server's log; reconnect and restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.scripted import (
    MAYA,
    Clock,
    ScriptedLink,
    overview_of,
    scripted_app,
    text_of,
    until,
    until_gone,
    until_live,
    until_shown,
)
from tests.ui.scripted_operations import AILING, HEALTH, POOL
from zava_tui.answers import ReplicasHealth, ServerHealth, ToolError
from zava_tui.link_states import Live, Retrying, Starting
from zava_tui.log_tail import KEPT, READ_AT_FIRST, LogLine, LogTail, at_least, parsed
from zava_tui.panels.checks import health_lines, size

READY = "2026-11-22T14:02:11.013671Z [info     ] ready      [zava_server.backend] user=seattle\n"
WARNED = "2026-11-22T14:07:31.100000Z [warning  ] slow query [zava_server.query] ms=1410\n"
FAILED = "2026-11-22T14:09:00.000000Z [error    ] Redis is away [zava_server.cache] error=Timeout\n"


@dataclass
class Watched:
    pilot: Pilot[Any]
    link: ScriptedLink
    clock: Clock
    log: Path

    def write(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "server.log"
    file.write_text(READY, encoding="utf-8")
    return file


@asynccontextmanager
async def watching(log: Path | None, size: tuple[int, int] = (140, 40)) -> AsyncIterator[Watched]:
    live = Live(MAYA, None if log is None else str(log))
    app, backend, clock = scripted_app(Starting(), live)
    async with app.run_test(size=size) as pilot:
        await until_live(pilot)
        await app.run_action("app.mode('health')")
        await until_shown(pilot, "identity key", "in use")
        yield Watched(pilot, backend.scripted_link, clock, log or Path("none"))


class TestChecks:
    async def test_each_says_how_it_is_and_since_when(self, log: Path) -> None:
        async with watching(log) as at:
            await until_shown(at.pilot, "● ok", "database", "disk", "since", "up 2 h")

    async def test_what_ails_comes_first_with_its_reason(self, log: Path) -> None:
        async with watching(log) as at:
            at.link.scripted.health = AILING
            await at.pilot.press("r")
            await until_shown(at.pilot, "31 MB are free", "◐ degraded", "zava 0.1.0")
            text = text_of(at.pilot)
            assert text.index("disk") < text.index("embedder") < text.index("database")

    async def test_an_error_stays_until_the_next_answer(self, log: Path) -> None:
        async with watching(log) as at:

            async def refuse() -> ServerHealth:
                raise ToolError("BUSY", "All connections stayed in use.", "Try again.")

            at.link.scripted.on_health = refuse
            await at.pilot.press("r")
            await until_shown(at.pilot, "✖ All connections stayed in use.", "identity key")
            at.link.scripted.on_health = None
            await at.pilot.press("r")
            await until_gone(at.pilot, "stayed in use")

    async def test_nothing_is_asked_while_another_screen_is_shown(self, log: Path) -> None:
        async with watching(log) as at:
            await at.pilot.press("1")
            await until(at.pilot, lambda: at.pilot.app.screen is overview_of(at.pilot))
            screen = at.pilot.app.get_screen_stack("health")[0]
            workers = [w for w in at.pilot.app.workers if w.node is screen and w.is_running]
            assert not workers
            asked = at.link.scripted.health_asked
            await at.pilot.app.run_action("app.mode('health')")
            await until(at.pilot, lambda: at.link.scripted.health_asked > asked)

    def test_a_part_that_is_not_known_yet_is_shown_all_the_same(self) -> None:
        check = replace(HEALTH.checks[0], name="[b]new[/]", status="odd", since="never")
        lines = health_lines(replace(HEALTH, checks=(check,)), 60, datetime.now(UTC))
        assert "◌ odd" in next(lines).plain

    @pytest.mark.parametrize(
        ("count", "text"), [(12, "12 B"), (31_000_000, "31 MB"), (53_600_000_000, "53.6 GB")]
    )
    def test_bytes_come_in_the_unit_that_fits(self, count: int, text: str) -> None:
        assert size(count) == text


class TestConnections:
    async def test_gauges_courses_and_ends(self, log: Path) -> None:
        async with watching(log) as at:
            await until_shown(
                at.pilot, "3 of 10", "4, 1 idle", "nobody", "6 opened", "closed: 2 unused"
            )

    async def test_who_waits_is_said(self, log: Path) -> None:
        async with watching(log) as at:
            at.link.scripted.pool = replace(
                POOL, waiting=2, waiting_history=(0, 3, 2), status="degraded", reason="Two wait."
            )
            await at.pilot.press("r")
            await until_shown(at.pilot, "! 2 now, most 3", "◐ degraded", "Two wait.")

    async def test_replicas_have_a_line_where_there_are_any(self, log: Path) -> None:
        async with watching(log) as at:
            await until_shown(at.pilot, "PostgreSQL 18.6")
            assert "replicas" not in text_of(at.pilot)
            replicas = ReplicasHealth("ok", None, 0.31, in_use=2, max_size=8)
            at.link.scripted.pool = replace(POOL, replicas=replicas)
            await at.pilot.press("r")
            await until_shown(at.pilot, "replicas", "310 ms behind, 2 of 8 in use")
            at.link.scripted.pool = replace(
                POOL, replicas=replace(replicas, status="degraded", reason="They are 40 s behind.")
            )
            await at.pilot.press("r")
            await until_shown(at.pilot, "◐ degraded", "They are 40 s behind.")


class TestLog:
    async def test_it_follows_what_is_written(self, log: Path) -> None:
        async with watching(log) as at:
            await until_shown(at.pilot, "14:02:11", "ready user=seattle")
            at.write(WARNED)
            await until_shown(at.pilot, "! warning", "slow query ms=1410")

    async def test_l_shows_only_what_is_more_urgent(self, log: Path) -> None:
        async with watching(log) as at:
            at.write(WARNED + FAILED)
            await until_shown(at.pilot, "ready user", "slow query", "Redis is away")
            await at.pilot.press("l")
            await until_gone(at.pilot, "ready user")
            await at.pilot.press("l")
            await until_gone(at.pilot, "slow query")
            await until_shown(at.pilot, "Redis is away", "2 hidden")
            await at.pilot.press("l")
            await until_shown(at.pilot, "ready user", "slow query")

    async def test_the_cursor_stays_where_one_reads(self, log: Path) -> None:
        async with watching(log) as at:
            at.write(WARNED)
            await until_shown(at.pilot, "slow query")
            cursor = at.pilot.app.screen.query_one("#log-lines OptionList")
            await until(at.pilot, lambda: getattr(cursor, "highlighted", None) == 1)
            await at.pilot.press("g")
            at.write(FAILED)
            await until_shown(at.pilot, "Redis is away")
            assert getattr(cursor, "highlighted", None) == 0
            await at.pilot.press("G")
            at.write(FAILED)
            await until(at.pilot, lambda: getattr(cursor, "highlighted", None) == 3)

    async def test_markup_and_escapes_are_shown_as_text(self, log: Path) -> None:
        async with watching(log) as at:
            at.write(WARNED.replace("1410", "[b]1410[/]\x1b[31m"))
            await until_shown(at.pilot, "[b]1410[/]")
            assert "\x1b" not in text_of(at.pilot)

    async def test_a_log_that_is_gone_says_so(self, log: Path) -> None:
        async with watching(log) as at:
            at.log.unlink()
            await until_shown(at.pilot, "The log cannot be read")
            at.write(FAILED)
            await until_shown(at.pilot, "Redis is away")

    async def test_of_a_server_elsewhere_it_says_where_the_log_is(self) -> None:
        async with watching(None) as at:
            await until_shown(at.pilot, "The server runs elsewhere, and its log stays there.")


class TestReconnecting:
    async def test_r_connects_at_once_while_the_server_is_away(self, log: Path) -> None:
        async with watching(log) as at:
            at.link.become(Retrying("server stopped", "restarting", at.clock.now + 9))
            await until_shown(at.pilot, "✖ offline", "ready user=seattle")
            await at.pilot.press("r")
            await until(at.pilot, lambda: at.link.reopened == 1)

    async def test_r_only_asks_again_of_a_server_of_our_own_that_answers(self, log: Path) -> None:
        async with watching(log) as at:
            asked = at.link.scripted.health_asked
            await at.pilot.press("r")
            await until(at.pilot, lambda: at.link.scripted.health_asked > asked)
            assert at.link.reopened == 0

    async def test_r_opens_a_new_session_with_a_server_elsewhere(self) -> None:
        async with watching(None) as at:
            await at.pilot.press("r")
            await until(at.pilot, lambda: at.link.reopened == 1)

    async def test_the_log_is_followed_while_there_is_no_server(self, log: Path) -> None:
        async with watching(log) as at:
            at.link.become(Retrying("server stopped", "restarting", at.clock.now + 9))
            at.write(FAILED)
            await until_shown(at.pilot, "Redis is away")


class TestRestarting:
    async def test_R_asks_first(self, log: Path) -> None:  # noqa: N802 (the key)
        async with watching(log) as at:
            await at.pilot.press("R")
            await until_shown(at.pilot, "Restart the server?")
            assert at.link.reopened == 0
            await at.pilot.press("y")
            await until(at.pilot, lambda: at.link.reopened == 1)

    @pytest.mark.parametrize("key", ["n", "escape"])
    async def test_one_may_think_better_of_it(self, log: Path, key: str) -> None:
        async with watching(log) as at:
            await at.pilot.press("R")
            await until_shown(at.pilot, "Restart the server?")
            await at.pilot.press(key)
            await until_gone(at.pilot, "Restart the server?")
            assert at.link.reopened == 0

    async def test_a_server_elsewhere_is_not_ours_to_restart(self) -> None:
        async with watching(None) as at:
            await at.pilot.press("R")
            await asyncio.sleep(0)
            await at.pilot.pause()
            assert "Restart the server?" not in text_of(at.pilot)
            screen = at.pilot.app.screen
            titles = [command.title for command in screen.commands()]  # type: ignore[attr-defined]
            assert titles == ["Reconnect"]


class TestTheTail:
    def test_a_line_has_time_level_and_words(self) -> None:
        assert parsed([READY.rstrip()]) == [LogLine("14:02:11", "info", "ready user=seattle")]

    def test_what_has_no_time_goes_with_the_line_before(self) -> None:
        lines = parsed([FAILED.rstrip(), "Traceback (most recent call last):", ""])
        assert lines[1] == LogLine("", "error", "Traceback (most recent call last):")
        assert at_least(lines, "error") == lines

    def test_only_whole_lines_are_taken(self, log: Path) -> None:
        tail = LogTail(str(log))
        tail.read()
        with log.open("a") as file:
            file.write(WARNED[:20])
            file.flush()
            assert not tail.read()
            file.write(WARNED[20:])
            file.flush()
            assert tail.read()
        assert [line.level for line in tail.lines] == ["info", "warning"]

    def test_a_file_that_was_started_afresh_is_read_from_its_beginning(self, log: Path) -> None:
        tail = LogTail(str(log))
        log.write_text(READY + WARNED, encoding="utf-8")
        tail.read()
        log.write_text(FAILED, encoding="utf-8")
        tail.read()
        assert tail.lines[-1].text == "Redis is away error=Timeout"

    def test_of_a_long_file_only_the_end_is_read(self, log: Path) -> None:
        log.write_text(READY * (2 * READ_AT_FIRST // len(READY)) + FAILED, encoding="utf-8")
        tail = LogTail(str(log))
        tail.read()
        assert len(tail.lines) <= KEPT
        assert all(line.time for line in tail.lines)
        assert tail.lines[-1].level == "error"
