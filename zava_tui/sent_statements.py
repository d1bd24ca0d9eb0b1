"""The statements this app has sent, to know them again where the server shows `$1` for a value."""

from __future__ import annotations

import re
from collections import OrderedDict

KEPT = 200
PARAMETER = re.compile(r"\$\d+")
_BETWEEN = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
"""Spaces and comments, which the server's text has less of."""
_VALUE = r"""(?:[A-Za-z]?'(?:[^']|'')*'|\$(\w*)\$.*?\$\{}\$|[\d.]+(?:[eE][+-]?\d+)?|\w+)"""
"""A literal: quoted, dollar-quoted, a number, or a word such as `true`."""


class SentStatements:
    """The latest statements, each once."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, None] = OrderedDict()
        self._found: dict[str, str | None] = {}

    def note(self, sql: str) -> None:
        """Keep a statement that is sent; the one used longest ago makes room."""
        if sql not in self._texts:
            self._found.clear()
        self._texts[sql] = None
        self._texts.move_to_end(sql)
        if len(self._texts) > KEPT:
            self._texts.popitem(last=False)

    def original(self, normalised: str) -> str | None:
        """One of which `normalised` is the form without values; None if there is none."""
        if normalised not in self._found:
            form = _form_of(normalised)
            found = next((sql for sql in reversed(self._texts) if form.fullmatch(sql)), None)
            self._found[normalised] = found
        return self._found[normalised]


def _form_of(normalised: str) -> re.Pattern[str]:
    parts = [
        _BETWEEN.join(re.escape(word) for word in re.split(r"\s+", part))
        for part in PARAMETER.split(normalised)
    ]
    pattern = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        pattern += _VALUE.replace("{}", str(number)) + part
    return re.compile(f"{_BETWEEN}{pattern}{_BETWEEN};?{_BETWEEN}", re.DOTALL)
