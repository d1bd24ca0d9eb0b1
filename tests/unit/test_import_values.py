"""Cells mean what they say or are refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zava_server.data.importing import values
from zava_server.data.importing.keys import identifiers
from zava_server.data.importing.local_times import as_instants
from zava_server.data.importing.values import BadValue


@given(st.decimals(min_value=0, max_value="99999999.99", places=2, allow_nan=False))
def test_amounts_are_kept_to_the_cent(amount: Decimal) -> None:
    for text in (str(amount), f"+{amount}", f"{amount}00"):
        assert values.parse_money(text) == amount * 100
    if amount:
        assert values.parse_signed_money(f"-{amount}") == -amount * 100
        with pytest.raises(BadValue, match="negative"):
            values.parse_money(f"-{amount}")


@given(st.text(max_size=12))
def test_any_text_is_a_value_or_has_a_reason(text: str) -> None:
    for parse in (
        *(values.parse_money, values.parse_percent, values.parse_quantity, values.parse_stock),
        *(values.parse_date, values.parse_status, values.parse_role, values.parse_truth),
    ):
        value, reason = None, ""
        try:
            value = parse(text)
        except BadValue as error:
            reason = str(error)
        assert isinstance(value, int) != bool(reason)


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (values.parse_money, "1.005", "more than two decimals"),
        (values.parse_money, "12,50", "after a point"),
        (values.parse_money, "$5", "not an amount"),
        (values.parse_money, "1e3", "not an amount"),
        (values.parse_money, ".", "not an amount"),
        (values.parse_money, "100000000", "above"),
        (values.parse_money, "9" * 5000, "too large"),
        (values.parse_money, "١٢", "not an amount"),
        (values.parse_percent, "100.01", "between 0 and 100"),
        (values.parse_percent, "-1", "between 0 and 100"),
        (values.parse_quantity, "0", "zero"),
        (values.parse_quantity, "1.5", "not a whole number"),
        (values.parse_quantity, "2147483648", "too large"),
        (values.parse_stock, "-1", "negative"),
        (values.parse_date, "1/2/2026", "no date such as"),
        (values.parse_date, "2026-02-29", "exists"),
        (values.parse_date, "2026-01-01 25:00", "exists"),
        (values.parse_date, "0001-01-01 00:00+14:00", "kept"),
        (values.parse_truth, "maybe", "true nor false"),
        (values.parse_status, "Completed", "none of completed, pending, cancelled"),
    ],
)
def test_reasons_say_what_is_wrong(parse: Callable[[str], int], text: str, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        parse(text)


def test_decimals_of_whole_numbers_may_be_written_out() -> None:
    assert values.parse_quantity("-3.00") == -3
    assert values.parse_money(".5") == 50
    assert values.parse_money("7.") == 700


@pytest.mark.parametrize("text", ["TRUE", "yes", "1", "Yes", "true"])
def test_truth_is_written_in_several_ways(text: str) -> None:
    assert values.parse_truth(text) == 1


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)))
def test_dates_are_kept_to_the_microsecond(date: datetime) -> None:
    local = values.parse_date(date.isoformat(" "))
    assert local & 1
    utc = values.parse_date(date.replace(tzinfo=UTC).isoformat())
    assert not utc & 1
    assert utc >> 1 == local >> 1 == (date - datetime(1970, 1, 1)) // timedelta(microseconds=1)


@given(
    st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2035, 1, 1)),
    st.sampled_from(["America/Los_Angeles", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_local_times_are_instants_as_python_has_them(date: datetime, zone: str) -> None:
    local = (date - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    expected = date.replace(tzinfo=ZoneInfo(zone)) - datetime(1970, 1, 1, tzinfo=UTC)
    assert as_instants(np.array([local]), zone) == expected // timedelta(microseconds=1)


@given(st.lists(st.tuples(st.text(), st.text()), unique=True))
def test_keys_have_uuids_of_their_own_and_always_the_same(keys: list[tuple[str, str]]) -> None:
    made = {row.tobytes() for row in identifiers("order", keys)}
    assert len(made) == len(keys)
    assert made == {identifiers("order", [key])[0].tobytes() for key in keys}
    assert made.isdisjoint(row.tobytes() for row in identifiers("customer", keys))
