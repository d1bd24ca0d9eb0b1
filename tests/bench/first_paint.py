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
import statistics
import sys
import tempfile
from collections.abc import Sequence

from tests.bench.terminal import terminal

FIRST_PAINT, KEYS = b"Query results", b"F1 help"
LIVE = (rb"\$[\d,.]+", rb"\d rows? ", rb"\d+ products? ", rb"over 1\.0 s", rb"\d+ of \d+")


def run(command: Sequence[str]) -> tuple[float, float, float]:
    """Milliseconds to the first paint, to the keys and to live."""
    with (
        tempfile.TemporaryDirectory() as state,
        terminal(command, {"XDG_STATE_HOME": state}) as shown,
    ):
        return shown.wait_for(FIRST_PAINT), shown.wait_for(KEYS), shown.wait_for(*LIVE)


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
