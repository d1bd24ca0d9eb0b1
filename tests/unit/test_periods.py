"""What a time period means, and what it is compared with."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from zava_server.business.periods import Span, periods_at
from zava_server.infrastructure.errors import ValidationError

NOW = datetime(2026, 3, 15, 14, 30)
CUT = time(14, 30)


def days(start: str, until: str, cut: time | None = None) -> Span:
    return Span(date.fromisoformat(start), date.fromisoformat(until), cut)


@pytest.mark.parametrize(
    ("name", "current", "previous", "last_year"),
    [
        (
            "today",
            days("2026-03-15", "2026-03-15", CUT),
            days("2026-03-14", "2026-03-14", CUT),
            days("2025-03-15", "2025-03-15", CUT),
        ),
        (
            "yesterday",
            days("2026-03-14", "2026-03-15"),
            days("2026-03-13", "2026-03-14"),
            days("2025-03-14", "2025-03-15"),
        ),
        (
            "7d",
            days("2026-03-09", "2026-03-15", CUT),
            days("2026-03-02", "2026-03-08", CUT),
            days("2025-03-09", "2025-03-15", CUT),
        ),
        (
            "12m",
            days("2025-03-16", "2026-03-15", CUT),
            days("2024-03-16", "2025-03-15", CUT),
            days("2024-03-16", "2025-03-15", CUT),
        ),
        (
            "2026-02",
            days("2026-02-01", "2026-03-01"),
            days("2026-01-01", "2026-02-01"),
            days("2025-02-01", "2025-03-01"),
        ),
        (
            "2026-03",
            days("2026-03-01", "2026-03-15", CUT),
            days("2026-02-01", "2026-02-15", CUT),
            days("2025-03-01", "2025-03-15", CUT),
        ),
        (
            "2026-Q1",
            days("2026-01-01", "2026-03-15", CUT),
            days("2025-10-01", "2025-12-13", CUT),
            days("2025-01-01", "2025-03-15", CUT),
        ),
        (
            "2025",
            days("2025-01-01", "2026-01-01"),
            days("2024-01-01", "2025-01-01"),
            days("2024-01-01", "2025-01-01"),
        ),
        (
            "2026-01-01..2026-02-15",
            days("2026-01-01", "2026-02-15"),
            days("2025-11-17", "2026-01-01"),
            days("2025-01-01", "2025-02-15"),
        ),
        (
            "2024-02-29",
            days("2024-02-29", "2024-03-01"),
            days("2024-02-28", "2024-02-29"),
            days("2023-02-28", "2023-03-01"),
        ),
        (
            "2024-02",
            days("2024-02-01", "2024-03-01"),
            days("2024-01-01", "2024-02-01"),
            days("2023-02-01", "2023-03-01"),
        ),
    ],
)
def test_a_period_and_what_it_is_compared_with(
    name: str, current: Span, previous: Span, last_year: Span
) -> None:
    periods = periods_at(name, NOW)
    assert (periods.current, periods.previous, periods.last_year) == (current, previous, last_year)


def test_a_month_longer_than_the_one_before_is_compared_with_all_of_it() -> None:
    periods = periods_at("2026-03", datetime(2026, 3, 30, 9))
    assert periods.previous == days("2026-02-01", "2026-03-01")


def test_on_a_leap_day_last_year_ends_on_the_28th() -> None:
    periods = periods_at("7d", datetime(2024, 2, 29, 9))
    assert periods.last_year == days("2023-02-23", "2023-02-28", time(9))


def test_a_period_to_come_is_whole() -> None:
    assert periods_at("2027", NOW).current == days("2027-01-01", "2028-01-01")


@pytest.mark.parametrize(
    "name",
    [
        "", "week", "0d", "7", "7D", "-7d", "9999d", "0m", "121m", "2026-13", "2026-Q5", "0000",
        "2026-02-30", "2026-02-01..2026-02-01", "2026-02-02..2026-02-01", "2026-2-1", "٧d",
        "0001-01-01", "9999-12-31", "2026-01-01..", "7d; DROP TABLE orders",
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_the_forms_there_are(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        periods_at(name, NOW)
    assert "2026-Q3" in str(caught.value)


@pytest.mark.parametrize(
    ("span", "months", "loose"),
    [
        (days("2026-01-01", "2026-04-01"), ("2026-01-01", "2026-04-01"), []),
        (
            days("2026-01-15", "2026-04-10"),
            ("2026-02-01", "2026-04-01"),
            [("2026-01-15", "2026-02-01"), ("2026-04-01", "2026-04-10")],
        ),
        (
            days("2026-01-15", "2026-02-10"),
            ("2026-02-01", "2026-02-01"),
            [("2026-01-15", "2026-02-01"), ("2026-02-01", "2026-02-10")],
        ),
        (days("2026-01-05", "2026-01-20"), None, [("2026-01-05", "2026-01-20")]),
    ],
)
def test_a_span_is_whole_months_and_the_days_around_them(
    span: Span, months: tuple[str, str] | None, loose: list[tuple[str, str]]
) -> None:
    def iso(pair: tuple[date, date]) -> tuple[str, str]:
        return pair[0].isoformat(), pair[1].isoformat()

    assert (None if span.whole_months is None else iso(span.whole_months)) == months
    assert [iso(pair) for pair in span.loose_days] == loose
