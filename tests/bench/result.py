"""What a case found: ours beside its baseline, and whether that is what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Of = Literal["ratio", "difference", "ours"]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound of ours over the baseline, of ours less the baseline, or of ours alone."""

    of: Of
    bound: float
    at_least: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def told(self, unit: str) -> str:
        sign = "≥" if self.at_least else "≤"
        match self.of:
            case "ratio":
                return f"{sign} {self.bound:g} ×"
            case "difference":
                return f"{sign} {self.bound:g} {unit} more"
            case "ours":
                return f"{sign} {self.bound:g} {unit}"


@dataclass(frozen=True, slots=True)
class Result:
    """Medians in `unit`; `spread` is the quartiles' distance over the median, the larger of both.

    Without a baseline there is no ratio, without a target it is only told.
    """

    what: str
    ours: float
    baseline: float | None
    unit: str
    target: Target | None = None
    spread: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        """None where nothing is asked for."""
        if self.target is None:
            return None
        match self.target.of:
            case "ratio":
                value = self.ratio
            case "difference":
                value = None if self.baseline is None else self.ours - self.baseline
            case "ours":
                value = self.ours
        if value is None:
            raise ValueError(f"{self.what}: a target against a baseline that is missing")
        return self.target.holds(value)

    def as_plain(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "ratio": self.ratio,
            "target": self.target.told(self.unit) if self.target else None,
            "met": self.met,
        }


_HEAD = ("what", "ours", "baseline", "unit", "ratio", "target", "met", "spread")


def table_of(results: Sequence[Result]) -> str:
    """All of them, in columns."""
    rows = [_HEAD, *(_cells(result) for result in results)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n in (0, 3, 5, 6) else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.what,
        _figure(result.ours),
        _figure(result.baseline),
        result.unit,
        "" if result.ratio is None else f"{result.ratio:.3g}",
        result.target.told(result.unit) if result.target else "",
        {True: "yes", False: "NO", None: ""}[result.met],
        "" if result.spread is None else f"{result.spread:.0%}",
    )


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
