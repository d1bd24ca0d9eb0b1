"""The files of a directory that can be imported."""

from __future__ import annotations

import codecs
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from zava_server.data.importing.csv_files import CsvFile
from zava_server.data.importing.formats import FORMATS
from zava_server.data.importing.parquet_files import ParquetFile
from zava_server.data.importing.problems import Problem, UnusableFile
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zava_server.data.importing.batches import Source
    from zava_server.data.importing.formats import Format

_SUFFIXES = (".csv", ".parquet")
_BLOCK_CHARACTERS = 1024 * 1024
_UTF_8 = {"utf-8", "utf-8-sig", "ascii"}


def find_files(directory: Path, ignored: Path) -> tuple[Mapping[str, Path], Sequence[str]]:
    """The file of each table, and warnings about files that are none; `ignored` is our own report.

    Raises ValidationError for no directory, none of the files, or two of a table.
    """
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        raise ValidationError(
            f"There is no directory {directory} that can be read.",
            "Name the directory that holds stores.csv, products.csv and so on.",
        ) from None
    found: dict[str, Path] = {}
    warnings = []
    for entry in entries:
        table = entry.stem.lower()
        if entry.name.startswith(".") or entry.absolute() == ignored.absolute():
            continue
        if table not in FORMATS or entry.suffix.lower() not in _SUFFIXES or not entry.is_file():
            warnings.append(f"{entry.name} is none of the files to import and is left out")
        elif table in found:
            raise ValidationError(
                f"{found[table].name} and {entry.name} are both there.", "Leave one of them."
            )
        else:
            found[table] = entry
    if not found:
        names = ", ".join(FORMATS)
        raise ValidationError(
            f"{directory} has no file to import.",
            f"Name the files after their tables, as .csv or .parquet: {names}.",
        )
    return {table: found[table] for table in FORMATS if table in found}, warnings


def known_encoding(name: str) -> str:
    """Python's name of a text encoding.

    Raises ValidationError for an unknown one.
    """
    try:
        # Unlike codecs.lookup() it takes no codec that makes something else than text.
        "".encode(name)
    except LookupError:
        raise ValidationError(
            f"There is no encoding {name}.", "Excel on Windows often writes cp1252."
        ) from None
    return codecs.lookup(name).name


@contextmanager
def as_utf8(path: Path, encoding: str) -> Iterator[Path]:
    """The file in UTF-8: itself, or a copy that lasts as long as the context.

    What starts with the byte order mark of UTF-8 is in UTF-8. Raises UnusableFile.
    """
    with path.open("rb") as file:
        marked = file.read(3) == codecs.BOM_UTF8
    if encoding in _UTF_8 or marked:
        yield path
        return
    with TemporaryDirectory(prefix="zava-import-") as place:
        copy = Path(place, path.name)
        try:
            with (
                path.open(encoding=encoding, newline="") as source,
                copy.open("w", encoding="utf-8", newline="") as target,
            ):
                while text := source.read(_BLOCK_CHARACTERS):
                    target.write(text)
        except UnicodeError:
            raise UnusableFile(f"is not in {encoding}") from None
        yield copy


def open_source(path: Path, format_: Format) -> Source:
    """The file, ready to be read.

    Raises UnusableFile.
    """
    if path.suffix.lower() == ".parquet":
        return ParquetFile(path)
    return CsvFile(path, format_.columns)


def check_header(name: str, header: Sequence[str], format_: Format) -> list[Problem]:
    """Columns that lack or come twice."""
    lacking = [
        Problem(name, 1, column.name, "", "the file has no such column, which it needs")
        for column in format_.columns.values()
        if column.name not in header and not column.optional
    ]
    repeated = [
        Problem(name, 1, column, "", f"the header has this column {header.count(column)} times")
        for column in format_.columns
        if header.count(column) > 1
    ]
    return lacking + repeated


def unknown_columns(name: str, header: Sequence[str], format_: Format) -> list[str]:
    """A warning for each column that no table has."""
    return [
        f"{name}: the column {column or 'without a name'} is not known and is left out"
        for column in dict.fromkeys(header)
        if column not in format_.columns
    ]
