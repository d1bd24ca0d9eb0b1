"""A program on a pseudo-terminal of 120 × 40, and what it draws there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_ESCAPES = re.compile(rb"\x1b\[[0-9;:?<=>]*[a-zA-Z]")
_PATIENCE = 120.0
_QUIET_SECONDS = 0.05
_LINES, _COLUMNS = 40, 120
# The size too, since it is taken from there before the terminal is asked.
_KIND = {
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
    "COLUMNS": str(_COLUMNS),
    "LINES": str(_LINES),
}


@dataclass
class Terminal:
    """`drawn` is all text since it was cleared last, without escapes."""

    process: int
    started: float
    _handle: int
    _raw: bytearray = field(default_factory=bytearray)

    @property
    def drawn(self) -> bytes:
        return _ESCAPES.sub(b"", bytes(self._raw))

    def clear(self) -> None:
        self._raw.clear()

    def send(self, keys: bytes) -> None:
        os.write(self._handle, keys)

    def wait_for(self, *signs: bytes) -> float:
        """Reads until all these patterns are drawn; milliseconds since the start of the program."""
        while missing := [sign for sign in signs if not re.search(sign, self.drawn)]:
            if time.perf_counter() - self.started > _PATIENCE:
                text = self.drawn[-8000:].decode(errors="replace")
                raise SystemExit(f"never drawn: {missing}\n{text}")
            self._read(0.5)
        return (time.perf_counter() - self.started) * 1000

    def rest(self, seconds: float) -> None:
        """Reads along for so long."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)

    def settle(self) -> None:
        """Reads until nothing has been drawn for a moment."""
        while self._read(_QUIET_SECONDS):
            pass

    def _read(self, seconds: float) -> bool:
        if not select.select([self._handle], [], [], seconds)[0]:
            return False
        self._raw += os.read(self._handle, 65536)
        return True


@contextmanager
def terminal(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Terminal]:
    """The program, killed at the end."""
    started = time.perf_counter()
    child, handle = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        os.execvpe(command[0], list(command), {**os.environ, **_KIND, **environment})
    try:
        yield Terminal(child, started, handle)
    finally:
        # Killed, since it could not be asked: nobody reads what it draws while it ends.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(handle)
