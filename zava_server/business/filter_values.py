"""What people and models write as the value of a filter, as values that the database compares."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_server.data.browsable import Kind
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_LONGEST_TEXT = 200
_INT4 = 2**31
_MOST_MONEY = Decimal(10) ** 10
_CENTS = 100
_SURROGATES = range(0xD800, 0xE000)

Comparison = tuple[str, Any]
"""An operator and a value."""

_EXAMPLES = {
    Kind.TEXT: "a text",
    Kind.INTEGER: "a whole number",
    Kind.MONEY: "an amount such as 19.99",
    Kind.CENTS: "an amount such as 19.99, with no more than two decimals",
    Kind.TIME: "a date such as 2026-01-31 or a time such as 2026-01-31T09:30",
    Kind.ID: "an id such as 3f0e6d2a-1c7b-4a58-9d43-6b1f0c2e8a75",
    Kind.YES_NO: "true or false",
}


def comparisons(kind: Kind, operator: str, value: Any, zone: ZoneInfo) -> list[Comparison]:
    """What a filter compares a value of this kind with; all must hold.

    A date is the whole of that day in `zone`, where times without a zone are, too. Raises
    ValidationError for a value of another kind.
    """
    if operator == "in":
        return [("in", [_parsed(kind, item, zone) for item in value])]
    if operator == "contains":
        return [("contains", f"%{_escaped(_parsed(Kind.TEXT, value, zone))}%")]
    if operator == "starts_with":
        return _beginning(_parsed(Kind.TEXT, value, zone))
    day = _day(value) if kind is Kind.TIME else None
    if day is not None:
        return _within_day(day, operator, zone)
    return [(operator, _parsed(kind, value, zone))]


def _parsed(kind: Kind, value: Any, zone: ZoneInfo) -> Any:
    try:
        parsed = _parse(kind, value, zone)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        parsed = None
    if parsed is None:
        raise ValidationError(f"A filter's value is not {_EXAMPLES[kind]}.")
    return parsed


def _parse(kind: Kind, value: Any, zone: ZoneInfo) -> Any:
    match kind, value:
        case Kind.YES_NO, bool():
            return value
        case _, bool():
            return None
        case Kind.TEXT, str():
            # PostgreSQL's text holds no NUL, and UTF-8 no half of a pair.
            value.encode()
            return value if len(value) <= _LONGEST_TEXT and "\0" not in value else None
        case Kind.ID, str():
            return UUID(value)
        case Kind.TIME, str():
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=zone)
        case Kind.INTEGER, int() | str():
            number = int(value)
            return number if -_INT4 <= number < _INT4 else None
        case Kind.INTEGER, float():
            return int(value) if value.is_integer() and abs(value) < _INT4 else None
        case ((Kind.MONEY | Kind.CENTS), int() | float() | str()):
            return _amount(kind, value)
    return None


def _amount(kind: Kind, value: float | str) -> Decimal | int | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    amount = Decimal(str(value))
    if not amount.is_finite() or abs(amount) >= _MOST_MONEY:
        return None
    if kind is Kind.MONEY:
        return amount
    cents = amount * _CENTS
    return int(cents) if cents == int(cents) else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _within_day(day: date, operator: str, zone: ZoneInfo) -> list[Comparison]:
    if not 1 < day.year < date.max.year:
        raise ValidationError(f"A filter's value is not {_EXAMPLES[Kind.TIME]}.")
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(1), time(), zone)
    match operator:
        case "=":
            return [(">=", start), ("<", end)]
        case "<=":
            return [("<", end)]
        case ">":
            return [(">=", end)]
    return [(operator, start)]


def _beginning(text: str) -> list[Comparison]:
    """All texts that begin so, as a range in the order of code points."""
    known = text.rstrip(chr(sys.maxunicode))
    if not known:
        return [(">=", text)]
    following = ord(known[-1]) + 1
    if following in _SURROGATES:
        following = _SURROGATES.stop
    return [(">=", text), ("<", known[:-1] + chr(following))]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
