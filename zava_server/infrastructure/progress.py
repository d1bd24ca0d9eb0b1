"""Progress of long work, as plain values that a terminal or an MCP client can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step has come.

    `step` names it (`database`, `schema`, `demo data`, `search index`), `fraction` runs from 0 to 1
    and `detail` is a short phrase for people (`200,000 orders`). `place` is the directory of an
    embedded database, said while it is brought up.
    """

    step: str
    fraction: float
    detail: str = ""
    place: str = ""


ReportProgress = Callable[[Progress], None]
"""Called from the thread that does the work; must return at once and never raise."""


def ignore_progress(_: Progress) -> None:
    """For callers that show nothing."""
