"""A result as text: comma separated, as the csv module writes it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zava_server.protocol.rendering import as_csv

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXTS,
    st.sampled_from(["", "a,b", '"', "\n", "\r", " "]),
    st.lists(st.integers(), max_size=2),
)
_TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(_TEXTS, min_size=width, max_size=width),
        st.lists(st.lists(_CELLS, min_size=width, max_size=width), max_size=5),
    )
)


@given(_TABLES)
def test_it_is_what_the_csv_module_writes(table: tuple[list[str], list[list[Any]]]) -> None:
    header, rows = table
    expected = io.StringIO()
    writer = csv.writer(expected, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([json.dumps(c) if isinstance(c, (bool, list)) else c for c in row])
    assert as_csv(header, rows) == expected.getvalue()


def test_more_than_a_megabyte_is_cut_and_said_to_be() -> None:
    text = as_csv(["n"], [["x" * 1000]] * 2000)
    assert len(text) < 1024 * 1024 + 100
    assert text.endswith("...\nThe text ends here, the structured content goes on.\n")
