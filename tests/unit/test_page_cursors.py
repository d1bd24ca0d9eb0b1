"""A cursor carries a position to the next page, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zava_server.business.page_cursors import read_cursor, write_cursor
from zava_server.data.browsable import Kind
from zava_server.infrastructure.errors import ValidationError

QUESTION = ["orders", "order_date", True, [["status", "=", "pending"]]]
KINDS = [Kind.TIME, Kind.TEXT, Kind.CENTS, Kind.MONEY, Kind.ID]
POSITION = (
    datetime(2026, 1, 31, 9, 30, 0, 123456, UTC),
    "Özdemir",
    -1999,
    Decimal("19.99"),
    UUID(int=7),
)


@given(
    st.tuples(
        st.datetimes(timezones=st.just(UTC)),
        st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        st.integers(-(2**62), 2**62),
        st.decimals(-(10**8), 10**8, places=2),
        st.uuids(),
    )
)
def test_a_position_comes_back_as_it_was(position: tuple[Any, ...]) -> None:
    assert read_cursor(write_cursor(QUESTION, position), QUESTION, KINDS) == position


def test_a_cursor_fits_into_a_url() -> None:
    cursor = write_cursor(QUESTION, POSITION)
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("place", range(4))
def test_a_cursor_of_another_question_is_refused(place: int) -> None:
    other = [*QUESTION]
    other[place] = "another"
    with pytest.raises(ValidationError, match="belongs to another"):
        read_cursor(write_cursor(other, POSITION), QUESTION, KINDS)


def test_a_cursor_with_any_character_changed_is_refused() -> None:
    cursor = write_cursor(QUESTION, POSITION)
    for place, character in enumerate(cursor[:-1]):
        changed = cursor[:place] + ("A" if character != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(ValidationError, match="not one that this server gave"):
            read_cursor(changed, QUESTION, KINDS)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(ValidationError):
        read_cursor(text, QUESTION, KINDS)


@pytest.mark.parametrize(
    "kinds",
    [KINDS[:-1], [*KINDS, Kind.ID], [Kind.ID, *KINDS[1:]], [*KINDS[:-1], Kind.INTEGER]],
    ids=["too few", "too many", "of another kind", "of yet another"],
)
def test_values_that_do_not_fit_the_table_are_refused(kinds: list[Kind]) -> None:
    with pytest.raises(ValidationError, match="not one that this server gave"):
        read_cursor(write_cursor(QUESTION, POSITION), QUESTION, kinds)


def test_an_endless_cursor_is_refused_unread() -> None:
    with pytest.raises(ValidationError):
        read_cursor("A" * 1_000_000, QUESTION, KINDS)


def test_the_texts_of_a_cursor_are_plain_json() -> None:
    raw = base64.urlsafe_b64decode(write_cursor(QUESTION, (None, "a")) + "==")
    assert json.loads(raw[8:])[2] == [None, "a"]
