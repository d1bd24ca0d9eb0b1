from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from zava_tui import server_process
from zava_tui.answers import SetupProgress, ToolError
from zava_tui.child import Starter
from zava_tui.preparation import DemoUser, LocalPreparation
from zava_tui.server_process import ServerProcess


@pytest.fixture(autouse=True)
def _log_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "KILL_SECONDS", 0.2)


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


ECHO = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)"
DEAF = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready', flush=True)\nwhile True: time.sleep(1)"
)


async def test_a_line_sent_is_a_line_received() -> None:
    async with ServerProcess(python(ECHO)) as process:
        await process.write_line("grüße")
        assert await anext(process.lines()) == "GRÜSSE\n".encode()


async def test_it_ends_when_its_input_is_closed() -> None:
    async with ServerProcess(python(ECHO)) as process:
        pid = process.child.pid
    assert not psutil.pid_exists(pid)


async def test_one_that_will_not_end_is_killed() -> None:
    async with ServerProcess(python(DEAF)) as process:
        assert await anext(process.lines()) == b"ready\n"
        pid = process.child.pid
    assert not psutil.pid_exists(pid)


async def test_cancelling_twice_still_ends_the_process() -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with ServerProcess(python(DEAF)) as process:
            await anext(process.lines())
            started.set_result(process.child.pid)
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    pid = await started
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not psutil.pid_exists(pid)


async def test_its_last_line_on_stderr_says_why_it_gave_up() -> None:
    script = "import sys; print('noise', file=sys.stderr); sys.exit('zava-server: No such user.')"
    async with ServerProcess(python(script)) as process:
        assert await process.ended_within(10)
        assert process.child.last_words() == "No such user."


@pytest.mark.parametrize(
    "script", ["raise RuntimeError('secret')", "pass", "import os; os.abort()"]
)
async def test_a_crash_has_no_words_for_people(script: str) -> None:
    async with ServerProcess(python(script)) as process:
        assert await process.ended_within(10)
        assert process.child.last_words() is None


async def test_the_words_of_an_earlier_process_are_not_its_own() -> None:
    async with ServerProcess(python("import sys; sys.exit('first')")) as process:
        assert await process.ended_within(10)
    async with ServerProcess(python("import sys; sys.exit(1)")) as process:
        assert await process.ended_within(10)
        assert process.child.last_words() is None


async def test_writing_to_one_that_has_ended_is_a_connection_error() -> None:
    async with ServerProcess(python("pass")) as process:
        assert await process.ended_within(10)
        with pytest.raises(ConnectionError):
            for _ in range(100):
                await process.write_line("x" * 10_000)


async def test_a_preparation_reports_over_all_steps_and_gives_the_users() -> None:
    script = """
import json
for step in ({"step": "database", "fraction": 0.0, "detail": "starting", "place": "/var/lib/zava"},
             {"step": "demo data", "fraction": 0.5, "detail": "100,000 orders"}):
    print(json.dumps(step))
print("not JSON")
print(json.dumps({"ready": True, "users": [{"handle": "seattle", "display_name": "Maya Lindqvist",
      "role": "store_manager", "stores": ["Seattle"]}]}), flush=True)
input()
"""
    reports: list[SetupProgress] = []
    async with LocalPreparation(python(script)) as preparation:
        users = await preparation.users(reports.append)
    assert users == [DemoUser("seattle", "Maya Lindqvist", "store_manager", ("Seattle",))]
    assert [(r.step, r.detail, r.place) for r in reports] == [
        ("database", "starting", "/var/lib/zava"),
        ("demo data", "100,000 orders", ""),
    ]
    assert 0 == reports[0].overall < reports[1].overall < 1


async def test_a_preparation_that_fails_says_why() -> None:
    script = (
        """print('{"error": {"code": "X", "message": "The disk is full.", "hint": "Free it."}}')"""
    )
    async with LocalPreparation(python(script)) as preparation:
        with pytest.raises(ToolError) as failure:
            await preparation.users(lambda _: None)
    assert (failure.value.message, failure.value.hint) == ("The disk is full.", "Free it.")


async def test_a_preparation_that_ends_early_gives_its_last_words() -> None:
    script = "import sys; sys.exit('zava-server: The directory cannot be written.')"
    async with LocalPreparation(python(script)) as preparation:
        with pytest.raises(ToolError, match="The directory cannot be written"):
            await preparation.users(lambda _: None)


async def test_one_started_ahead_is_the_one_that_is_asked_for() -> None:
    starter = Starter()
    starter.start_ahead(python(ECHO))
    async with ServerProcess(python(ECHO), starter) as process:
        first = process.child.pid
        await process.write_line("here")
        assert await anext(process.lines()) == b"HERE\n"
    async with ServerProcess(python(ECHO), starter) as process:
        assert process.child.pid != first


@pytest.mark.parametrize("asked_for", [None, "pass"])
async def test_one_started_ahead_for_nothing_is_ended(asked_for: str | None) -> None:
    starter = Starter()
    before = psutil.Process().children()
    starter.start_ahead(python("import time\nwhile True: time.sleep(1)"))
    (ahead,) = (child for child in psutil.Process().children() if child not in before)
    if asked_for is None:
        starter.close()
    else:
        async with ServerProcess(python(asked_for), starter):
            pass
    ahead.wait(10)
    assert not ahead.is_running()


async def test_the_apps_own_setting_is_kept_from_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZAVA_TOKEN", "secret")
    monkeypatch.setenv("ZAVA_USER", "seattle")
    script = "import os; print(*(n for n in os.environ if n.startswith('ZAVA_')), flush=True)"
    async with ServerProcess(python(script)) as process:
        assert await anext(process.lines()) == b"ZAVA_USER\n"
