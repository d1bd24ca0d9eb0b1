"""What is done with the rows of a result: sorted, filtered, found, drawn, read, copied, written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.widgets import Input

from tests.ui.query_screen import querying, screen_of
from tests.ui.scripted import BEST_SELLERS, text_of, until, until_gone, until_shown
from zava_tui.answers import Column, ResultTable
from zava_tui.panels.grid import ResultGrid
from zava_tui.result_chart import chart_lines
from zava_tui.result_files import copied_text, csv_lines, json_lines, write_result
from zava_tui.result_rows import different, filtered, found, sorted_by

pytestmark = pytest.mark.usefixtures("_files_of_its_own")


def result_of(*columns: tuple[str, str], rows: Sequence[Sequence[Any]]) -> ResultTable:
    return ResultTable(
        tuple(Column(*column) for column in columns), [[*row] for row in rows], False, 0.0
    )


def grid_of(pilot: Any) -> ResultGrid:
    grid = screen_of(pilot).results.grid
    assert grid is not None
    return grid


class TestSorting:
    async def test_s_sorts_turns_round_and_goes_back(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("l", "s")
            await until_shown(pilot, "sorted: units ▲")
            assert screen_of(pilot).results.row == BEST_SELLERS.rows[5]
            await pilot.press("s")
            await until_shown(pilot, "sorted: units ▼")
            assert screen_of(pilot).results.row == BEST_SELLERS.rows[0]
            await pilot.press("s")
            await until_gone(pilot, "sorted")

    async def test_a_click_on_a_header_sorts(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.click(ResultGrid, offset=(56, 0))
            await until_shown(pilot, "sorted: revenue ▲")

    async def test_numbers_that_came_as_texts_are_sorted_as_numbers(self) -> None:
        cells = ["99999999999999999999", 5, "-3", None, "NaN"]
        result = result_of(("n", "numeric"), rows=[[cell] for cell in cells])
        done = await sorted_by(result, 0, descending=False)
        assert [row[0] for row in done.rows] == ["-3", 5, "99999999999999999999", "NaN", None]

    values = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.booleans())

    @settings(deadline=None)
    @given(st.lists(st.tuples(values, values), max_size=20), st.booleans())
    async def test_no_row_is_lost_and_null_comes_last(
        self, rows: list[Any], descending: bool
    ) -> None:
        result = result_of(("a", "text"), ("b", "numeric"), rows=[*map(list, rows)])
        for column in (0, 1):
            done = (await sorted_by(result, column, descending=descending)).rows
            assert sorted(map(repr, done)) == sorted(map(repr, result.rows))
            absent = [row[column] is None for row in done]
            assert absent == sorted(absent)

    async def test_rows_beyond_one_part_are_sorted_as_one(self) -> None:
        rows = [[number * 7919 % 25_000, number] for number in range(25_000)]
        done = await sorted_by(
            result_of(("a", "int4"), ("b", "int4"), rows=rows), 0, descending=True
        )
        assert [row[0] for row in done.rows] == sorted((row[0] for row in rows), reverse=True)


class TestFilteringAndFinding:
    async def test_f_shows_only_rows_with_a_text_and_then_all_again(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("f")
            await until_shown(pilot, "Only rows with")
            await pilot.press(*"PRIMER", "enter")
            await until_shown(pilot, "1 with “PRIMER” of 6 rows")
            await until_gone(pilot, "Deck Stain")
            await pilot.press("f")
            await until_shown(pilot, "Only rows with")
            await pilot.press("ctrl+u", "enter")
            await until_shown(pilot, "Deck Stain")

    async def test_null_has_no_text(self) -> None:
        result = result_of(("a", "text"), rows=[[None], ["none"], [""]])
        assert (await filtered(result, "none")).rows == [["none"]]

    async def test_slash_goes_to_a_cell_and_n_on_from_there(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("slash")
            await until_shown(pilot, "A text in a cell")
            await pilot.press(*"kit", "enter")
            await until(pilot, lambda: grid_of(pilot).cursor_row == 1)
            await pilot.press("slash", "ctrl+u", *"er", "enter")
            await until(pilot, lambda: grid_of(pilot).cursor_row == 2)
            await pilot.press("n")
            await until(pilot, lambda: grid_of(pilot).cursor_row == 3)
            await pilot.press("N")
            await until(pilot, lambda: grid_of(pilot).cursor_row == 2)

    async def test_what_is_nowhere_is_said_to_be(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("slash", *"zebra", "enter")
            await until_shown(pilot, "no cell has “zebra”")

    async def test_the_search_goes_on_at_the_other_end(self) -> None:
        result = result_of(("a", "text"), ("b", "text"), rows=[["x", "y"], ["z", "x"]])
        assert await found(result, "x", (0, 0), backwards=False) == (1, 1)
        assert await found(result, "x", (1, 1), backwards=False) == (0, 0)
        assert await found(result, "x", (0, 0), backwards=True) == (1, 1)


class TestLooks:
    async def test_a_column_is_made_wider_and_narrower_and_stays_so(self) -> None:
        async with querying(rows=True) as (pilot, _):
            before = grid_of(pilot).ordered_columns[0].width
            await pilot.press("less_than_sign", "less_than_sign", "greater_than_sign")
            await until(pilot, lambda: grid_of(pilot).ordered_columns[0].width == before - 4)
            await pilot.press("s")
            await until_shown(pilot, "sorted: product")
            assert grid_of(pilot).ordered_columns[0].width == before - 4

    async def test_z_gives_the_rows_all_the_room(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("z")
            await until_gone(pilot, "date_trunc")
            await pilot.press("escape")
            await until_shown(pilot, "date_trunc")

    async def test_enter_shows_the_whole_cell_and_r_the_row(self) -> None:
        async with querying(rows=True) as (pilot, client):
            long = result_of(("a", "text"), ("b", "text"), rows=[["word " * 2_000 + "end", None]])

            async def answer(_: str) -> ResultTable:
                return long

            client.on_query = answer
            await pilot.press("f5")
            await until_shown(pilot, "1 row · ")
            await pilot.press("enter")
            await until_shown(pilot, "a · text")
            await pilot.press("end")
            await until_shown(pilot, "word end")
            await pilot.press("escape", "r")
            await until_shown(pilot, "Row")

    @pytest.mark.parametrize("columns", [200, 1])
    async def test_many_columns_and_long_cells_do_no_harm(self, columns: int) -> None:
        async with querying(rows=True) as (pilot, client):
            cell = "[b]漢\x1b[31m\u202e" * 1_000
            many = result_of(
                *((f"c{place}", "text") for place in range(columns)),
                rows=[[cell] * columns] * 50,
            )

            async def answer(_: str) -> ResultTable:
                return many

            client.on_query = answer
            await pilot.press("f5")
            await until_shown(pilot, "50 rows")
            await pilot.press("G", "dollar_sign")
            assert "\x1b" not in text_of(pilot)
            assert "\u202e" not in text_of(pilot)


class TestChart:
    async def test_c_draws_the_column_of_the_cursor_and_shows_the_rows_again(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("l", "c")
            await until_shown(pilot, "units  by product", "█████")
            await pilot.press("c", "l", "c")
            await until_shown(pilot, "revenue  by product")
            await pilot.press("escape")
            await until_shown(pilot, "product_id")

    async def test_rows_without_numbers_say_so(self) -> None:
        async with querying(rows=True) as (pilot, client):

            async def answer(_: str) -> ResultTable:
                return result_of(("a", "text"), rows=[["x"]])

            client.on_query = answer
            await pilot.press("f5")
            await until_shown(pilot, "1 row · ")
            await pilot.press("c")
            await until_shown(pilot, "no column has numbers to draw")

    @pytest.mark.parametrize("width", [20, 60, 200])
    def test_days_are_a_line_and_others_are_bars(self, width: int) -> None:
        days = result_of(
            ("day", "date"),
            ("change", "numeric"),
            rows=[[f"2026-01-{day:02}", day - 10.0] for day in range(1, 20)],
        )
        lines = chart_lines(days, width, 14)
        assert len(lines) == 14
        assert "−9" in lines[-2].plain
        assert "2026-01-01" in lines[-1].plain
        assert len(chart_lines(BEST_SELLERS, width, 14)) == 7
        assert chart_lines(replace(BEST_SELLERS, rows=[]), width, 14) == []

    def test_bars_say_of_how_many_rows_they_are(self) -> None:
        rows = [[f"p{n}", n] for n in range(50_000)]
        lines = chart_lines(result_of(("name", "text"), ("units", "int4"), rows=rows), 80, 14)
        assert lines[0].plain == "units  by name, the first 200 of 50,000"


class TestCopying:
    async def test_the_cell_the_row_and_all_of_it(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("y")
            assert pilot.app.clipboard == "Deck Stain, Cedar, 5 gal"
            await pilot.press("Y")
            assert pilot.app.clipboard.split("\t")[1] == "1038"
            await pilot.press("ctrl+y")
            await until_shown(pilot, "copied 6 rows")
            assert len(list(csv.reader(io.StringIO(pilot.app.clipboard)))) == 7

    def test_what_is_too_much_is_not_begun(self) -> None:
        assert copied_text(BEST_SELLERS, 50) is None


class TestFiles:
    async def test_rows_are_written_as_they_are_shown(self, tmp_path: Path) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("l", "s", "x")
            await until_shown(pilot, "Write the rows to a file", "6 rows.")
            await self.give(pilot, str(tmp_path / "rows.json"))
            await until_shown(pilot, "wrote")
        written = json.loads((tmp_path / "rows.json").read_text())
        assert [row["units"] for row in written] == [7, 12, 221, 388, 512, 1038]
        assert (tmp_path / "rows.json").stat().st_mode & 0o777 == 0o600

    async def test_a_file_that_is_there_is_replaced_only_when_that_is_meant(
        self, tmp_path: Path
    ) -> None:
        there = tmp_path / "rows.csv"
        there.write_text("precious")
        async with querying(rows=True) as (pilot, _):
            await pilot.press("x")
            await until_shown(pilot, "Write the rows to a file")
            await self.give(pilot, str(there))
            await until_shown(pilot, "There is a file of this name.")
            assert there.read_text() == "precious"
            await pilot.press("enter")
            await until_shown(pilot, "wrote")
            assert "Deck Stain" in there.read_text(encoding="utf-8")

    async def test_a_name_without_a_known_ending_is_asked_for_again(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("x")
            await until_shown(pilot, "Write the rows to a file")
            await self.give(pilot, "rows")
            await until_shown(pilot, "The name must end in one of .csv, .json, .parquet.")

    async def test_a_place_where_nothing_can_be_written_is_said(self, tmp_path: Path) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("x")
            await until_shown(pilot, "Write the rows to a file")
            await self.give(pilot, str(tmp_path / "none" / "rows.csv"))
            await until_shown(pilot, "was not written: No such file or directory")

    @staticmethod
    async def give(pilot: Any, text: str) -> None:
        pilot.app.screen.query_one("#prompt-field", Input).value = text
        await pilot.press("enter")


def test_a_spreadsheet_is_not_tricked() -> None:
    tricks = ["=cmd()", "+1+1", "-1-1", "@x", "\t=1", "\n=1", " =1", "＝1", 'a";=1', "-5"]
    rows = [[text, number] for number, text in enumerate(tricks)]
    text = "".join(csv_lines(result_of(("=1+1", "text"), ("n", "int4"), rows=rows)))
    header, *read = csv.reader(io.StringIO(text, newline=""))
    assert header == ["'=1+1", "n"]
    assert [row[0] for row in read] == [
        "'=cmd()", "'+1+1", "'-1-1", "'@x", "'\t=1", "'\n=1", "' =1", "'＝1", 'a";=1', "-5",
    ]  # fmt: skip
    # In quotation marks whatever it is that separates cells there.
    assert '"a"";=1"' in text


def test_null_is_not_an_empty_text_in_csv() -> None:
    rows: list[list[Any]] = [[None, ""], [True, [1]]]
    lines = [*csv_lines(result_of(("a", "text"), ("b", "text"), rows=rows))]
    assert lines[1:] == [',""\r\n', 'true,"[1]"\r\n']


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
kinds = st.sampled_from(
    ["text", "int4", "numeric", "float8", "date", "timestamptz", "bool", "json"]
)


@settings(deadline=None)
@given(st.lists(kinds, min_size=1, max_size=4), st.data())
def test_any_result_is_written_in_any_format(kinds: list[str], data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(st.lists(cells, min_size=len(kinds), max_size=len(kinds)), max_size=5)
    )
    result = result_of(*(("a", kind) for kind in kinds), rows=rows)
    assert len(list(csv.reader(io.StringIO("".join(csv_lines(result)), newline="")))) >= 1
    assert len(json.loads("".join(json_lines(result)))) == len(rows)


def test_columns_keep_their_types_in_parquet(tmp_path: Path) -> None:
    result = result_of(
        ("a", "int4"), ("a", "text"), ("n", "numeric"), ("d", "date"), ("t", "timestamptz"),
        ("wild", "date"),
        rows=[[1, "x", 12.5, "2026-11-22", "2026-11-22T15:04:05-08:00", "infinity"]],
    )  # fmt: skip
    write_result(result, tmp_path / "r.parquet", "parquet")
    assert pq.read_table(tmp_path / "r.parquet").to_pylist() == [
        {
            "a": 1,
            "a_2": "x",
            "n": Decimal("12.5"),
            "d": date(2026, 11, 22),
            "t": datetime(2026, 11, 22, 23, 4, 5, tzinfo=UTC),
            "wild": "infinity",
        }
    ]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
    ],
)
def test_columns_of_one_name_stay_apart(names: list[str], told: list[str]) -> None:
    assert different(names) == told
