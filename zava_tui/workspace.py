"""What a user has written: tabs, history, saved queries; kept from start to start."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zava_tui.kept_files import Claim, read_json, state_directory, write_json
from zava_tui.starter_queries import STARTERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_REMEMBERED, LONGEST_REMEMBERED, ALL_REMEMBERED = 1_000, 50_000, 1_000_000
"""Statements of the history, characters of one of them, and of all."""
MOST_WINDOWS = 20
"""Apps of one user that run at once and have tabs of their own."""
FIRST_TAB = "query 1"


@dataclass(frozen=True, slots=True)
class Draft:
    """A tab's name and text."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Tabs:
    """The tabs of a window, one at least, and the place of the present one."""

    drafts: tuple[Draft, ...]
    place: int = 0


class Workspace:
    """Of one user, in files of their own: what a store's manager wrote is theirs.

    Methods read and write files, and may be called from any thread.
    """

    def __init__(self, user: str, directory: Path | None = None) -> None:
        self.user = user
        own = "".join(c if c.isalnum() or c in "-_" else "_" for c in user)
        self._place = (directory or state_directory()) / "queries" / own
        self._history, self._saved = self._place / "history.json", self._place / "saved.json"
        self._tabs: Path | None = None
        self._claim: Claim | None = None
        self._one_at_a_time = threading.RLock()

    def open_tabs(self) -> Tabs:
        """The tabs as they were left, with those of windows that were killed; claims their file.

        Windows that are open at once have files of their own, so that none writes over another's.
        """
        drafts: list[Draft] = []
        place = 0
        for path in (self._place / f"tabs-{number}.json" for number in range(1, MOST_WINDOWS + 1)):
            if self._claim is not None and not path.exists():
                continue
            if (claim := Claim.on(path)) is None:
                continue
            kept = read_json(path)
            found = list(_drafts(kept.get("tabs") if isinstance(kept, dict) else None))
            if self._claim is None:
                self._claim, self._tabs = claim, path
                place = kept.get("place", 0) if found else 0
            else:
                if found:
                    path.unlink(missing_ok=True)
                claim.release()
            drafts += found
        if not drafts:
            drafts = [Draft(FIRST_TAB, STARTERS[0].sql)]
        usable = isinstance(place, int) and 0 <= place < len(drafts)
        tabs = Tabs(tuple(drafts), place if usable else 0)
        self.keep_tabs(tabs)
        return tabs

    def keep_tabs(self, tabs: Tabs) -> None:
        """Keeps the tabs as they are, once they were opened and until `close`."""
        with self._one_at_a_time:
            if self._tabs is not None:
                kept = {"place": tabs.place, "tabs": [asdict(draft) for draft in tabs.drafts]}
                write_json(self._tabs, kept)

    def close(self) -> None:
        """Lets another window have these tabs."""
        with self._one_at_a_time:
            self._tabs = None
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def history(self) -> list[str]:
        """Statements that were run, the latest first."""
        kept = read_json(self._history)
        return [sql for sql in kept if isinstance(sql, str)] if isinstance(kept, list) else []

    def remember(self, sql: str) -> None:
        """Adds a statement that is run; one that was run before moves to the front."""
        if len(sql) > LONGEST_REMEMBERED:
            return
        with self._one_at_a_time:
            kept: list[str] = []
            room = ALL_REMEMBERED
            for each in (sql, *(before for before in self.history() if before != sql)):
                room -= len(each)
                if room < 0 or len(kept) == MOST_REMEMBERED:
                    break
                kept.append(each)
            write_json(self._history, kept)

    def saved(self) -> list[Draft]:
        """Queries with names: one's own, and then the starters whose names are still free."""
        own = self._own()
        taken = {query.name for query in own}
        return [*own, *(starter for starter in STARTERS_AS_DRAFTS if starter.name not in taken)]

    def save(self, query: Draft) -> None:
        """Keeps a query under its name, in place of one that had it."""
        with self._one_at_a_time:
            others = [other for other in self._own() if other.name != query.name]
            write_json(self._saved, [asdict(draft) for draft in (query, *others)])

    def forget(self, name: str) -> bool:
        """Drops a saved query; False for a starter, which stays."""
        with self._one_at_a_time:
            own = self._own()
            others = [query for query in own if query.name != name]
            if len(others) == len(own):
                return False
            write_json(self._saved, [asdict(draft) for draft in others])
            return True

    def _own(self) -> list[Draft]:
        return list(_drafts(read_json(self._saved)))


STARTERS_AS_DRAFTS = tuple(Draft(starter.name, starter.sql) for starter in STARTERS)


def _drafts(kept: Any) -> Iterator[Draft]:
    """Whoever wrote the file: only what can be used of it."""
    for entry in kept if isinstance(kept, list) else ():
        if isinstance(entry, dict):
            name, sql = entry.get("name"), entry.get("sql")
            if isinstance(name, str) and isinstance(sql, str):
                yield Draft(name, sql)
