"""The days of the demo data as a store lives them: dates, weekdays, seasons and clock times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from zava_server.data.demo.randomness import cumulative_rows, pick_in_rows

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    Days = NDArray[np.int32]
    Seconds = NDArray[np.int64]

YEARS = 5
DAYS_A_YEAR = 365.25
_NOON = 12 * 3600
# Clocks change at 2:00; by 3:00 the new time holds on both days of the year.
_AFTER_CLOCK_CHANGE = 3 * 3600
_NOVEMBER, _THURSDAY = 11, 3


@dataclass(frozen=True)
class Rhythm:
    """How a week goes: `weekdays` (7,) from Monday weigh days, `hours` (7, 24) their hours.

    `rests` says whether holidays are kept.
    """

    weekdays: NDArray[np.float64]
    hours: NDArray[np.float64]
    rests: bool

    @cached_property
    def hour_table(self) -> NDArray[np.float64]:
        """`hours` for `pick_in_rows`."""
        return cumulative_rows(self.hours)


def _hours(first: int, *weights: float) -> list[float]:
    return [0.0] * first + [*weights] + [0.0] * (24 - first - len(weights))


# Contractors come early and after work, everybody else at the weekend around noon.
_WORKDAY = _hours(7, 5, 7, 7, 7, 7.5, 8, 7, 6.5, 7, 8.5, 10, 9, 6, 3)
_SATURDAY = _hours(7, 3, 6, 9, 11, 12, 12, 11, 10, 9, 7, 5, 3.5, 2, 1)
_SUNDAY = _hours(8, 3, 7, 11, 13, 13, 13, 12, 10, 8, 6, 3)
_WEB = [2, 1.2, 0.7, 0.5, 0.5, 0.8, 1.5, 2.5, 3.5, 4, 4.5, 5, 5.5, 5, 4.8, 4.7, 5, 5.5, 6.5, 8]
_WEB += [9.5, 9, 7, 4]

IN_STORE = Rhythm(
    np.array([0.84, 0.82, 0.86, 0.90, 1.06, 1.36, 1.16]),
    np.array([_WORKDAY] * 5 + [_SATURDAY, _SUNDAY]),
    rests=True,
)
ONLINE = Rhythm(
    np.array([1.0, 0.96, 0.94, 0.93, 0.92, 1.08, 1.17]), np.array([_WEB] * 7), rests=False
)


@dataclass(frozen=True)
class Timeline:
    """Five years of store-local days, the last one being that of `until` and not over yet.

    Days are numbered from 0. `noon` (days,) holds each day's noon and `shift` (days,) by how much
    the day's clock runs ahead of the day before, both in seconds (noon since 1970 in UTC).
    """

    until: int
    dates: NDArray[np.datetime64]
    noon: Seconds
    shift: Seconds

    @classmethod
    def up_to(cls, until: datetime, time_zone: str) -> Timeline:
        """The timeline that ends at `until`, an aware time."""
        zone = ZoneInfo(time_zone)
        last = until.astimezone(zone).date()
        first = _years_before(last, YEARS)
        days = [first + timedelta(n) for n in range((last - first).days + 1)]
        dates = np.array(days, "datetime64[D]")
        noon = np.array([int(datetime.combine(day, time(12), zone).timestamp()) for day in days])
        ahead = dates.astype(np.int64) * 86_400 + _NOON - noon
        return cls(int(until.timestamp()), dates, noon, np.diff(ahead, prepend=ahead[:1]))

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def opening(self) -> int:
        """Midnight before the first day, seconds since 1970."""
        return int(self.noon[0]) - _NOON

    @cached_property
    def weekday(self) -> Days:
        """0 is Monday; 1970-01-01 was a Thursday."""
        return ((self.dates.astype(np.int64) + 3) % 7).astype(np.int32)

    @cached_property
    def holiday(self) -> NDArray[np.bool_]:
        """The days on which the stores stay closed: Thanksgiving and Christmas, (days,)."""
        month = self.dates.astype("datetime64[M]")
        month_number = month.astype(np.int64) % 12 + 1
        day = (self.dates - month).astype(np.int64) + 1
        thanksgiving = (month_number == _NOVEMBER) & (self.weekday == _THURSDAY)
        thanksgiving &= (day > 21) & (day <= 28)
        closed: NDArray[np.bool_] = thanksgiving | (month_number == 12) & (day == 25)
        return closed

    @cached_property
    def years(self) -> NDArray[np.float64]:
        """Years since the first day."""
        return np.arange(len(self)) / DAYS_A_YEAR

    def season(self, by_month: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 12) monthly factors as (days, n), going smoothly from mid-month to mid-month."""
        month_start = self.dates.astype("datetime64[M]")
        length = ((month_start + 1).astype("datetime64[D]") - month_start).astype(np.float64)
        into = (self.dates - month_start).astype(np.float64) / length
        position = month_start.astype(np.int64) % 12 + into - 0.5
        before = np.floor(position).astype(np.int64)
        weight = (position - before)[:, None]
        factors = by_month.T
        season: NDArray[np.float64] = (
            factors[before % 12] * (1 - weight) + factors[(before + 1) % 12] * weight
        )
        return season

    def moments(self, rng: np.random.Generator, day: Days, rhythm: Rhythm) -> Seconds:
        """A time on each of the given days when the store is open, seconds since 1970."""
        hour = pick_in_rows(rng, rhythm.hour_table, self.weekday[day], 24)
        clock = hour * 3600 + rng.integers(0, 3600, len(day))
        early = np.where(clock < _AFTER_CLOCK_CHANGE, self.shift[day], 0)
        return self.noon[day] - _NOON + clock + early


def _years_before(day: date, years: int) -> date:
    # 29 February becomes the 28th.
    if (day.month, day.day) == (2, 29):
        day -= timedelta(1)
    return day.replace(year=day.year - years)
