"""How far a step has come, how fast it goes and when it will be done."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from zava_server.infrastructure.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from zava_server.infrastructure.progress import ReportProgress

_SECONDS_BETWEEN = 0.1
# Before, a rate says little.
_SECONDS_TO_JUDGE = 0.5


class Pace:
    """Reports one step, ten times a second at most."""

    def __init__(
        self, report: ReportProgress, step: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._report = report
        self._step = step
        self._clock = clock
        self._started = clock()
        self._reported = float("-inf")

    def at(self, fraction: float, rows: int, what: str) -> None:
        """So much of the step is done, 0 to 1, which made so many rows of something."""
        now = self._clock()
        if now - self._reported < _SECONDS_BETWEEN and fraction < 1:
            return
        self._reported = now
        elapsed = now - self._started
        detail = f"{rows:,} {what}"
        if elapsed >= _SECONDS_TO_JUDGE and rows:
            detail += f", {rows / elapsed:,.0f} a second"
            if 0 < fraction < 1:
                detail += f", {elapsed * (1 - fraction) / fraction:.0f} s left"
        self._report(Progress(self._step, min(fraction, 1.0), detail))
