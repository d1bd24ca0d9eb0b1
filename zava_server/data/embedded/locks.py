"""File locks that end with the processes which hold them, however these end."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

POLL_SECONDS = 0.01


class FileLock:
    """An `flock` on a file of its own, made if absent.

    The kernel ties it to the open file, not to the process: it survives in a child that was given
    the file, and it ends with the last process that has it open. Two FileLocks on one path exclude
    each other even within one process.
    """

    def __init__(self, path: Path) -> None:
        self.fileno = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_shared(self) -> bool:
        """Takes the lock together with others; False when somebody has it for himself."""
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Takes the lock alone; False when somebody else has it. A shared one is lost then."""
        return self._try(fcntl.LOCK_EX)

    def wait_exclusive(self, seconds: float) -> bool:
        """As `try_exclusive`, for up to so many seconds."""
        deadline = time.monotonic() + seconds
        # Polling, for a blocked flock could not be interrupted from a thread.
        while not self.try_exclusive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def unlock(self) -> None:
        """Gives the lock back and keeps the file open."""
        fcntl.flock(self.fileno, fcntl.LOCK_UN)

    def hand_over(self) -> None:
        """Closes the file here only: the lock stays with the children that were given it."""
        if self.fileno >= 0:
            os.close(self.fileno)
            self.fileno = -1

    def close(self) -> None:
        """Gives the lock back, also for children that still hold the file for a moment."""
        if self.fileno >= 0:
            self.unlock()
            self.hand_over()

    def _try(self, mode: int) -> bool:
        try:
            fcntl.flock(self.fileno, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
