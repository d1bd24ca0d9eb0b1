"""The command `zava` in a terminal, and where there is none."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from zava_server.infrastructure.settings import Settings
    from zava_server.startup import Database

ZAVA = [sys.executable, "-m", "zava_tui"]
PATIENCE = 60.0
ESCAPES = re.compile(r"\x1b[\[(][0-9;:?<=>]*[a-zA-Z]")


class Terminal:
    """A pseudo-terminal with the app in it."""

    def __init__(self, *arguments: str, term: str) -> None:
        self._drawn = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM=term, COLUMNS="120", LINES="40")
            os.execv(ZAVA[0], [*ZAVA, *arguments])

    def text(self) -> str:
        """All that has been drawn so far, without the escapes."""
        while select.select([self._terminal], [], [], 0.05)[0]:
            try:
                chunk = os.read(self._terminal, 65536)
            except OSError:
                break
            if not chunk:
                break
            self._drawn += chunk
        return ESCAPES.sub("", self._drawn.decode(errors="replace"))

    def wait_for(self, *texts: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not all(text in self.text() for text in texts):
            assert time.monotonic() < deadline, self.text()[-3000:]

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.text()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.text()
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, self.text()[-3000:]

    def close(self) -> None:
        """Leave nothing behind, however the test went."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def open_one(*arguments: str, term: str = "xterm-256color") -> Terminal:
        terminals.append(Terminal(*arguments, term=term))
        return terminals[-1]

    yield open_one
    for terminal in terminals:
        terminal.close()


def servers_of(pid: int) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if "zava_server" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize("end", ["q", "\x11", "SIGTERM"])
def test_it_runs_quits_with_0_and_leaves_no_process(
    database: Database, settings: Settings, open_terminal: Callable[..., Terminal], end: str
) -> None:
    terminal = open_terminal("--user", "seattle", "--data-dir", str(settings.data_dir))
    terminal.wait_for("● live", " rows · ", " products · ")
    started = servers_of(terminal.pid)
    assert started
    if end == "SIGTERM":
        psutil.Process(terminal.pid).terminate()
    else:
        terminal.press(end)
    assert terminal.wait() == 0
    assert not [process for process in started if process.is_running()]
    assert terminal.text().count("Traceback") == 0


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ZAVA, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_without_a_terminal_it_says_so_and_exits_with_2() -> None:
    result = run("--user", "seattle", TERM="xterm-256color")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "terminal" in result.stderr


def test_on_a_dumb_terminal_nobody_can_be_asked_who_they_are(
    open_terminal: Callable[..., Terminal],
) -> None:
    terminal = open_terminal(term="dumb")
    assert terminal.wait() == 2
    assert "zava --user seattle" in terminal.text()


def test_into_a_pipe_it_prints_a_summary_where_that_is_asked_for(
    database: Database, settings: Settings
) -> None:
    result = run("--user", "seattle", "--data-dir", str(settings.data_dir), TERM="dumb")
    assert (result.returncode, result.stderr) == (0, "zava: asking the server …\n")
    assert result.stdout.startswith("Zava: ")
    assert "30 days" in result.stdout


def test_help_has_examples() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "zava --user seattle" in result.stdout


def test_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout.split()[0]) == (0, "zava")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--theme", "drak"), "drak"),
        (("--tokn", "x"), "--tokn"),
        (("--token", "x"), "--connect"),
        (("--connect", "http://x", "--data-dir", "/x"), "--data-dir"),
    ],
)
def test_wrong_usage_is_explained(arguments: tuple[str, ...], word: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert word in result.stderr
    assert "Traceback" not in result.stderr
