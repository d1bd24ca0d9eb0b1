"""What a user has written: tabs, history, saved queries; kept from start to start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zava_tui.kept_files import read_json, state_directory, write_json
from zava_tui.starter_queries import STARTERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_REMEMBERED = 1_000
"""Statements of the history."""
FIRST_TAB = "query 1"


@dataclass(frozen=True, slots=True)
class Draft:
    """A tab's name and text."""

    name: str
    sql: str


class Workspace:
    """Of one user, in files of their own: what a store's manager wrote is theirs."""

    def __init__(self, user: str, directory: Path | None = None) -> None:
        own = "".join(c if c.isalnum() or c in "-_" else "_" for c in user)
        place = (directory or state_directory()) / "queries" / own
        self._drafts, self._history = place / "tabs.json", place / "history.json"
        self._saved = place / "saved.json"

    def drafts(self) -> list[Draft]:
        """The tabs as they were left, one at least."""
        kept = [Draft(name, sql) for name, sql in _pairs(read_json(self._drafts), "name", "sql")]
        return kept or [Draft(FIRST_TAB, STARTERS[0].sql)]

    def keep_drafts(self, drafts: Sequence[Draft]) -> None:
        """Keeps the tabs as they are."""
        write_json(self._drafts, [asdict(draft) for draft in drafts])

    def history(self) -> list[str]:
        """Statements that were run, the latest first."""
        kept = read_json(self._history)
        return [sql for sql in kept if isinstance(sql, str)] if isinstance(kept, list) else []

    def remember(self, sql: str) -> None:
        """Adds a statement that is run; one that was run before moves to the front."""
        others = [before for before in self.history() if before != sql]
        write_json(self._history, [sql, *others][:MOST_REMEMBERED])

    def saved(self) -> list[Draft]:
        """Queries with names: one's own, and then the starters whose names are still free."""
        own = [Draft(name, sql) for name, sql in _pairs(read_json(self._saved), "name", "sql")]
        taken = {query.name for query in own}
        return [*own, *(starter for starter in STARTERS_AS_DRAFTS if starter.name not in taken)]

    def save(self, query: Draft) -> None:
        """Keeps a query under its name, in place of one that had it."""
        own = _pairs(read_json(self._saved), "name", "sql")
        others = [Draft(name, sql) for name, sql in own if name != query.name]
        write_json(self._saved, [asdict(draft) for draft in (query, *others)])


STARTERS_AS_DRAFTS = tuple(Draft(starter.name, starter.sql) for starter in STARTERS)


def _pairs(kept: Any, first: str, second: str) -> list[tuple[str, str]]:
    """Whoever wrote the file: only what can be used of it."""
    if not isinstance(kept, list):
        return []
    found = [(e.get(first), e.get(second)) for e in kept if isinstance(e, dict)]
    return [(a, b) for a, b in found if isinstance(a, str) and isinstance(b, str)]
