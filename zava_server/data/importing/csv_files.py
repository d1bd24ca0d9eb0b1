"""CSV files: fast where they are regular, and exactly, line by line, where they are not."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from zava_server.data.importing.batches import Batch, Irregular, Located
from zava_server.data.importing.problems import UnusableFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from zava_server.data.importing.batches import Reading

_BLOCK_BYTES = 4 * 1024 * 1024
_EXACT_BATCH = 20_000
_SEPARATORS = ",;\t"
_QUOTE_BYTE = b'"'
_QUOTE, _NUL = ord(_QUOTE_BYTE), 0
_QUOTING = "its quotes do not match, or a cell is longer than 131,072 characters"
_SIGNATURES = {
    b"PK\x03\x04": "is an Excel workbook or a ZIP archive; save it as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save it as CSV",
    b"PAR1": "is a Parquet file; name it .parquet",
    b"\x1f\x8b": "is compressed with gzip; unpack it",
    b"%PDF": "is a PDF",
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CsvFile:
    """A CSV file in UTF-8, with or without a byte order mark.

    Raises UnusableFile for anything else, and for a file without a header.
    """

    def __init__(self, path: Path, known: Collection[str]) -> None:
        self._path = path
        _refuse_other_formats(path)
        header = _read_header(path, known)
        self.header: Sequence[str] = header.names
        self._separator = header.separator
        self._lines, self._quoted, regular = _inspect(path, header.separator)
        self._regular = regular and header.is_first_line

    @property
    def attempts(self) -> Sequence[Reading]:
        """The fast reading where it gives the same as the exact one, and the exact one."""
        return [self._read_fast, self._read_exactly] if self._regular else [self._read_exactly]

    def locate(self, records: Collection[int]) -> Mapping[int, Located]:
        """These rows by their numbers, from 0."""
        wanted, found = frozenset(records), {}
        for number, (line, cells, _) in enumerate(self._records()):
            if number in wanted:
                found[number] = Located(line, dict(zip(self.header, cells, strict=False)))
                if len(found) == len(wanted):
                    break
        return found

    def _read_fast(self, columns: Sequence[str]) -> Iterator[tuple[float, Batch]]:
        done = 0
        try:
            reader = arrow_csv.open_csv(
                self._path,
                read_options=arrow_csv.ReadOptions(
                    block_size=_BLOCK_BYTES, skip_rows=1, column_names=list(self.header)
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._separator, newlines_in_values=self._quoted
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=dict.fromkeys(self.header, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
            for batch in reader:
                done += batch.num_rows
                arrays: dict[str, pa.Array[Any]] = dict(zip(columns, batch.columns, strict=True))
                yield min(1.0, done / self._lines), Batch(arrays, batch.num_rows)
        except pa.ArrowInvalid as error:
            # Rows of other lengths, and whatever else it is strict about.
            raise Irregular from error

    def _read_exactly(self, columns: Sequence[str]) -> Iterator[tuple[float, Batch]]:
        positions = {name: self.header.index(name) for name in columns}
        records = self._records()
        while rows := list(islice(records, _EXACT_BATCH)):
            cells = list(zip(*(row for _, row, _ in rows), strict=True))
            yield (
                min(1.0, rows[-1][0] / self._lines),
                Batch(
                    {name: pa.array(cells[at], pa.string()) for name, at in positions.items()},
                    len(rows),
                    {n: reason for n, (_, _, reason) in enumerate(rows) if reason},
                ),
            )

    def _records(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Rows after the header: first line, as many cells as the header has, what is wrong."""
        width = len(self.header)
        records = _exact_records(self._path, self._separator)
        next(records)
        for line, cells, wrong in records:
            reason = wrong
            if wrong is None and len(cells) != width:
                reason = f"the row has {len(cells)} cells, the header {width}"
            yield line, (cells + [""] * width)[:width], reason


class _Lines:
    """A file's lines, some of which can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: list[str] = []
        self._taken: list[str] = []
        self._line = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self._line += 1
        self._taken.append(line)
        return line

    def start_record(self) -> int:
        """The number of the line that comes next, from 1."""
        self._taken.clear()
        return self._line + 1

    def keep_only_first(self) -> str:
        """The record's first line; the others will come again."""
        first, *others = self._taken
        self._again.extend(reversed(others))
        self._line -= len(others)
        return first


def _exact_records(path: Path, separator: str) -> Iterator[tuple[int, list[str], str | None]]:
    """All records but blank lines: first line, cells, what is wrong with the quoting.

    A quote that is never closed costs its line alone: the lines after it are read again.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        while True:
            start = lines.start_record()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                first = lines.keep_only_first()
                # As well as can be, so that one may know to which order a bad line belongs.
                yield start, [cell.strip(' "\r\n') for cell in first.split(separator)], _QUOTING
                reader = csv.reader(lines, delimiter=separator, strict=True)
            else:
                if cells:
                    yield start, cells, None


def _refuse_other_formats(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UnusableFile("is empty; it needs a header line at least")
    for signature, what in _SIGNATURES.items():
        if start.startswith(signature):
            raise UnusableFile(f"is no CSV: it {what}")
    if start.startswith(_UTF_16):
        raise UnusableFile("is not in UTF-8 but in UTF-16; pass --encoding utf-16")


@dataclass(frozen=True, slots=True)
class _Header:
    separator: str
    names: Sequence[str]
    is_first_line: bool


def _read_header(path: Path, known: Collection[str]) -> _Header:
    """The header under the separator with which most of the column names are known.

    Raises UnusableFile where none is.
    """
    best, most = None, 0
    for separator in _SEPARATORS:
        try:
            line, cells, _ = next(_exact_records(path, separator), (1, [], None))
        except UnicodeDecodeError:
            raise _not_utf8(path) from None
        names = [cell.strip().lower() for cell in cells]
        if (hits := len(set(known).intersection(names))) > most:
            one_line = not any(end in cell for cell in cells for end in "\r\n")
            best, most = _Header(separator, names, line == 1 and one_line), hits
    if best is None:
        raise UnusableFile(
            f"does not start with a header line; its columns are {', '.join(known)}", line=1
        )
    return best


def _inspect(path: Path, separator: str) -> tuple[int, bool, bool]:
    """The number of lines, whether there are quotes, and whether they all stand as they should:
    around a cell, or doubled within one.

    Only then do the fast and the exact reading split the file alike.
    Raises UnusableFile for bytes that are no UTF-8 text.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    borders = np.frombuffer(f'{separator}\r\n"'.encode(), np.uint8)
    lines, regular, count = 1, True, 0
    # As if a line ended before the file.
    last = b"\n"
    for block in _blocks(path):
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            raise _not_utf8(path) from None
        if _NUL in block:
            raise UnusableFile("is no text: it has NUL bytes", _first_line(path, _has_nul))
        text = block if count or last != b"\n" else block.removeprefix(codecs.BOM_UTF8)
        data = np.frombuffer(last + text, np.uint8)
        quotes = np.flatnonzero(data == _QUOTE)
        closing = (count - (last == _QUOTE_BYTE) + np.arange(len(quotes))) % 2 == 1
        # The first byte has had its turn, and the last one's comes with the next block.
        before = data[quotes[~closing & (quotes > 0)] - 1]
        after = data[quotes[closing & (quotes < len(data) - 1)] + 1]
        regular &= bool(np.isin(before, borders).all() and np.isin(after, borders).all())
        count += int((quotes > 0).sum())
        lines += block.count(b"\n")
        last = text[-1:] or last
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    return lines, count > 0, regular and count % 2 == 0


def _not_utf8(path: Path) -> UnusableFile:
    return UnusableFile(
        "is not in UTF-8; if it comes from Excel on Windows, pass --encoding cp1252",
        _first_line(path, _has_other_bytes),
    )


def _first_line(path: Path, wanted: Callable[[bytes], bool]) -> int | None:
    with path.open("rb") as file:
        return next((number for number, line in enumerate(file, 1) if wanted(line)), None)


def _has_nul(line: bytes) -> bool:
    return _NUL in line


def _has_other_bytes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
