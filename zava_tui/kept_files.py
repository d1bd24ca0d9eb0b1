"""Small files of the user's that must survive: written whole or not at all, for the user alone."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from zava_tui.child import open_log

if sys.platform != "win32":
    import fcntl


def state_directory() -> Path:
    """Where drafts, history and saved queries are kept."""
    from platformdirs import user_state_path

    return user_state_path("zava", appauthor=False)


def read_json(path: Path) -> Any:
    """What the file holds; None where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Replaces the file at once; a disk that takes nothing more is noted in the app's log."""
    try:
        make_directory(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            # Escapes for all that is not ASCII: half a character must not stand in the way.
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(value, file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        with open_log("app.log") as log:
            log.write(f"{path} was not written: {error}\n".encode())


def make_directory(path: Path) -> None:
    """Makes a directory for the user alone, if there is none. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


class Claim:
    """A hold on a path for as long as this process lives, or until `release`.

    A process that is killed lets go of its claims. Where there are no locks, all claims succeed.
    """

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    @classmethod
    def on(cls, path: Path) -> Claim | None:
        """The claim; None while another process, or another claim, holds it."""
        if sys.platform == "win32":
            return cls(None)
        try:
            make_directory(path.parent)
            handle = os.open(
                path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError:
            return cls(None)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks
            os.close(handle)
            return cls(None)
        return cls(handle)

    def release(self) -> None:
        """Let others have it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
