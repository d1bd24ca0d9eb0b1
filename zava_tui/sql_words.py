"""What may follow what is being typed: tables, columns, functions, keywords."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "USING", "ON",
    "AS", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL", "CASE",
    "WHEN", "THEN", "ELSE", "END", "HAVING", "WITH", "DISTINCT", "DESC", "ASC", "UNION ALL",
    "INTERVAL", "FILTER", "OVER", "PARTITION BY",
)  # fmt: skip
FUNCTIONS = (
    "avg(", "coalesce(", "count(", "date_trunc(", "extract(", "greatest(", "lag(", "least(",
    "left(", "length(", "lower(", "max(", "min(", "now()", "nullif(", "rank(", "round(",
    "row_number()", "string_agg(", "sum(", "to_char(", "upper(", "current_date",
)  # fmt: skip
MOST = 12
"""Suggestions at once."""
_WORD = re.compile(r"[\w.]*$")
_QUOTED = re.compile(
    r"""
    '(?:[^']|'')*(?P<text>'|\Z)
    | "(?:[^"]|"")*(?P<name>"|\Z)
    | --[^\n]*(?P<line>\n|\Z)
    | /\*(?:[^*]|\*(?!/))*(?P<comment>\*/|\Z)
    """,
    re.VERBOSE,
)
_AFTER_FROM = re.compile(r"\b(?:FROM|JOIN)\s+[\w.]*$", re.IGNORECASE)
_ALIAS = re.compile(r"(?:FROM|JOIN)\s+(?:retail\.)?(\w+)(?:\s+(?:AS\s+)?(\w+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that replaces the last `typed` characters, and what it is."""

    text: str
    kind: str
    typed: int


def word_before(text: str) -> str:
    """The beginning of a word that ends where `text` does; empty where none does."""
    match = _WORD.search(text)
    return match.group() if match else ""


def suggestions(
    before: str, whole: str, tables: Mapping[str, Sequence[str]], *, wanted: bool = False
) -> list[Suggestion]:
    """What the word at the end of `before` may become; `whole` is all of the statement.

    `tables` are column names by table, without the schema. Nothing within a text or a comment, and
    nothing for no word at all, unless it is `wanted`.
    """
    word = word_before(before)
    if not (word or wanted) or within_quotes(before):
        return []
    aliases = _aliases(whole, tables)
    owner, dot, start = word.rpartition(".")
    if dot and owner in aliases:
        return _matching(start, ((name, "column") for name in tables[aliases[owner]]))
    if dot and owner == "retail":
        return _matching(start, ((name, "table") for name in tables))
    if dot:
        return []
    used = [column for table in dict.fromkeys(aliases.values()) for column in tables[table]]
    columns = [(name, "column") for name in dict.fromkeys(used)]
    named = [(f"retail.{name}", "table") for name in tables]
    if _AFTER_FROM.search(before):
        return _matching(word, named)
    return _matching(
        word,
        [
            *columns,
            *((name, "function") for name in FUNCTIONS),
            *((name, "keyword") for name in KEYWORDS),
            *named,
        ],
    )


def within_quotes(before: str) -> bool:
    """Whether a text, a quoted name or a comment is still open where `before` ends."""
    return any(
        match.end() == len(before) and not match.group(match.lastgroup or 0)
        for match in _QUOTED.finditer(before)
    )


def _aliases(sql: str, tables: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The tables of a statement by the names they have in it."""
    found = {}
    for table, alias in _ALIAS.findall(sql):
        if table in tables:
            found[table] = table
            if alias and alias.upper() not in {"ON", "USING", "WHERE", "JOIN", "LEFT", "GROUP"}:
                found[alias] = table
    return found


def _matching(start: str, candidates: Iterable[tuple[str, str]]) -> list[Suggestion]:
    wanted = start.casefold()
    return [
        Suggestion(text, kind, len(start))
        for text, kind in candidates
        if _begins(text.casefold(), wanted) and text.casefold() != wanted
    ][:MOST]


def _begins(text: str, wanted: str) -> bool:
    return text.startswith(wanted) or text.removeprefix("retail.").startswith(wanted)
