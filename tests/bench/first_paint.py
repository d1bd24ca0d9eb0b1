"""How long `zava` takes to paint, and until every panel shows data.

    python -m tests.bench.first_paint --runs 10 [--data-dir DIR]

Each run starts the real app on a pseudo-terminal of 120 × 40 and reads what it draws: first paint
is the frame with its panels, drawn before Textual is imported; keys is Textual's own first paint,
with the line of keys that work from then on; live is when strip, rows, hits, statistics and pool
are all there.
The figures are for a warm database: a run that is not counted goes first.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time

ESCAPES = re.compile(rb"\x1b\[[0-9;:?<=>]*[a-zA-Z]")
FIRST_PAINT, KEYS = b"Query results", b"F1 help"
LIVE = (rb"\$[\d,.]+", rb"\d rows? ", rb"\d+ products? ", rb"over 1\.0 s", rb"\d+ of \d+")
PATIENCE = 60.0


def run(command: list[str]) -> tuple[float, float, float]:
    """Milliseconds to the first paint, to the keys and to live."""
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.execvp(command[0], command)
    drawn = b""
    painted = usable = 0.0
    try:
        while time.perf_counter() - started < PATIENCE:
            if select.select([terminal], [], [], 0.5)[0]:
                drawn += os.read(terminal, 65536)
            text = ESCAPES.sub(b"", drawn)
            now = (time.perf_counter() - started) * 1000
            if not painted and FIRST_PAINT in text:
                painted = now
            if not usable and KEYS in text:
                usable = now
            if all(re.search(sign, text) for sign in LIVE):
                return painted, usable, now
    finally:
        # Killed, since it could not be asked: nobody reads what it draws while it ends.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    sys.exit("the app never came alive")


def main() -> None:
    """Print medians and extremes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    command = [sys.executable, "-m", "zava_tui", "--user", "seattle"]
    if options.data_dir:
        command += ["--data-dir", options.data_dir]
    run(command)
    columns = zip(*(run(command) for _ in range(options.runs)), strict=True)
    for name, values in zip(("first paint", "keys", "all live"), columns, strict=True):
        print(
            f"{name:<12} median {statistics.median(values):6.0f} ms"
            f"   {min(values):.0f} to {max(values):.0f} ms"
        )


if __name__ == "__main__":
    main()
