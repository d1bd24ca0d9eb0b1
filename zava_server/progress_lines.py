"""Progress for people: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from zava_server.infrastructure.progress import Progress

_BAR_WIDTH = 24
_STEP_WIDTH = len("search index")
_SECONDS_BETWEEN_LINES = 3.0


class ProgressBar:
    """One line a step, which grows in place."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._step = ""

    def __call__(self, progress: Progress) -> None:
        """Shows one report."""
        if self._step not in {"", progress.step}:
            self._terminal.write("\n")
        self._step = progress.step
        width = shutil.get_terminal_size().columns - 1
        self._terminal.write(f"\r\033[K{_bar(progress)[:width]}")
        self._terminal.flush()

    def end(self) -> None:
        """Leaves the line to whatever is written next."""
        if self._step:
            self._terminal.write("\n")
            self._terminal.flush()
        self._step = ""


class ProgressLog:
    """A line when a step begins and every few seconds while it lasts."""

    def __init__(self, output: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._step = ""
        self._written = 0.0

    def __call__(self, progress: Progress) -> None:
        """Shows one report, unless the line before is recent."""
        now = self._clock()
        if progress.step == self._step and now - self._written < _SECONDS_BETWEEN_LINES:
            return
        self._step, self._written = progress.step, now
        detail = f" {progress.detail}" if progress.detail else ""
        self._output.write(f"{progress.step} {progress.fraction:4.0%}{detail}\n")
        self._output.flush()

    def end(self) -> None:
        """Does nothing: each line is whole."""


def progress_on(output: TextIO) -> ProgressBar | ProgressLog:
    """What suits the output."""
    return ProgressBar(output) if output.isatty() else ProgressLog(output)


def _bar(progress: Progress) -> str:
    full = round(min(1.0, max(0.0, progress.fraction)) * _BAR_WIDTH)
    bar = "█" * full + "░" * (_BAR_WIDTH - full)
    return f"{progress.step:<{_STEP_WIDTH}} {bar} {progress.fraction:4.0%} {progress.detail}"
