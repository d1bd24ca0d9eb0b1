"""Lines of `row_to_json` as rows of cells."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from zava_server.data.json_rows import row_decoder

_NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, places=6, min_value=0, max_value=Decimal("1e19")
)


def _digits(number: Decimal) -> int:
    return len(format(number, "f").lstrip("-0.").replace(".", ""))


@given(st.lists(st.tuples(_NUMBERS, st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_exact_numbers_are_numbers_up_to_15_digits_and_texts_beyond(
    rows: list[tuple[Decimal, int]],
) -> None:
    lines = [f'{{"c0": {exact:f}, "c1": {whole}}}' for exact, whole in rows]
    cells = list(row_decoder(["numeric", "int8"])(lines))
    for (exact, whole), (cell, other) in zip(rows, cells, strict=True):
        assert cell == (float(exact) if _digits(exact) <= 15 else format(exact, "f"))
        assert other == whole


def test_many_long_lines_come_in_order() -> None:
    lines = [f'{{"c0": {number}, "c1": "{"x" * 10_000}"}}' for number in range(100)]
    assert [row[0] for row in row_decoder(["int4", "text"])(lines)] == list(range(100))
