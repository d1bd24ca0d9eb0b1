"""Spelling, corrected only where a word is unknown and a word of the catalogue is very near."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SHORTEST = 4
_LETTERS = re.compile(r"[^\W\d_]+")
_LONG_WORD = 8


def misspelt(words: Sequence[str], known: Callable[[str], bool]) -> list[str]:
    """Those of `words` that are worth a correction: of letters, not short, and unknown."""
    return [
        word
        for word in words
        if len(word) >= _SHORTEST and _LETTERS.fullmatch(word) and not known(word)
    ]


def corrections(
    candidates: Mapping[str, Sequence[str]], typing: str | None = None
) -> dict[str, str]:
    """The best candidate of each misspelt word, if one is near enough.

    One slip is forgiven, two in words of eight letters and more. Of equally near candidates the
    first is taken. `typing` may be a word half written: it stays if a candidate starts with it.
    """
    best = {}
    for word, others in candidates.items():
        if word == typing and any(other.startswith(word) for other in others):
            continue
        allowed = 2 if len(word) >= _LONG_WORD else 1
        near = [(slips(word, other), place) for place, other in enumerate(others)]
        if near and min(near)[0] <= allowed:
            best[word] = others[min(near)[1]]
    return best


def corrected(query: str, replacements: Mapping[str, str]) -> str:
    """`query` with whole words replaced."""
    return re.sub(r"[^\W\d_]+", lambda m: replacements.get(m.group().lower(), m.group()), query)


def slips(one: str, other: str) -> int:
    """How many letters are missing, too many, wrong or swapped with their neighbour.

    The optimal string alignment distance (Boytsov, "Indexing methods for approximate dictionary
    searching", 2011).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, a in enumerate(one, 1):
        current = [row]
        for column, b in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (a != b))
            swapped = row > 1 and column > 1 and a == other[column - 2] and one[row - 2] == b
            current.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, last = last, current
    return last[-1]
