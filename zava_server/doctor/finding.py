"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zava_server.infrastructure.errors import ZavaError

Severity = Literal["ok", "warning", "problem"]

EXIT_CODES: dict[Severity, int] = {"ok": 0, "warning": 1, "problem": 2}
"""By the worst finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: which area, how bad, what there is, and what mends it."""

    area: str
    severity: Severity
    message: str
    fix: str | None = None


def ok(area: str, message: str) -> Finding:
    """All is well."""
    return Finding(area, "ok", message)


def warning(area: str, message: str, fix: str) -> Finding:
    """It works, and could be better or safer."""
    return Finding(area, "warning", message, fix)


def problem(area: str, error: ZavaError) -> Finding:
    """It does not work."""
    return Finding(area, "problem", error.message, error.hint)


def worst(findings: Iterable[Finding]) -> Severity:
    """The severity of the worst finding; `ok` without any."""
    return max((f.severity for f in findings), key=EXIT_CODES.__getitem__, default="ok")
