"""How often calls ended in which error."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Tools times codes; whoever calls tools that there are not shall not make it more.
_MOST_PAIRS = 500
_OTHERS = "other"


class ErrorCounts:
    """Counts by operation (a tool or resource) and code."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, operation: str, code: str) -> None:
        """Counts one."""
        if (operation, code) not in self._counts and len(self._counts) >= _MOST_PAIRS:
            operation = _OTHERS
        self._counts[operation, code] += 1

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """So far."""
        return self._counts
