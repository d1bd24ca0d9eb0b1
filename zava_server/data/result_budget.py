"""How much of a result the server takes in, measured by the memory it takes and not only as bytes.

With the default limit of 8 MiB, a call makes the server grow by less than 64 MB.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# Parsed and rendered again, an element of an array takes up to 100 bytes and an empty object 200,
# whatever its size as text: this many stay below 50 MB.
_MOST_ELEMENTS = 400_000
_ELEMENTS_A_CONTAINER = 5
_STRING_HEADER_BYTES = sys.getsizeof("é") - 2


class ResultBudget:
    """Admits rows as lines of JSON until the result is as large as it may be."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._characters = 0
        self._width = 1
        self._elements = 0

    def admits(self, line: str) -> bool:
        """Whether one more row fits, which it takes its place for."""
        # One wide character makes the whole answer wide when it is written as one JSON text.
        if not line.isascii():
            self._width = max(self._width, _character_bytes(line))
        self._characters += len(line)
        self._elements += _nested_elements(line)
        return (
            self._characters * self._width <= self._max_bytes and self._elements <= _MOST_ELEMENTS
        )


class SharedCells:
    """Holds a text that stands in row after row once: a store's id, a day, a state."""

    def __init__(self) -> None:
        self._last: Sequence[Any] = ()

    def row(self, cells: list[Any]) -> list[Any]:
        """The same cells, with the previous row's own where they are equal."""
        if len(self._last) == len(cells):
            cells = [
                before if type(cell) is str and cell == before else cell
                for cell, before in zip(cells, self._last, strict=True)
            ]
        self._last = cells
        return cells


def _character_bytes(line: str) -> int:
    """Bytes a character of the string takes in memory: 1, 2 or 4 (PEP 393)."""
    return (sys.getsizeof(line) - _STRING_HEADER_BYTES) // (len(line) + 1)


def _nested_elements(line: str) -> int:
    """What the arrays and objects within a row may hold, from above; 0 for a row without any."""
    containers = line.count("[") + line.count("{") - 1
    return containers * _ELEMENTS_A_CONTAINER + line.count(",") if containers else 0
