"""Refusals a person can act on: what, where, and what to do instead."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from zava_server.data.guard.explanations import CONSTRUCTS, FUNCTION_ADVICE
from zava_server.infrastructure.errors import QueryRejected

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_NAME = 60


def rejected(text: bytes, at: int | None, sentence: str, hint: str | None = None) -> QueryRejected:
    """The error for a construct at byte `at` of the statement; None when it has no place."""
    return QueryRejected(f"{sentence}{place(text, at)}.", hint)


def place(text: bytes, at: int | None) -> str:
    """` (line 3, column 14)`, both from 1 and in characters; nothing without a place."""
    if at is None or not 0 <= at <= len(text):
        return ""
    before = text[:at].decode("utf-8", "replace")
    line = before.count("\n") + 1
    return f" (line {line}, column {len(before) - before.rfind(chr(10))})"


def quoted(name: str) -> str:
    """A caller's name for a message, on one line and not too long."""
    return f"“{printable(name, _LONGEST_NAME)}”"


def printable(text: str, most: int) -> str:
    """At most so many characters, with dots for those that are no signs on paper."""
    shown = "".join(c if c.isprintable() else "·" for c in text[:most])
    return shown if len(text) <= most else f"{shown}…"


def construct(key: str) -> tuple[str, str | None]:
    """What SQL calls a refused node, field or word, and the advice."""
    known = CONSTRUCTS.get(key)
    if known is not None:
        return known
    if key.endswith("Stmt"):
        # CreateTableAsStmt is CREATE TABLE AS.
        words = re.sub("(?<=[a-z])(?=[A-Z])", " ", key.removesuffix("Stmt")).upper()
        return words, "Send a SELECT, VALUES or TABLE."
    return f"This construct ({key})", "Say it in plainer SQL."


def function_advice(name: str) -> str | None:
    """The advice for the longest known beginning of a function's name."""
    fitting = [beginning for beginning in FUNCTION_ADVICE if name.startswith(beginning)]
    return FUNCTION_ADVICE[max(fitting, key=len)] if fitting else None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like a misspelt one."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return found[0] if found else None
