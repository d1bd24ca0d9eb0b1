"""Times two things by turns, so that whatever else the machine does falls on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.bench.result import Result, Target

Doing = Callable[[], Awaitable[object]]
_QUARTILES = 4


@dataclass(frozen=True, slots=True)
class Pair:
    """Milliseconds of each turn."""

    ours: Sequence[float]
    baseline: Sequence[float]

    def result(self, what: str, target: Target | None) -> Result:
        return Result(
            what,
            statistics.median(self.ours),
            statistics.median(self.baseline),
            "ms",
            target,
            max(spread(self.ours), spread(self.baseline)),
        )


async def interleaved(ours: Doing, baseline: Doing, *, warm_up: int, repeats: int) -> Pair:
    """Who begins changes with each turn: the second finds warmer caches."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(warm_up + repeats):
        sides = (0, 1) if turn % 2 else (1, 0)
        for side in sides:
            elapsed = await timed((ours, baseline)[side])
            if turn >= warm_up:
                times[side].append(elapsed)
    return Pair(*times)


async def timed(doing: Doing) -> float:
    """How many milliseconds it takes."""
    started = time.perf_counter()
    await doing()
    return (time.perf_counter() - started) * 1000


def spread(values: Sequence[float]) -> float:
    """The distance of the quartiles, as a share of the median."""
    if len(values) < _QUARTILES:
        return (max(values) - min(values)) / statistics.median(values)
    low, middle, high = statistics.quantiles(values, n=_QUARTILES)
    return (high - low) / middle


def equal(ours: object, baseline: object, what: str) -> None:
    """Ends the bench where the two do not give the same: less work is no speed."""
    if ours != baseline:
        raise SystemExit(
            f"{what}: the results differ\nours:     {ours!r:.500}\nbaseline: {baseline!r:.500}"
        )
