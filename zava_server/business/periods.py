"""Periods of a store's days: what `7d` or `2026-Q3` means, and what it is compared with."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NoReturn

from zava_server.infrastructure.errors import ValidationError

FORMS = (
    "today, yesterday, 7d (days, today included), 12m (months, today included), 2026, 2026-Q3, "
    "2026-08, 2026-08-15, or 2026-01-01..2026-02-15 (from, up to but without)"
)
"""The time periods there are, for people and models."""

_DAY = timedelta(days=1)
_MOST_DAYS = 3660
_MOST_MONTHS = 120
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_MONTHS_OF_A_YEAR = 12
_MONTHS_OF_A_QUARTER = 3


@dataclass(frozen=True, slots=True)
class Span:
    """Local days: whole ones from `start` up to `until`, and with `cut` `until` up to that time."""

    start: date
    until: date
    cut: time | None = None

    @property
    def end(self) -> datetime:
        """Where it ends, exclusive, as local time."""
        return datetime.combine(self.until, self.cut or time.min)

    @property
    def whole_months(self) -> tuple[date, date] | None:
        """The first days of the first month wholly within, and of the first one after those.

        Both are the same where the span has the end of a month and the beginning of the next;
        None where it lies within one month.
        """
        first = self.start if self.start.day == 1 else add_months(self.start.replace(day=1), 1)
        last = self.until.replace(day=1)
        return (first, last) if first <= last else None

    @property
    def loose_days(self) -> list[tuple[date, date]]:
        """The whole days outside of the whole months, as ranges."""
        months = self.whole_months
        if months is None:
            return [(self.start, self.until)]
        ranges = [(self.start, months[0]), (months[1], self.until)]
        return [(start, until) for start, until in ranges if start < until]


@dataclass(frozen=True, slots=True)
class Periods:
    """A period and what it is compared with."""

    name: str
    current: Span
    previous: Span
    last_year: Span


@dataclass(frozen=True, slots=True)
class _Nominal:
    """A period as if it were over: `start` up to `end`, and how many calendar months it is."""

    start: date
    end: date
    calendar_months: int | None = None


def periods_at(name: str, now: datetime) -> Periods:
    """What `name` means at the local time `now`, which is naive.

    A period under way is cut at `now`; what it is compared with is cut at the same day and time of
    day within it. The period before a calendar month, quarter or year is the calendar unit before
    it, before any other the same number of days. Last year's has the same dates; 29 February
    becomes the 28th. Raises ValidationError for a name of no known form.
    """
    try:
        nominal = _parse(name.strip(), now.date())
        previous = _previous(nominal)
        last_year = _Nominal(_year_before(nominal.start), _year_before(nominal.end - _DAY) + _DAY)
    except (ValueError, OverflowError):
        _refuse(name)
    if not nominal.start <= now.date() < nominal.end:
        return Periods(name.strip(), _whole(nominal), _whole(previous), _whole(last_year))
    gone = now.date() - nominal.start
    return Periods(
        name.strip(),
        Span(nominal.start, now.date(), now.time()),
        _up_to(previous, previous.start + gone, now.time()),
        _up_to(last_year, _year_before(now.date()), now.time()),
    )


def add_months(day: date, months: int) -> date:
    """The same day of another month, or its last where it is shorter."""
    year, month = divmod(day.year * _MONTHS_OF_A_YEAR + day.month - 1 + months, _MONTHS_OF_A_YEAR)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _parse(name: str, today: date) -> _Nominal:
    if name == "today":
        return _Nominal(today, today + _DAY)
    if name == "yesterday":
        return _Nominal(today - _DAY, today)
    if match := re.fullmatch(r"(\d{1,4})([dm])", name, re.ASCII):
        count, end = int(match[1]), today + _DAY
        if match[2] == "d" and 1 <= count <= _MOST_DAYS:
            return _Nominal(end - count * _DAY, end)
        if match[2] == "m" and 1 <= count <= _MOST_MONTHS:
            return _Nominal(add_months(end, -count), end)
    if match := re.fullmatch(r"(\d{4})(?:-(?:Q([1-4])|(\d\d)))?", name, re.ASCII):
        year, quarter, month = match.groups()
        if quarter:
            first = date(int(year), _MONTHS_OF_A_QUARTER * int(quarter) - 2, 1)
            return _calendar(first, _MONTHS_OF_A_QUARTER)
        first = date(int(year), int(month or 1), 1)
        return _calendar(first, 1 if month else _MONTHS_OF_A_YEAR)
    if match := re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?", name, re.ASCII):
        start = date.fromisoformat(match[1])
        end = date.fromisoformat(match[2]) if match[2] else start + _DAY
        if start < end and start.year >= _FIRST_YEAR and end.year <= _LAST_YEAR:
            return _Nominal(start, end)
    raise ValueError(name)


def _calendar(first: date, months: int) -> _Nominal:
    if not _FIRST_YEAR <= first.year <= _LAST_YEAR:
        raise ValueError(first)
    return _Nominal(first, add_months(first, months), months)


def _refuse(name: str) -> NoReturn:
    shown = name if len(name) <= 40 else f"{name[:40]}…"
    raise ValidationError(f"“{shown}” is no time period.", f"Use one of: {FORMS}.")


def _previous(nominal: _Nominal) -> _Nominal:
    if nominal.calendar_months is not None:
        return _Nominal(add_months(nominal.start, -nominal.calendar_months), nominal.start)
    return _Nominal(nominal.start - (nominal.end - nominal.start), nominal.start)


def _year_before(day: date) -> date:
    return add_months(day, -_MONTHS_OF_A_YEAR)


def _whole(nominal: _Nominal) -> Span:
    return Span(nominal.start, nominal.end)


def _up_to(nominal: _Nominal, day: date, time_of_day: time) -> Span:
    """Cut at a time of a day, or whole where it is over by then."""
    return Span(nominal.start, day, time_of_day) if day < nominal.end else _whole(nominal)
