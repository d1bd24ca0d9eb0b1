"""Files are split into cells as the csv module splits them, and reports trick no spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zava_server.data.importing.batches import Reading
from zava_server.data.importing.csv_files import CsvFile
from zava_server.data.importing.pace import Pace
from zava_server.data.importing.problems import Problem, harmless, write_report
from zava_server.infrastructure.progress import Progress

# Without carriage returns, which the csv module leaves unquoted where lines end in line feeds.
CELLS = st.text(st.sampled_from("ab ,;\"'\n\té="), max_size=5)


def read(reading: Reading) -> list[tuple[Any, Any]]:
    return [
        pair
        for _, batch in reading(["x", "y"])
        for pair in zip(batch.columns["x"].to_pylist(), batch.columns["y"].to_pylist(), strict=True)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.booleans(),
)
def test_well_formed_files_are_read_alike_by_every_reading(
    tmp_path: Path,
    cells: list[tuple[str, str]],
    separator: str,
    line_end: str,
    quoting: int,
    marked: bool,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end, quoting=quoting)  # type: ignore[arg-type]  # one of its constants
    writer.writerows([("x", "y"), *cells])
    path = tmp_path / "f.csv"
    path.write_bytes((b"\xef\xbb\xbf" if marked else b"") + text.getvalue().encode())

    file = CsvFile(path, ["x", "y"])

    assert len(file.attempts) == 2
    assert [read(reading) for reading in file.attempts] == [cells, cells]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.sampled_from('ab,"\n'), max_size=40))
def test_of_other_files_only_the_exact_reading_is_offered_unless_both_agree(
    tmp_path: Path, body: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"x,y\n{body}", newline="")
    file = CsvFile(path, ["x", "y"])
    exact = read(file.attempts[-1])
    unreadable = {n for _, batch in file.attempts[-1](["x"]) for n in batch.unreadable}
    if len(file.attempts) == 2 and not unreadable:
        assert read(file.attempts[0]) == exact
    lines = [place.line for place in file.locate(range(len(exact))).values()]
    assert lines == sorted(set(lines))


def test_a_quote_that_never_closes_costs_one_line(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text('x,y\n1,"open\n' + "2,good\n" * 5)
    file = CsvFile(path, ["x", "y"])
    assert read(file.attempts[-1]) == [("1", "open"), *[("2", "good")] * 5]
    assert file.locate([5])[5].line == 7


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\n=1", "＝1"),
        *("a;=1", "a,=1", '"=1', "a\t=1", "'=1", "a|=cmd"),
    ],
)
def test_no_cell_of_the_report_starts_a_formula(text: str) -> None:
    for separator in ";,|\t":
        for cell in harmless(text).split(separator):
            assert cell.strip(" \"'")[:1] not in set("=+-@＝") or cell.lstrip(' "').startswith("'")
    assert "\n" not in harmless(text)


def test_the_report_is_a_csv_of_all_problems(tmp_path: Path) -> None:
    problems = [
        Problem("orders.csv", 7, "status", 'do"ne,\nnow', "is none of these"),
        Problem("stores.csv", None, "", "", "is empty"),
    ]
    write_report(tmp_path / "report.csv", problems)
    with (tmp_path / "report.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "line", "column", "value", "reason"],
            ["orders.csv", "7", "status", 'do"ne,\\nnow', "is none of these"],
            ["stores.csv", "", "", "", "is empty"],
        ]


def test_progress_tells_the_rate_and_the_time_left() -> None:
    now, reports = [0.0], list[Progress]()
    pace = Pace(reports.append, "writing", lambda: now[0])
    for seconds, fraction, rows in (
        (0.0, 0.0, 0),
        (0.05, 0.1, 100),
        (2.0, 0.25, 250),
        (8, 1.0, 1000),
    ):
        now[0] = seconds
        pace.at(fraction, rows, "rows")
    assert [(r.fraction, r.detail) for r in reports] == [
        (0.0, "0 rows"),
        (0.25, "250 rows, 125 a second, 6 s left"),
        (1.0, "1,000 rows, 125 a second"),
    ]
