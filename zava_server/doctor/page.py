"""The findings as a page for people, or as JSON."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from zava_server.doctor.finding import Finding, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDENT = " " * 24


def lines_of(finding: Finding) -> list[str]:
    """A finding with its fix below it, as wide as the terminal."""
    width = max(40, min(100, shutil.get_terminal_size().columns))
    head = f"{finding.severity:<9}{finding.area:<15}"
    lines = textwrap.wrap(finding.message, width, initial_indent=head, subsequent_indent=_INDENT)
    if finding.fix:
        # A command to copy stays on one line.
        lines.append(f"{_INDENT}→ {finding.fix}")
    return lines


def summary_of(findings: Sequence[Finding]) -> str:
    """How many things want attention."""
    problems = sum(finding.severity == "problem" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    if not problems and not warnings:
        return "All is well."
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}."


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """All findings and the worst severity."""
    return {"status": worst(findings), "findings": [asdict(finding) for finding in findings]}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
