"""What is wrong with files: for a whole file, or for a cell of a row."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LONGEST_VALUE = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# What makes a spreadsheet calculate, at the start or after what another spreadsheet may take for
# the end of a cell. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"""(^\s*|[,;|"'\t]\s*)([=+\-@＝＋－＠])""")


class UnusableFile(Exception):
    """A file that cannot be read as a table at all; says why, and where if that is known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend in a file. `line` is the physical one where the row starts, header = 1."""

    file: str
    line: int | None
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.file} line {self.line}" if self.line else self.file
        cell = f', {self.column} "{visible(self.value)}"' if self.column else ""
        return f"{place}{cell}: {self.reason}"


def visible(text: str) -> str:
    """The text on one line, cut where it is long."""
    cut = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), cut)


def write_report(path: Path, problems: Iterable[Problem]) -> None:
    """All problems as a CSV file in which no cell is a formula to any spreadsheet.

    Raises OSError.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "line", "column", "value", "reason"])
        writer.writerows(
            [p.file, p.line or "", p.column, harmless(p.value), harmless(p.reason)]
            for p in problems
        )


def harmless(text: str) -> str:
    """The text with a ' before whatever a spreadsheet could take for the start of a formula."""
    return _FORMULA.sub(r"\1'\2", visible(text))
