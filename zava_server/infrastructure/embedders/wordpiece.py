"""The tokenizer of BERT uncased: words, then the longest known pieces of each word.

After Devlin et al., "BERT", 2018, and google-research/bert `tokenization.py`. Special tokens
written out in a text (`[SEP]`) are plain text here.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_WORD_CHARACTERS = 100
"""Longer words are unknown."""

CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Chinese characters: each is a word of its own."""


class WordPiece:
    """Turns texts into the ids of a vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._longest = max(map(len, vocabulary))
        self._unknown = vocabulary["[UNK]"]
        self._start, self._end = vocabulary["[CLS]"], vocabulary["[SEP]"]

    def encode(self, text: str, limit: int) -> list[int]:
        """The ids of `text` between [CLS] and [SEP], cut to `limit` ids in all."""
        pieces = chain.from_iterable(map(self._pieces, words(text)))
        return [self._start, *islice(pieces, limit - 2), self._end]

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, stands in the vocabulary as a whole."""
        return word in self._vocabulary

    def _pieces(self, word: str) -> list[int]:
        if len(word) > MAX_WORD_CHARACTERS:
            return [self._unknown]
        ids, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                if (piece := self._vocabulary.get(prefix + word[start:end])) is not None:
                    break
            else:
                return [self._unknown]
            ids.append(piece)
            start = end
        return ids


@cache
def bert_uncased() -> WordPiece:
    """The tokenizer with the vocabulary that lies beside this module; read once."""
    lines = Path(__file__).with_name("vocabulary.txt").read_text("utf-8").split("\n")
    return WordPiece({token: number for number, token in enumerate(lines) if token})


def words(text: str) -> Iterator[str]:
    """The words of `text`: lower case, no accents, punctuation and Chinese characters alone."""
    return iter("".join(map(_normal_form, text)).split())


@lru_cache(maxsize=4096)
def _normal_form(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
        return " "
    if category in ("Cc", "Cf", "Co", "Cs") or character == "\ufffd":
        return ""
    bare = "".join(
        f" {part} " if _is_punctuation(part) else part.lower()
        for part in unicodedata.normalize("NFD", character)
        if unicodedata.category(part) != "Mn"
    )
    return f" {bare} " if _is_chinese(character) else bare


def _is_chinese(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in CJK)


def _is_punctuation(character: str) -> bool:
    """As BERT has it: every ASCII sign counts, also those that Unicode calls symbols."""
    return unicodedata.category(character).startswith("P") or character in "$+<=>^`|~"
