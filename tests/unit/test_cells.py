from __future__ import annotations

from typing import Any

import pytest

from zava_tui.answers import Column, ResultTable
from zava_tui.panels.cells import cell_format, cell_text, column_widths
from zava_tui.panels.grid import ResultBackend, sample_of


def shown(name: str, type_name: str, *values: Any) -> list[str]:
    """A column as the grid shows it."""
    how = cell_format(Column(name, type_name), values)
    return [cell_text(value, how) for value in values]


def test_counts_have_separators() -> None:
    assert shown("units", "int8", 1038, -7) == ["1,038", "−7"]


@pytest.mark.parametrize("name", ["year", "sale_year", "product_id", "id", "zip"])
def test_numbers_that_name_something_have_none(name: str) -> None:
    assert shown(name, "int4", 100201) == ["100201"]


def test_a_column_has_the_decimals_of_its_most_precise_value() -> None:
    assert shown("revenue", "numeric", 14940, 12154.78, 9.5) == ["14,940.00", "12,154.78", "9.50"]


def test_a_lone_decimal_is_a_price() -> None:
    assert shown("price", "numeric", 9302.1) == ["9,302.10"]


def test_no_more_than_four_decimals_are_shown() -> None:
    assert shown("average", "float8", 156.391235) == ["156.3912"]


def test_null_differs_from_an_empty_string() -> None:
    assert shown("note", "text", None, "", "∅ is text") == ["∅", '""', "∅ is text"]


def test_a_timestamp_has_no_seconds_where_they_are_noughts() -> None:
    times = ("2026-01-31T12:00:00+00:00", "2026-01-31T12:00:05.25-08:00", "infinity")
    assert shown("at", "timestamptz", *times) == [
        "2026-01-31 12:00Z",
        "2026-01-31 12:00:05 -08:00",
        "infinity",
    ]


def test_other_values_are_shown_as_they_came() -> None:
    assert shown("x", "bool", True) == ["true"]
    assert shown("x", "jsonb", {"a": ["ä", None]}) == ['{"a": ["ä", null]}']
    assert shown("x", "numeric", "12345678901234567890.5", "NaN") == [
        "12345678901234567890.5",
        "NaN",
    ]


def test_control_characters_are_visible() -> None:
    assert shown("x", "text", "\x1b[0m\n") == ["␛[0m⏎"]


def test_columns_that_fit_keep_their_width() -> None:
    assert column_widths([30, 8], [True, False], 60) == [30, 8]


def test_text_gives_way_to_numbers() -> None:
    assert column_widths([50, 8], [True, False], 40) == [32, 8]


def test_the_widest_text_gives_way_first() -> None:
    assert column_widths([50, 20, 8], [True, True, False], 60) == [32, 20, 8]


def test_where_nothing_helps_text_stays_readable() -> None:
    assert column_widths([50, 300], [True, False], 60) == [32, 300]


def test_a_number_far_down_is_not_cut() -> None:
    rows = [[n, n + 0.5 if n == 49_999 else float(n)] for n in range(50_000)]
    rows[31_415] = [-123_456_789, 0.0]
    columns = (Column("units", "int4"), Column("revenue", "numeric"))
    widths = ResultBackend(ResultTable(columns, rows, False, 0.0)).column_content_widths
    assert widths == [len("−123,456,789"), len("49,999.50")]


def test_few_rows_of_a_very_wide_result_are_measured() -> None:
    assert len(sample_of([[0] * 200] * 2_000, 7, numeric=False)) == 50
    assert len(sample_of([[0] * 4] * 1_500, 3, numeric=False)) == 1_500
