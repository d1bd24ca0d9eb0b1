"""Whether a product is what a label calls it.

To an embedder, a washing machine hose is very like a washing machine. Its name tells them apart:
the last word of a label says what the thing is, and so does the last word of a product's name or
the name of its type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W\d_]+")
# What comes after these in a name is no longer the thing itself.
_TAIL = re.compile(r"\s*(?:,|\(|[-–—]\s|\b(?:with|for|from|in|and)\b).*$", re.IGNORECASE)
_LEADING_SIZE = re.compile(
    r"^(?:[#\d]\S*\s+(?:(?:x|in|inch|ft|mm|cm|oz|lb|gal|qt|pt|w|amp|gallon)\b\.?\s+)*)+",
    re.IGNORECASE,
)
_FROM_SIZE_ON = re.compile(r"\s[#\d].*$")
# Colours and packaging, which may stand last in a name.
_NO_THING = frozenset(
    {"black", "white", "red", "blue", "green", "yellow", "orange"}
    | {"brown", "gray", "grey", "silver", "clear"}
    | {"set", "kit", "pack", "pair", "assortment", "sheets", "roll", "rolls"}
)
_SHARED_START, _MOST_ENDING = 4, 3


# So similar, a product may lack a word of its label, or have the label at the start of its name.
_NEARLY_SURE, _SURE = 0.7, 0.8


def is_called(label: Sequence[str], name: str, product_type: str, similarity: float) -> bool:
    """Whether a product of this name and type is a `label`, which is up to three words.

    What the label says last must be what the thing is; the words before must be in the name or the
    type as well, unless the product is very similar to the label.
    """
    *rest, thing = label
    words = _words(name)
    if similarity >= _SURE and all(map(_same, label, words)) and len(label) <= len(words):
        return True
    if not _any_same(thing, [*_last_word(name), *_words(product_type)]):
        return False
    title = [*words, *_words(product_type)]
    return similarity >= _NEARLY_SURE or all(_any_same(word, title) for word in rest)


def _last_word(name: str) -> list[str]:
    start = _TAIL.sub("", _FROM_SIZE_ON.sub("", _LEADING_SIZE.sub("", name.strip())))
    return [word for word in _words(start) if word not in _NO_THING][-1:]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _any_same(word: str, others: Iterable[str]) -> bool:
    return any(_same(word, other) for other in others)


def _same(one: str, other: str) -> bool:
    """Equal but for an ending: drill and drills, paint and painting."""
    if one == other or one.removesuffix("s") == other.removesuffix("s"):
        return True
    longest = max(len(one), len(other))
    start = max(_SHARED_START, longest - _MOST_ENDING)
    return longest - min(len(one), len(other)) <= _MOST_ENDING and one[:start] == other[:start]
