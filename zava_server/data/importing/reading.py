"""All files of an import, read; and the places of what was found wrong in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

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
        return any(table.findings for table in self.tables.values())


def read_files(
    paths: Mapping[str, Path], encoding: str, open_files: ExitStack, report: ReportProgress
) -> Files:
    """Reads them all. Copies in UTF-8 last as long as `open_files`, for `locate_findings`."""
    files = Files(paths)
    sizes = {table: path.stat().st_size for table, path in paths.items()}
    total, bytes_before, rows_before = max(1, sum(sizes.values())), 0, 0
    pace = Pace(report, "reading")

    def progress(table: str, share: float, rows: int) -> None:
        fraction = (bytes_before + share * sizes[table]) / total
        pace.at(fraction, rows_before + rows, f"rows, {table}")

    for table, path in paths.items():
        try:
            readable = path
            if path.suffix.lower() == ".csv":
                readable = open_files.enter_context(as_utf8(path, encoding))
            source = open_source(readable, FORMATS[table])
            wrong = check_header(path.name, source.header, FORMATS[table])
            files.warnings += unknown_columns(path.name, source.header, FORMATS[table])
            if wrong:
                files.problems += wrong
                files.unreadable.add(table)
            else:
                read = read_table(FORMATS[table], source, partial(progress, table))
                files.tables[table] = read
                rows_before += read.size
        except UnusableFile as error:
            files.problems.append(Problem(path.name, error.line, "", "", error.reason))
            files.unreadable.add(table)
        bytes_before += sizes[table]
    return files


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
