"""The filter line of Browse: what people type, as conditions the server knows."""

from __future__ import annotations

import calendar
import re
import shlex
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from zava_tui import format as fmt
from zava_tui.answers import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zava_tui.answers import BrowsedColumn

TERM = re.compile(r"(?P<name>[^:<>=]+)(?P<operator>:?(?:>=|<=|>|<|=)|:)(?P<value>.*)", re.DOTALL)
DATES = "timestamptz"
YES_NO = {"yes": True, "true": True, "no": False, "false": False}
NUMBERS = {"int4", "int8", "numeric", "float8"}
_EXAMPLES = {"bool": ":yes", DATES: ":2026-11", **dict.fromkeys(NUMBERS, ">10")}
"""What an example says of a column, by its type."""
LONGEST_EXAMPLE = 16


class BadFilter(Exception):
    """A filter that says nothing the table understands, in one sentence with the way out."""


def parsed(text: str, columns: Sequence[BrowsedColumn], today: date) -> list[Filter]:
    """The conditions of a line such as `status:pending total>500 "leaf blower"`.

    A word alone is looked for in the first column that holds texts; dates may be `2026`, `2026-11`,
    `2026-11-30`, `today` or `yesterday`. Raises BadFilter.
    """
    try:
        terms = shlex.split(text, posix=True)
    except ValueError:
        raise BadFilter("A quotation mark is not closed.") from None
    return [condition for term in terms for condition in _conditions(term, columns, today)]


def completions(text: str, columns: Sequence[BrowsedColumn]) -> str | None:
    """The line with its last word completed to the name of a column; None where it is none."""
    start, _, last = text.rpartition(" ")
    if not last or TERM.fullmatch(last):
        return None
    for column in columns:
        if column.filters and column.name.startswith(last.lower()):
            return f"{start}{' ' if start else ''}{column.name}:"
    return None


def examples(columns: Sequence[BrowsedColumn], row: Sequence[Any] = ()) -> list[str]:
    """Conditions that the filter line takes, one a column; texts are those of a `row`."""
    values = row or [None] * len(columns)
    return [
        f"{column.name}{_EXAMPLES.get(column.type) or ':' + _example_text(column, value)}"
        for column, value in zip(columns, values, strict=True)
        if column.filters
    ]


def _example_text(column: BrowsedColumn, value: Any) -> str:
    if not isinstance(value, str) or not value.split():
        return "…"
    if "contains" in column.filters:
        value = value.split()[0].strip(",;").lower()
    return shlex.quote(fmt.visible(value)) if len(value) <= LONGEST_EXAMPLE else "…"


def _conditions(term: str, columns: Sequence[BrowsedColumn], today: date) -> Iterator[Filter]:
    match = TERM.fullmatch(term)
    if match is None:
        yield _word(term, columns)
        return
    column = _column(match["name"], columns)
    if not match["value"]:
        raise BadFilter(f"What {column.name} should be is missing.")
    operator = _operator(match["operator"], match["value"], column)
    if operator not in column.filters:
        usable = " ".join(column.filters)
        raise BadFilter(f"{column.name} cannot be compared by {operator}, only by: {usable}.")
    if column.type == DATES:
        yield from _span(column, operator, match["value"], today)
    elif operator == "in":
        values = [_value(column, part) for part in match["value"].split(",") if part]
        yield Filter(column.name, operator, values)
    else:
        yield Filter(column.name, operator, _value(column, match["value"]))


def _word(word: str, columns: Sequence[BrowsedColumn]) -> Filter:
    for operator in ("contains", "starts_with"):
        for column in columns:
            if operator in column.filters:
                return Filter(column.name, operator, word)
    example = next(iter(examples(columns)), "none")
    raise BadFilter(f"Say which column {word} is of, such as {example}.")


def _column(name: str, columns: Sequence[BrowsedColumn]) -> BrowsedColumn:
    wanted = name.lower().replace(" ", "_")
    filterable = [column for column in columns if column.filters]
    for column in filterable:
        if wanted in (column.name, column.label.lower().replace(" ", "_")):
            return column
    starting = [column for column in filterable if column.name.startswith(wanted)]
    within = [column for column in filterable if wanted in column.name.split("_")]
    for found in (starting, within):
        if found:
            return found[0]
    known = ", ".join(column.name for column in filterable)
    raise BadFilter(f"There is no column {name} to filter by. There are: {known}.")


def _operator(written: str, value: str, column: BrowsedColumn) -> str:
    if written != ":":
        return written.removeprefix(":")
    if "," in value and "in" in column.filters:
        return "in"
    return next(o for o in ("contains", "=", *column.filters) if o in column.filters)


def _value(column: BrowsedColumn, text: str) -> Any:
    if column.type == "bool":
        if text.lower() not in YES_NO:
            raise BadFilter(f"{column.name} is yes or no.")
        return YES_NO[text.lower()]
    if column.type in NUMBERS:
        try:
            number = float(text.replace(",", "").removeprefix("$"))
        except ValueError:
            raise BadFilter(f"{column.name} is a number, and {text} is none.") from None
        return int(number) if number.is_integer() else number
    return text


def _span(column: BrowsedColumn, operator: str, text: str, today: date) -> Iterator[Filter]:
    first, last = _days(column, text, today)
    # The server takes a date for the whole of that day.
    if operator in {"=", ">=", "<"}:
        yield Filter(column.name, ">=" if operator == "=" else operator, first.isoformat())
    if operator in {"=", "<=", ">"}:
        yield Filter(column.name, "<=" if operator == "=" else operator, last.isoformat())


def _days(column: BrowsedColumn, text: str, today: date) -> tuple[date, date]:
    named = {"today": today, "yesterday": today - timedelta(days=1)}.get(text.lower())
    if named is not None:
        return named, named
    try:
        match [int(part) for part in text.split("-")]:
            case [year]:
                return date(year, 1, 1), date(year, 12, 31)
            case [year, month]:
                return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
            case [year, month, day]:
                return date(year, month, day), date(year, month, day)
    except ValueError:
        pass
    raise BadFilter(f"{column.name} is a date such as 2026-11-30, 2026-11 or today.")
