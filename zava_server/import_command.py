"""The command `zava-server db import`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from zava_server.data.embedded import is_initialised
from zava_server.data.importing.importer import import_files
from zava_server.data.importing.problems import write_report
from zava_server.data.pool import DRIVER_ERRORS
from zava_server.data.trouble import trouble
from zava_server.database_commands import owner_of
from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError, ZavaError
from zava_server.startup import check_prepared, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg

    from zava_server.data.importing.importer import Counts, Options, Outcome
    from zava_server.infrastructure.progress import ReportProgress
    from zava_server.infrastructure.settings import Settings

_SHOWN = 10
_NOBODY = "SELECT NOT EXISTS (SELECT FROM identity.users)"


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import came to, for people and for programs."""

    outcome: Outcome
    options: Options
    seconds: float
    report_file: Path | None

    @property
    def exit_code(self) -> int:
        """1 where problems kept everything out."""
        return 0 if self.outcome.accepted else 1

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        outcome = self.outcome
        return {
            "imported": outcome.accepted and not self.options.dry_run,
            "dry_run": self.options.dry_run,
            "seconds": round(self.seconds, 3),
            "order_lines_per_second": round(self._lines_per_second),
            "tables": {
                name: {
                    "rows": counts.rows,
                    "bad": counts.bad,
                    "left_out": counts.left_out if outcome.accepted else counts.rows,
                    "new": counts.written.new,
                    "changed": counts.written.changed,
                }
                for name, counts in outcome.tables.items()
            },
            "problem_count": len(outcome.problems),
            "problems": [
                {
                    "file": problem.file,
                    "line": problem.line,
                    "column": problem.column,
                    "value": problem.value,
                    "reason": problem.reason,
                }
                for problem in outcome.problems[:_SHOWN]
            ],
            "report": str(self.report_file) if self.report_file else None,
            "warnings": list(outcome.warnings),
        }

    def as_text(self) -> Iterator[str]:
        """Lines for people."""
        outcome, problems = self.outcome, self.outcome.problems
        yield from (f"Warning: {warning}." for warning in outcome.warnings)
        yield from (f"  {problem}" for problem in problems[:_SHOWN])
        if len(problems) > _SHOWN:
            yield f"  and {len(problems) - _SHOWN:,} more"
        if problems and self.report_file:
            yield f"All problems, {len(problems):,} in number, are in {self.report_file}"
        if not outcome.accepted:
            yield "Nothing was imported."
            if any(counts.bad for counts in outcome.tables.values()):
                yield "Mend the rows, or import the others with --skip-bad-rows."
            return
        if self.options.dry_run:
            yield f"Checked in {self.seconds:.1f} s; nothing was written:"
        else:
            speed = self._lines_per_second
            of_lines = f", {speed:,.0f} order lines a second" if speed else ""
            yield f"Imported in {self.seconds:.1f} s{of_lines}:"
        for name, counts in outcome.tables.items():
            yield f"  {name:<12} {self._described(counts)}"
        products = outcome.tables.get("products")
        if products and products.written.new + products.written.changed:
            yield "The next start of Zava makes products searchable, or now: zava-server db embed"

    @property
    def _lines_per_second(self) -> float:
        lines = self.outcome.tables.get("order_items")
        return lines.rows / self.seconds if lines else 0.0

    def _described(self, counts: Counts) -> str:
        good = counts.rows - counts.left_out
        new, changed = counts.written.new, counts.written.changed
        parts = [f"{counts.rows:,} rows"]
        if self.options.dry_run:
            parts.append(f"{good:,} good")
        else:
            parts += [f"{new:,} new", f"{changed:,} changed", f"{good - new - changed:,} as before"]
        if counts.left_out:
            parts.append(f"{counts.left_out:,} left out ({counts.bad:,} bad)")
        return ", ".join(part for part in parts if not part.startswith("0 ")) or "0 rows"


async def import_data(settings: Settings, options: Options, report: ReportProgress) -> Summary:
    """Imports a directory into a database that is ready, and writes the report of what was bad.

    Raises ValidationError for a wrong directory or encoding, DatabaseUnavailable without a
    database, and a ZavaError when it was stopped; then nothing was imported.
    """
    if settings.database_url is None and not is_initialised(settings.data_dir):
        raise ValidationError(
            f"There is no database in {settings.data_dir}.",
            "Make it with: zava-server db init --no-demo",
        )
    async with open_database(settings, report) as database:
        connection = await owner_of(database).connect()
        try:
            await check_prepared(connection)
            started = monotonic()
            outcome = await _import(connection, options, report)
            seconds = monotonic() - started
            if outcome.accepted and not options.dry_run and await connection.fetchval(_NOBODY):
                outcome.warnings.append(
                    "there are no users yet, so nobody can look at the data; import a users file"
                )
        finally:
            await connection.close()
    report_file = await asyncio.to_thread(_write_report, outcome, options)
    return Summary(outcome, options, seconds, report_file)


async def _import(
    connection: asyncpg.Connection, options: Options, report: ReportProgress
) -> Outcome:
    try:
        return await import_files(connection, options, report)
    except asyncio.CancelledError:
        raise ZavaError("The import was stopped.", "Nothing was imported.") from None
    except DRIVER_ERRORS as error:
        known = trouble(error, out_of_time=False)
        reason = known.message if isinstance(known, DatabaseUnavailable) else str(error)
        raise DatabaseUnavailable(
            f"The database ended the import: {reason.rstrip('.')}.", "Nothing was imported."
        ) from error


def _write_report(outcome: Outcome, options: Options) -> Path | None:
    if not outcome.problems:
        return None
    try:
        write_report(options.report_file, outcome.problems)
    except OSError as error:
        outcome.warnings.append(
            f"the report {options.report_file} cannot be written: {error.strerror}"
        )
        return None
    return options.report_file
