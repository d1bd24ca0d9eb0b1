"""A result as text for a clipboard, or as a file: CSV, JSON, Parquet.

Everything here takes long for large results and is meant for a thread. It goes row by row, so that
the screen gets its turn in between.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zava_tui.result_rows import different

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from zava_tui.answers import ResultTable

FORMATS = ("csv", "json", "parquet")
_TRICKS = tuple("=+-@\t\r\n＝＋－＠")
"""With these, and their wide forms, a spreadsheet takes a text for a formula."""
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_MARK_OF_UTF8 = "\ufeff"
"""Without it Excel takes the letters of CSV for those of an older encoding."""


def csv_lines(result: ResultTable) -> Iterator[str]:
    """CSV with a header, line by line. NULL is an empty cell, an empty text is `""`.

    No text is a formula to a spreadsheet, whatever it separates cells by: texts are in quotation
    marks, and an apostrophe stands before those that begin like a formula.
    """
    yield _joined([column.name for column in result.columns])
    for row in result.rows:
        yield _joined(row)


def json_lines(result: ResultTable) -> Iterator[str]:
    """A list with an object for each row, an object a line; columns of one name get a number."""
    names = different([column.name for column in result.columns])
    before = "[\n"
    for row in result.rows:
        yield before + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        before = ",\n"
    yield "\n]\n" if result.rows else "[]\n"


def copied_text(result: ResultTable, most: int) -> str | None:
    """All of it as CSV; None where that is more than `most` characters."""
    lines: list[str] = []
    length = 0
    for line in csv_lines(result):
        lines.append(line)
        length += len(line)
        if length > most:
            return None
    return "".join(lines)


def exists(path: Path) -> bool:
    """Whether there is a file of that name."""
    return path.expanduser().exists()


def write_result(result: ResultTable, path: Path, kind: str) -> None:
    """Writes a file of one of `FORMATS`, whole or not at all, in place of one of that name.

    `~` is the user's home. Only the user may read it. Raises OSError.
    """
    path = path.expanduser()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        if kind == "parquet":
            os.close(handle)
            _write_parquet(result, name)
        else:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                _write_text(result, file, kind)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write_text(result: ResultTable, file: IO[str], kind: str) -> None:
    # Halves of characters that JSON may carry have no place in a file.
    if kind == "csv":
        file.write(_MARK_OF_UTF8)
    for line in csv_lines(result) if kind == "csv" else json_lines(result):
        file.write(line.encode("utf-8", "replace").decode())


def _joined(cells: Sequence[Any]) -> str:
    return ",".join(map(_csv_cell, cells)) + "\r\n"


def _csv_cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        return repr(cell)
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    if text.lstrip(" ").startswith(_TRICKS) and not _PLAIN_NUMBER.fullmatch(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"'


def _write_parquet(result: ResultTable, name: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = different([column.name for column in result.columns])
    arrays = [
        _array(pa, column.type, [row[place] for row in result.rows])
        for place, column in enumerate(result.columns)
    ]
    pq.write_table(pa.table(arrays, names=names), name)


def _array(pa: Any, kind: str, cells: list[Any]) -> Any:
    """The cells as what PostgreSQL calls `kind`; as text where they do not fit that."""
    try:
        match kind:
            case "int2" | "int4" | "int8":
                return pa.array(cells, pa.int64())
            case "float4" | "float8":
                return pa.array(cells, pa.float64())
            case "numeric":
                return pa.array([None if c is None else Decimal(str(c)) for c in cells])
            case "bool":
                return pa.array(cells, pa.bool_())
            case "date":
                days = [None if c is None else date.fromisoformat(c) for c in cells]
                return pa.array(days, pa.date32())
            case "timestamp" | "timestamptz":
                times = [None if c is None else datetime.fromisoformat(c) for c in cells]
                zone = "UTC" if kind == "timestamptz" else None
                return pa.array(times, pa.timestamp("us", zone))
    except (pa.ArrowException, OverflowError, InvalidOperation, TypeError, ValueError):
        # Infinite dates, numbers without an end: rare, and as text nothing of them is lost.
        pass
    return pa.array([_text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
