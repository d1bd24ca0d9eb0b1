"""The end of the server's log, read as it grows."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

READ_AT_FIRST = 32 * 2**10
"""Bytes of what was there before we looked."""
READ_AT_ONCE = 2**20
KEPT = 400
"""Lines; when there are more, only the later half stays: rows that are merely added cost little."""
LEVELS = ("debug", "info", "warning", "error")
"""From the least to the most urgent."""
_AS_URGENT = {"critical": "error", "exception": "error", "warn": "warning", "notset": "debug"}
_LINE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d:\d\d)\S*\s+\[(?P<level>\w+)\s*\]\s+(?P<rest>.*)"
)
_LOGGER = re.compile(r"\s*\[(?:[\w.]+)\]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line: its time of day in UTC, its level, and what it says.

    What has no time of its own, such as a traceback, goes with the line before it.
    """

    time: str
    level: str
    text: str


def parsed(texts: Iterable[str], before: LogLine | None = None) -> list[LogLine]:
    """The lines of a log as structlog's console writes them; `before` is the one before."""
    lines: list[LogLine] = []
    for text in texts:
        match = _LINE.match(text)
        if match is not None:
            level = match["level"].lower()
            level = _AS_URGENT.get(level, level)
            said = " ".join(_LOGGER.sub(" ", match["rest"], count=1).split())
            before = LogLine(match["time"], level if level in LEVELS else "info", said)
        elif text.strip():
            level = before.level if before is not None else "info"
            before = LogLine("", level, text.rstrip())
        else:
            continue
        lines.append(before)
    return lines


class LogTail:
    """Follows a file. It may be started afresh by another server, and need not be there yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[LogLine] = []
        self._file: tuple[int, int] | None = None
        self._place: int | None = None
        self._rest = b""

    def read(self) -> bool:
        """Take what has been written since; whether there was anything. Raises OSError."""
        try:
            data, is_cut = self._new_data()
        except OSError:
            self._file, self._place, self._rest = None, 0, b""
            raise
        *whole, self._rest = (self._rest + data).split(b"\n")
        texts = [line.decode(errors="replace") for line in whole[1 if is_cut else 0 :]]
        self.lines.extend(parsed(texts, self.lines[-1] if self.lines else None))
        if len(self.lines) > KEPT:
            del self.lines[: -KEPT // 2]
        return bool(texts)

    def _new_data(self) -> tuple[bytes, bool]:
        """What is new, and whether it begins in the middle of a line."""
        with open(self.name, "rb") as file:  # noqa: PTH123 (the name may be a descriptor's)
            state = os.fstat(file.fileno())
            if self._place is None:
                self._place = max(0, state.st_size - READ_AT_FIRST)
                is_cut = self._place > 0
            else:
                is_cut = False
                if self._file != (state.st_dev, state.st_ino) or state.st_size < self._place:
                    self._place, self._rest = 0, b""
            self._file = (state.st_dev, state.st_ino)
            file.seek(self._place)
            data = file.read(READ_AT_ONCE)
        self._place += len(data)
        return data, is_cut


def at_least(lines: Iterable[LogLine], level: str) -> list[LogLine]:
    """Those as urgent as `level` or more."""
    least = LEVELS.index(level)
    return [line for line in lines if LEVELS.index(line.level) >= least]
