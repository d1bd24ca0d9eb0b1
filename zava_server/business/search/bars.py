"""How similar a product must be to be shown, and to be shown without a caveat.

Measured with tests/bench/search_quality.py; docs/search.md shows the curve.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bars:
    """Similarities, 0 to 1: below `noise` nothing is shown, below `near` it is a weak match."""

    noise: float
    near: float


_FEW_WORDS = 3
"""A short query has little to be unlike anything with: its noise lies higher."""

_LOCAL = (Bars(0.42, 0.50), Bars(0.36, 0.43))
_OPENAI = (Bars(0.28, 0.36), Bars(0.24, 0.32))
WORDS_BARS = Bars(0.35, 0.5)
"""For lexical search, whose similarity is the share of a query's words, rare ones counting more."""


def bars_for(embedder: str, words: int) -> Bars:
    """The bars of an embedder (`local`, `openai`) for a query of so many words."""
    few, many = _OPENAI if embedder == "openai" else _LOCAL
    return few if words <= _FEW_WORDS else many


WORD_WEIGHT = 0.15
"""How much more similar a product is taken for that has all the words of the query."""
SPELLING_GAIN = 0.05
"""A correction of the spelling is believed if it makes the best hit so much more similar, and that
hit is no weak one."""
