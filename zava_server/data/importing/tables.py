"""A file read into memory: numbers for codes and values, texts as they are, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute

from zava_server.data.importing.batches import Irregular
from zava_server.data.importing.formats import LONGEST_NAME, Code, Number, Text
from zava_server.data.importing.values import BadValue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from zava_server.data.importing.batches import Reading, Source
    from zava_server.data.importing.formats import Column, Format
    from zava_server.data.importing.values import Parse

    Flags = NDArray[np.bool_]

EMPTY = int(np.iinfo(np.int64).min)
"""Stands for an empty or unusable cell among numbers."""
NO_CODE = -1
"""Stands for an empty or unusable cell among codes."""

_NO_VALUE = "is missing"


class Finding(NamedTuple):
    """A bad row, by its number from 0."""

    record: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Codes:
    """A column of codes: for each row an index into the distinct `texts`, or NO_CODE."""

    numbers: NDArray[np.int32]
    texts: Sequence[str]


@dataclass(slots=True)
class Table:
    """The rows of a file. Columns that are not `present` are as if every cell of them was empty.

    `bad` tells the rows that have a finding.
    """

    format: Format
    source: Source
    size: int
    present: frozenset[str]
    codes: dict[str, Codes] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    texts: dict[str, pa.ChunkedArray[Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    bad: Flags = field(default_factory=lambda: np.zeros(0, bool))

    def reject(self, rows: Flags, column: str, reason: str) -> None:
        """Adds a finding for each of the rows that are true."""
        self.findings.extend(Finding(int(row), column, reason) for row in np.flatnonzero(rows))
        self.bad |= rows


def texts_of(table: Table, column: str, rows: NDArray[np.int64] | None = None) -> list[str]:
    """A column of text, of all rows or of some."""
    texts = table.texts[column]
    taken = texts if rows is None else texts.take(rows)
    return [text or "" for text in taken.to_pylist()]


def read_table(format_: Format, source: Source, progress: Callable[[float, int], None]) -> Table:
    """Reads and understands every cell by itself.

    `progress` learns the share that is done, 0 to 1, and the number of rows so far.
    Raises UnusableFile.
    """
    *fast, exact = source.attempts
    for reading in fast:
        try:
            return _Reader(format_, source).read(reading, progress)
        except Irregular:
            continue
    return _Reader(format_, source).read(exact, progress)


class _Reader:
    """Collects the columns of one file, batch by batch, and understands them at the end."""

    def __init__(self, format_: Format, source: Source) -> None:
        present = frozenset(format_.columns.keys() & set(source.header))
        self._table = Table(format_, source, 0, present)
        self._names = [name for name in format_.columns if name in present]
        self._pieces: dict[str, list[pa.Array[Any]]] = {name: [] for name in self._names}
        self._unreadable: dict[int, str] = {}

    def read(self, reading: Reading, progress: Callable[[float, int], None]) -> Table:
        table = self._table
        for share, batch in reading(self._names):
            for position, reason in batch.unreadable.items():
                self._unreadable[table.size + position] = reason
            for name in self._names:
                holds = table.format.columns[name].holds
                texts = batch.columns[name]
                # Distinct texts and their places take little room and are parsed once each.
                piece = (
                    compute.utf8_trim_whitespace(texts)
                    if isinstance(holds, Text)
                    else texts.dictionary_encode()
                )
                self._pieces[name].append(piece)
            table.size += batch.size
            progress(share, table.size)
        return self._understood()

    def _understood(self) -> Table:
        table = self._table
        table.bad = np.zeros(table.size, bool)
        for row, reason in self._unreadable.items():
            table.findings.append(Finding(row, "", reason))
        for name, column in table.format.columns.items():
            pieces = self._pieces.pop(name, [])
            match column.holds:
                case Text(longest=longest):
                    table.texts[name], reasons = _texts(pieces, column, longest, table.size)
                case Code():
                    table.codes[name], reasons = _codes(pieces, column, table.size)
                case Number(parse=parse):
                    table.numbers[name], reasons = _numbers(pieces, column, parse, table.size)
            for row, reason in reasons:
                if row not in self._unreadable:
                    table.findings.append(Finding(row, name, reason))
                    table.bad[row] = True
        table.bad[list(self._unreadable)] = True
        return table


def _codes(
    pieces: Sequence[pa.Array[Any]], column: Column, size: int
) -> tuple[Codes, list[tuple[int, str]]]:
    distinct, places = _unified(pieces, size)
    known: dict[str, int] = {}
    numbers, reasons = np.empty(len(distinct), np.int32), list[str | None]()
    for at, text in enumerate(distinct):
        reason = _text_reason(text, LONGEST_NAME) if text else _if_empty(column)
        reasons.append(reason)
        # Codes that differ in the blanks around them are the same.
        good = text and reason is None
        numbers[at] = known.setdefault(text, len(known)) if good else NO_CODE
    return Codes(numbers[places], list(known)), _at_rows(reasons, places)


def _numbers(
    pieces: Sequence[pa.Array[Any]], column: Column, parse: Parse, size: int
) -> tuple[NDArray[np.int64], list[tuple[int, str]]]:
    distinct, places = _unified(pieces, size)
    numbers, reasons = np.full(len(distinct), EMPTY, np.int64), list[str | None]()
    for at, text in enumerate(distinct):
        reason = None if text else _if_empty(column)
        if text:
            try:
                numbers[at] = parse(text)
            except BadValue as error:
                reason = str(error)
        reasons.append(reason)
    return numbers[places], _at_rows(reasons, places)


def _texts(
    pieces: Sequence[pa.Array[Any]], column: Column, longest: int | None, size: int
) -> tuple[pa.ChunkedArray[Any], list[tuple[int, str]]]:
    texts = pa.chunked_array(pieces or [pa.array([""] * size, pa.string())], pa.string())
    suspects = compute.match_substring(texts, "\0")
    if longest is not None:
        long = compute.greater(compute.utf8_length(texts), pa.scalar(longest))
        suspects = compute.or_(suspects, long)
    reasons = [
        (row, _text_reason(texts[row].as_py() or "", longest) or "") for row in _rows(suspects)
    ]
    if not column.optional:
        empty = compute.equal(texts, pa.scalar(""))
        reasons += [(row, _NO_VALUE) for row in _rows(empty)]
    return texts, reasons


def _unified(pieces: Sequence[pa.Array[Any]], size: int) -> tuple[Sequence[str], NDArray[np.int32]]:
    """The distinct texts of a column, trimmed, and which of them each row has."""
    if not pieces:
        return [""], np.zeros(size, np.int32)
    chunks: Sequence[Any] = pa.chunked_array(pieces).unify_dictionaries().chunks
    texts = [text.strip() for text in chunks[-1].dictionary.to_pylist()]
    return texts, np.concatenate([chunk.indices.to_numpy() for chunk in chunks])


def _rows(flags: Any) -> list[int]:
    """The positions of what is true in an array of truth values."""
    rows: list[int] = np.flatnonzero(flags.to_numpy()).tolist()
    return rows


def _if_empty(column: Column) -> str | None:
    return None if column.optional else _NO_VALUE


def _text_reason(text: str, longest: int | None) -> str | None:
    if longest is not None and len(text) > longest:
        return f"is longer than {longest} characters"
    if "\0" in text:
        return "has a NUL character, which the database cannot keep"
    return None


def _at_rows(reasons: Sequence[str | None], places: NDArray[np.int32]) -> list[tuple[int, str]]:
    """The rows whose distinct text has a reason, with it."""
    is_bad = np.fromiter((reason is not None for reason in reasons), bool, len(reasons))
    if not is_bad.any():
        return []
    return [(row, reasons[places[row]] or "") for row in np.flatnonzero(is_bad[places]).tolist()]
