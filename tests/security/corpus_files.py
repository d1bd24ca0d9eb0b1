"""The statements in `corpus/`, one JSON object a line.

`class` groups statements that try the same thing. `sql` is the statement; a long one is instead
`before` + `repeat` × `times` + `after`. `expect` says what the parser guard does with it:
`rejected` or `allowed`. What it allows, the database must contain. `note` is for people.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_DIRECTORY = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class CorpusStatement:
    """One line of a corpus file."""

    kind: str
    sql: str
    allowed: bool
    line: int

    def __str__(self) -> str:
        return f"{self.line}-{self.kind.replace(' ', '-')}"


def read_corpus(name: str) -> list[CorpusStatement]:
    """The statements of `corpus/<name>.jsonl`."""
    lines = (_DIRECTORY / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    statements = []
    for number, line in enumerate(lines, start=1):
        entry = json.loads(line)
        sql = entry.get("sql")
        if sql is None:
            sql = entry["before"] + entry["repeat"] * entry["times"] + entry["after"]
        statements.append(
            CorpusStatement(entry["class"], sql, entry["expect"] == "allowed", number)
        )
    return statements
