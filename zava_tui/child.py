"""A child process with its pipes and its log, started without an event loop.

So that the server can be started while the app itself is still being imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Start = Callable[[Sequence[str]], "Child"]

TRACEBACK = "Traceback (most recent call last)"
LOG_LIMIT = 2**20
"""Bytes; a longer log is started afresh."""
OURS_ALONE = "ZAVA_TOKEN"
"""The app's own setting, which the server would refuse as an unknown one."""


def server_command(*arguments: str) -> list[str]:
    """The command that runs the server with `arguments` in this very Python.

    `-P` keeps the working directory off the module path, where a stray `mcp.py` would be taken.
    """
    return [sys.executable, "-P", "-m", "zava_server", *arguments]


def open_log(name: str) -> IO[bytes]:
    """A file in the user's log directory to append to, or an anonymous one where none may be."""
    from platformdirs import user_log_path

    try:
        path = user_log_path("zava", appauthor=False) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        too_long = path.exists() and path.stat().st_size > LOG_LIMIT
        return path.open("w+b" if too_long else "a+b")
    except OSError:
        return tempfile.TemporaryFile()


class Child:
    """A running process that speaks over stdin and stdout, and complains into a log."""

    def __init__(self, command: Sequence[str]) -> None:
        self._log = open_log("server.log")
        self._log_start = self._log.seek(0, os.SEEK_END)
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={name: value for name, value in os.environ.items() if name != OURS_ALONE},
            # Out of the terminal's process group: ctrl+c there is the app's alone.
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 (for the type checker: they are pipes)
        assert self._process.stdout is not None  # noqa: S101
        self.stdin, self.stdout = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def log_name(self) -> str:
        """Where its stderr goes."""
        return str(self._log.name)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    def last_words(self) -> str | None:
        """Why one that gave up by itself did so: the last line that it wrote to stderr.

        None when it ended well, was killed, said nothing, or fell over with a traceback.
        """
        if self.returncode is None or self.returncode <= 0:
            return None
        self._log.seek(self._log_start)
        text = self._log.read().decode(errors="replace")
        if TRACEBACK in text:
            return None
        said = (line.strip() for line in reversed(text.split("\n")))
        return next((line.removeprefix("zava-server: ") for line in said if line), None)

    def close(self) -> None:
        """Close our ends of everything; one that still runs finds its input closed."""
        for end in (self.stdin, self.stdout, self._log):
            end.close()


class Starter:
    """Starts children; one may be started before it is asked for."""

    def __init__(self) -> None:
        self._ahead: tuple[Sequence[str], Child] | None = None

    def start_ahead(self, command: Sequence[str]) -> None:
        """Start what the next call will ask for."""
        self._ahead = (command, Child(command))

    def __call__(self, command: Sequence[str]) -> Child:
        """The child that was started ahead if it is the same, else a new one."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if ahead[0] == command:
                return ahead[1]
            end_now(ahead[1])
        return Child(command)

    def close(self) -> None:
        """End one that nobody asked for."""
        if self._ahead is not None:
            end_now(self._ahead[1])
            self._ahead = None


def end_now(child: Child) -> None:
    """End one that nothing has been said to yet, and so has nothing to lose."""
    import signal

    child.send_signal(signal.SIGTERM)
    child.close()
