"""A result sorted, filtered and searched: new values, the result itself stays.

Rows are gone through in parts between which other tasks run: 50,000 rows at once would hold up the
screen for a tenth of a second and more.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zava_tui.panels.cells import FRACTIONS, INTEGERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from zava_tui.answers import ResultTable

    Row = list[Any]

PART_CELLS = 10_000
"""Cells that are looked at between two pauses: about 5 ms."""
NUMBERS = INTEGERS | FRACTIONS


def numeric_columns(result: ResultTable) -> list[int]:
    """The columns that hold numbers."""
    return [place for place, column in enumerate(result.columns) if column.type in NUMBERS]


async def sorted_by(result: ResultTable, column: int, *, descending: bool) -> ResultTable:
    """Sorted by a column, equal rows in their order; NULL comes last either way."""
    numeric = result.columns[column].type in NUMBERS
    there: list[tuple[tuple[int, Any], Row]] = []
    absent: list[Row] = []
    async for part in _parts(result.rows, 1):
        keyed = [
            (_key(row[column], numeric=numeric), row) for row in part if row[column] is not None
        ]
        keyed.sort(key=_first, reverse=descending)
        there += keyed
        absent += [row for row in part if row[column] is None]
    # The parts are sorted; Python's sort merges such runs rather than beginning anew.
    there.sort(key=_first, reverse=descending)
    await asyncio.sleep(0)
    return replace(result, rows=[*(row for _, row in there), *absent])


async def filtered(result: ResultTable, text: str) -> ResultTable:
    """The rows in one cell of which `text` stands, in any case."""
    wanted = text.casefold()
    rows: list[Row] = []
    async for part in _parts(result.rows, len(result.columns)):
        rows += [row for row in part if any(_contains(cell, wanted) for cell in row)]
    return replace(result, rows=rows)


async def found(
    result: ResultTable, text: str, start: tuple[int, int], *, backwards: bool
) -> tuple[int, int] | None:
    """Row and column of the next cell with `text` after `start`, from the other end if need be."""
    wanted = text.casefold()
    width, most = len(result.columns), len(result.columns) * len(result.rows)
    step = -1 if backwards else 1
    at = start[0] * width + start[1]
    for passed in range(1, most + 1):
        row, column = divmod((at + step * passed) % most, width)
        if _contains(result.rows[row][column], wanted):
            return row, column
        if passed % PART_CELLS == 0:
            await asyncio.sleep(0)
    return None


async def _parts(rows: Sequence[Row], width: int) -> AsyncIterator[Sequence[Row]]:
    """The rows, so many at a time that about `PART_CELLS` cells are."""
    size = max(1, PART_CELLS // max(1, width))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
        await asyncio.sleep(0)


def _first(keyed: tuple[tuple[int, Any], Row]) -> tuple[int, Any]:
    return keyed[0]


def _key(value: Any, *, numeric: bool) -> tuple[int, Any]:
    """What a cell is sorted by: numbers before texts.

    Numbers of more digits than JSON's come as texts, and so do those that are infinite or none.
    """
    if isinstance(value, str) and numeric:
        number = _number(value)
        return (1, value) if number is None or math.isnan(number) else (0, number)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return (1, str(value).casefold())
    return (0, value)


def _number(text: str) -> float | int | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _contains(cell: Any, wanted: str) -> bool:
    return cell is not None and wanted in str(cell).casefold()


def different(names: Sequence[str]) -> list[str]:
    """The names, made to differ by numbers: `a, a` are `a, a_2`."""
    return list(_different(names))


def _different(names: Sequence[str]) -> Iterator[str]:
    taken = set(names)
    used: set[str] = set()
    for name in names:
        told, number = name, 1
        while told in used or (number > 1 and told in taken):
            number += 1
            told = f"{name}_{number}"
        used.add(told)
        yield told
