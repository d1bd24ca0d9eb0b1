"""How old what a call has read may be: noted where it is read, told where the call is answered."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Reading:
    """What a call has read so far.

    `behind_seconds` is None while no replica was read. `wants_primary` is set once a replica has
    failed the call, which is then made again.
    """

    behind_seconds: float | None = None
    wants_primary: bool = False

    def failed(self) -> None:
        """The replica has not answered after all."""
        self.behind_seconds, self.wants_primary = None, True

    def note(self, behind_seconds: float) -> None:
        """A replica was read that was so far behind."""
        self.behind_seconds = max(behind_seconds, self.behind_seconds or 0.0)


_current: ContextVar[Reading | None] = ContextVar("reading", default=None)


@contextmanager
def reading() -> Iterator[Reading]:
    """Notes what is read in the body of a `with`, tasks begun there included."""
    fresh = Reading()
    token = _current.set(fresh)
    try:
        yield fresh
    finally:
        _current.reset(token)


def current_reading() -> Reading:
    """Of the call under way; outside of any, one that nobody looks at."""
    return _current.get() or Reading()
