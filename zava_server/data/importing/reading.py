"""All files of an import, read; and the places of what was found wrong in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from zava_server.data.importing.directory import (
    as_utf8,
    check_header,
    open_source,
    unknown_columns,
)
from zava_server.data.importing.formats import FORMATS
from zava_server.data.importing.pace import Pace
from zava_server.data.importing.problems import Problem, UnusableFile
from zava_server.data.importing.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from zava_server.data.importing.tables import Table
    from zava_server.infrastructure.progress import ReportProgress


@dataclass(slots=True)
class Files:
    """What the files hold. `unreadable` are the tables whose file is of no use at all."""

    paths: Mapping[str, Path]
    tables: dict[str, Table] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def has_findings(self) -> bool:
        """Whether any row is bad."""
        return any(table.findings for table in list(self.tables.values()))

    def forget_rows(self) -> None:
        """Gives their memory back; what was found wrong stays."""
        for table in self.tables.values():
            table.codes.clear()
            table.numbers.clear()
            table.texts.clear()
        pa.default_memory_pool().release_unused()


class Reading:
    """Reads files, some now and others later. Copies in UTF-8 last as long as `open_files`."""

    def __init__(
        self, files: Files, encoding: str, open_files: ExitStack, report: ReportProgress
    ) -> None:
        self._files = files
        self._encoding = encoding
        self._open_files = open_files
        self._pace = Pace(report, "reading")
        self._sizes = {table: path.stat().st_size for table, path in files.paths.items()}
        self._bytes = self._rows = 0

    def read(self, tables: Sequence[str]) -> None:
        """Reads the files of these tables; what cannot be read becomes a problem."""
        for table in tables:
            try:
                self._read(table)
            except UnusableFile as error:
                name = self._files.paths[table].name
                self._files.problems.append(Problem(name, error.line, "", "", error.reason))
                self._files.unreadable.add(table)
            self._bytes += self._sizes[table]

    def _read(self, table: str) -> None:
        files, path, format_ = self._files, self._files.paths[table], FORMATS[table]
        readable = path
        if path.suffix.lower() == ".csv":
            readable = self._open_files.enter_context(as_utf8(path, self._encoding))
        source = open_source(readable, format_)
        files.warnings += unknown_columns(path.name, source.header, format_)
        if wrong := check_header(path.name, source.header, format_):
            files.problems += wrong
            files.unreadable.add(table)
            return
        read = read_table(format_, source, partial(self._progress, table))
        self._rows += read.size
        files.tables[table] = read

    def _progress(self, table: str, share: float, rows: int) -> None:
        fraction = (self._bytes + share * self._sizes[table]) / max(1, sum(self._sizes.values()))
        self._pace.at(fraction, self._rows + rows, f"rows, {table}")


def locate_findings(files: Files) -> Sequence[Problem]:
    """All problems in the order of files, lines and columns."""
    problems = list(files.problems)
    for name, table in files.tables.items():
        if not table.findings:
            continue
        columns = {column: at for at, column in enumerate(["", *table.source.header])}
        findings = sorted(table.findings, key=lambda f: (f.record, columns.get(f.column, 0)))
        places = table.source.locate({finding.record for finding in findings})
        for finding in findings:
            place = places[finding.record]
            value = place.cells.get(finding.column, "")
            problems.append(
                Problem(files.paths[name].name, place.line, finding.column, value, finding.reason)
            )
    return problems
