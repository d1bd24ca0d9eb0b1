"""A result sorted, filtered, written out, or drawn: new values, the result itself stays."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zava_tui.panels.cells import FRACTIONS, INTEGERS

if TYPE_CHECKING:
    from pathlib import Path

    from zava_tui.answers import ResultTable

FORMATS = ("csv", "json", "parquet")
_TRICKS = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet takes a text for a formula."""


def sorted_by(result: ResultTable, column: int, *, descending: bool) -> ResultTable:
    """Sorted by a column; NULL comes last either way, numbers before texts."""

    def key(row: list[Any]) -> tuple[int, Any]:
        value = row[column]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return (1, str(value).casefold())
        return (0, value)

    there = [row for row in result.rows if row[column] is not None]
    absent = [row for row in result.rows if row[column] is None]
    return replace(result, rows=[*sorted(there, key=key, reverse=descending), *absent])


def filtered(result: ResultTable, text: str) -> ResultTable:
    """The rows in one cell of which `text` stands, in any case."""
    wanted = text.casefold()
    return replace(
        result,
        rows=[
            row
            for row in result.rows
            if any(cell is not None and wanted in str(cell).casefold() for cell in row)
        ],
    )


def numeric_columns(result: ResultTable) -> list[int]:
    """The columns that hold numbers."""
    kinds = INTEGERS | FRACTIONS
    return [place for place, column in enumerate(result.columns) if column.type in kinds]


def as_csv(result: ResultTable) -> str:
    """CSV with a header; NULL is an empty cell, and no text is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_harmless(column.name) for column in result.columns)
    writer.writerows([_harmless(cell) for cell in row] for row in result.rows)
    return out.getvalue()


def as_json(result: ResultTable) -> str:
    """A list with an object for each row; columns of one name get a number."""
    names = _different([column.name for column in result.columns])
    rows = [dict(zip(names, row, strict=True)) for row in result.rows]
    return json.dumps(rows, ensure_ascii=False, indent=1)


def write_result(result: ResultTable, path: Path, kind: str) -> None:
    """Writes a file of one of `FORMATS`; `~` is the user's home. Raises OSError."""
    path = path.expanduser()
    if kind == "parquet":
        _write_parquet(result, path)
    else:
        path.write_text(as_csv(result) if kind == "csv" else as_json(result), encoding="utf-8")


def _write_parquet(result: ResultTable, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = _different([column.name for column in result.columns])
    numbers = set(numeric_columns(result))
    arrays: list[pa.Array[Any]] = []
    for place in range(len(names)):
        cells = [row[place] for row in result.rows]
        if place in numbers and not any(isinstance(cell, str) for cell in cells):
            whole = all(cell is None or isinstance(cell, int) for cell in cells)
            arrays.append(pa.array(cells, pa.int64() if whole else pa.float64()))
        else:
            arrays.append(pa.array([_text(cell) for cell in cells], pa.string()))
    pq.write_table(pa.table(arrays, names=names), path)


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return json.dumps(cell, ensure_ascii=False)


def _harmless(cell: Any) -> Any:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_TRICKS) else cell
    return cell if isinstance(cell, (int, float)) else json.dumps(cell, ensure_ascii=False)


def _different(names: list[str]) -> list[str]:
    """The names, made to differ."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return told
