"""What the making of the database has reported so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_tui.answers import SetupProgress

STEPS = {"database": 0.18, "schema": 0.04, "demo data": 0.78}
"""The steps in their order, and about what share of the time each takes."""
ESTIMATE_FROM = 0.15
"""Share done from which on the rest can be estimated."""


class SetupLog:
    """The latest progress, and on the clock when everything and each step began."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.place = ""
        """The database's directory, once the server has said so."""
        self.latest: SetupProgress | None = None
        self._begun: dict[str, float] = {}

    def record(self, progress: SetupProgress, now: float) -> None:
        """Note a report."""
        self.place = progress.place or self.place
        self._begun.setdefault(progress.step, now if self._begun else self.since)
        self.latest = progress

    @property
    def is_first_start(self) -> bool:
        """Whether a new database is being filled; until that begins, one is merely started."""
        return "demo data" in self._begun

    def took(self, step: str, now: float) -> float | None:
        """Seconds that a step took or has been taking; None for one that was not seen."""
        if step not in self._begun:
            return None
        names = list(STEPS)
        later = [
            self._begun[name] for name in names[names.index(step) + 1 :] if name in self._begun
        ]
        return min(later, default=now) - self._begun[step]

    def left(self, now: float) -> float | None:
        """Seconds still to go, by the pace so far; None while it is too early to say."""
        if self.latest is None or self.latest.overall < ESTIMATE_FROM:
            return None
        return (now - self.since) * (1 - self.latest.overall) / self.latest.overall
