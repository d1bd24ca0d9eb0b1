"""What the cells of the files mean: one text becomes one number, or is refused with the reason.

Numbers are whole: cents, hundredths of a percent, units, microseconds since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Parse = Callable[[str], int]

STATUSES = ("completed", "pending", "cancelled")
ROLES = ("store_manager", "regional_manager", "head_office", "viewer")
PERMISSIONS = frozenset({"ops"})

MOST_CENTS = 9_999_999_999
"""What numeric(10, 2) holds."""
MOST_UNITS = 2_147_483_647

_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]{1,2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}.*)?")
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_TRUTH = {"true": 1, "1": 1, "yes": 1, "false": 0, "0": 0, "no": 0}


class BadValue(Exception):
    """A text that is no value of its column; says why."""


def parse_money(text: str) -> int:
    """Cents, not negative."""
    cents = parse_signed_money(text)
    if cents < 0:
        raise BadValue("is negative")
    return cents


def parse_signed_money(text: str) -> int:
    """Cents, of either sign."""
    cents = _hundredths(text, "an amount such as 12.50")
    if abs(cents) > MOST_CENTS:
        raise BadValue("is above 99,999,999.99")
    return cents


def parse_percent(text: str) -> int:
    """Hundredths of a percent, 0 to 10,000."""
    hundredths = _hundredths(text, "a percentage such as 15")
    if not 0 <= hundredths <= 100_00:
        raise BadValue("is not between 0 and 100")
    return hundredths


def parse_quantity(text: str) -> int:
    """Units, negative for returns, never zero."""
    units = _units(text)
    if units == 0:
        raise BadValue("is zero")
    return units


def parse_stock(text: str) -> int:
    """Units, not negative."""
    units = _units(text)
    if units < 0:
        raise BadValue("is negative")
    return units


def parse_truth(text: str) -> int:
    """1 or 0."""
    try:
        return _TRUTH[text.lower()]
    except KeyError:
        raise BadValue("is neither true nor false") from None


def parse_status(text: str) -> int:
    """An index into `STATUSES`."""
    return _one_of(STATUSES, text)


def parse_role(text: str) -> int:
    """An index into `ROLES`."""
    return _one_of(ROLES, text)


def parse_date(text: str) -> int:
    """Twice the microseconds since 1970, plus one where the text names no zone.

    Then they are a store's local time, taken as if it were UTC.
    """
    if not _DATE.fullmatch(text):
        raise BadValue("is no date such as 2026-01-31 or 2026-01-31 14:30")
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise BadValue("is no date or time that exists") from None
    local = date.tzinfo is None
    try:
        naive = date if local else date.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise BadValue("is no date that can be kept") from None
    return (naive - _EPOCH) // _MICROSECOND * 2 + local


def _one_of(known: tuple[str, ...], text: str) -> int:
    try:
        return known.index(text)
    except ValueError:
        raise BadValue(f"is none of {', '.join(known)}") from None


def _units(text: str) -> int:
    whole, fraction, sign = _decimal(text, "a whole number")
    if fraction:
        raise BadValue("is not a whole number")
    units = sign * int(whole)
    if abs(units) > MOST_UNITS:
        raise BadValue("is too large")
    return units


def _hundredths(text: str, wanted: str) -> int:
    whole, fraction, sign = _decimal(text, wanted)
    if len(fraction) > 2:
        raise BadValue("has more than two decimals")
    return sign * (int(whole) * 100 + int(fraction.ljust(2, "0")))


def _decimal(text: str, wanted: str) -> tuple[str, str, int]:
    """Digits before the point, digits after it without trailing zeros, sign."""
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        comma = "; decimals come after a point" if _DECIMAL_COMMA.fullmatch(text) else ""
        raise BadValue(f"is not {wanted}{comma}")
    whole = match[2].lstrip("0") or "0"
    if len(whole) > 12:
        raise BadValue("is too large")
    return whole, (match[3] or "").rstrip("0"), -1 if match[1] == "-" else 1
