"""A disk without room: how to know that this was it, and what to say."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import DiskFull

if TYPE_CHECKING:
    from pathlib import Path

# About 800 MB lie there after a first start, half of them write-ahead log that is used again.
_FIRST_START, _LATER = "1 GB", "100 MB"
# PostgreSQL reserves its log by 16 MB. With less it mostly still runs, and fails by chance.
_SCARCE_BYTES = 32 * 1024 * 1024
# As the C library words them without a locale.
_NO_ROOM = (b"No space left on device", b"Disk quota exceeded")
_TAIL_BYTES = 64 * 1024


def disk_full(directory: Path) -> DiskFull:
    """The error for a disk without space."""
    return DiskFull(
        f"The disk that holds {directory} is full.",
        f"Make room: a first start needs about {_FIRST_START}, a later one {_LATER}. "
        "Or choose another place with --data-dir or ZAVA_DATA_DIR.",
    )


def is_scarce(directory: Path) -> bool:
    """Whether the disk has so little room left that this explains a failure."""
    try:
        return shutil.disk_usage(directory).free < _SCARCE_BYTES
    except OSError:
        return False


def tells_of_no_room(output: bytes) -> bool:
    """Whether a program of PostgreSQL wrote that there is no room."""
    return any(words in output for words in _NO_ROOM)


def logged_no_room(directory: Path, since: datetime) -> bool:
    """Whether the server's log files in `directory` tell of a full disk `since` an aware time.

    They are written where there is no room, and so may end early.
    """
    since = since.replace(microsecond=since.microsecond // 1000 * 1000)
    try:
        return any(_logged(file, since) for file in directory.iterdir())
    except OSError:
        return False


def _logged(file: Path, since: datetime) -> bool:
    if file.stat().st_mtime < since.timestamp():
        return False
    with file.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = log.read().splitlines()
    return any(tells_of_no_room(line) and _written(line) >= since for line in lines)


def _written(line: bytes) -> datetime:
    """When PostgreSQL wrote a line: `2026-01-31 12:00:00.123 UTC [4711] PANIC:  …`."""
    try:
        told = datetime.strptime(line[:23].decode(), "%Y-%m-%d %H:%M:%S.%f")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return told.replace(tzinfo=UTC)
