"""The import: files read and checked, and written in one transaction or not at all."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zava_server.data.importing import checks, sales
from zava_server.data.importing.directory import find_files, known_encoding
from zava_server.data.importing.existing import Existing
from zava_server.data.importing.links import link
from zava_server.data.importing.reading import Files, Reading, locate_findings
from zava_server.data.importing.rollups import count_anew
from zava_server.data.importing.sales import kept_rows
from zava_server.data.importing.upserts import TOUCHED_STORES, Written
from zava_server.data.importing.users import check_users
from zava_server.data.importing.writing import Writing
from zava_server.infrastructure.errors import Busy
from zava_server.infrastructure.progress import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import asyncpg
    from asyncpg.transaction import Transaction

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.problems import Problem
    from zava_server.data.importing.tables import Flags, Table
    from zava_server.infrastructure.progress import ReportProgress

_LOCK = 0x7A617664

# A time limit of the server is meant for questions, not for this.
_SETTINGS = """
SET LOCAL work_mem = '64MB';
SET LOCAL hash_mem_multiplier = 1;
SET LOCAL jit = off;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
-- Mutes the triggers of the rollups: the touched stores are counted at the end.
SET LOCAL zava.bulk_load = 'on';
"""

# Read, checked and written first, while the other files are read on the other core.
_FIRST = ("stores", "products")


@dataclass(frozen=True, slots=True)
class Options:
    """What to import and how. `report_file` is not taken for a file to import."""

    directory: Path
    report_file: Path
    time_zone: str
    encoding: str = "utf-8"
    skip_bad_rows: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one file: all, the bad ones, and those left out: the bad ones and what needs them."""

    rows: int
    bad: int
    left_out: int
    written: Written = field(default_factory=Written)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import has found and done. `accepted` tells whether what can go in may go in."""

    accepted: bool
    tables: Mapping[str, Counts]
    problems: Sequence[Problem]
    warnings: list[str]


async def import_files(
    owner: asyncpg.Connection, options: Options, report: ReportProgress
) -> Outcome:
    """Imports the files of a directory; on any exception and on a dry run nothing has changed.

    Raises ValidationError for a directory without such files, Busy while another import runs.
    """
    encoding = known_encoding(options.encoding)
    paths, warnings = find_files(options.directory, options.report_file)
    with ExitStack() as open_files:
        files = Files(paths, warnings=list(warnings))
        reading = Reading(files, encoding, open_files, report)
        transaction = owner.transaction(isolation="read_committed")
        await transaction.start()
        try:
            counts, accepted = await _Import(owner, options, files, report).run(reading)
        except BaseException:
            await transaction.rollback()
            raise
        if accepted and not options.dry_run:
            await _commit(transaction)
        else:
            await transaction.rollback()
        problems = await asyncio.to_thread(locate_findings, files)
    return Outcome(accepted, counts, problems, files.warnings)


async def _commit(transaction: Transaction) -> None:
    """Not to be stopped midway: then nobody could say what has happened."""
    commit = asyncio.create_task(transaction.commit())
    while not commit.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(commit)
    commit.result()


class _Import:
    """What happens within the transaction."""

    def __init__(
        self, owner: asyncpg.Connection, options: Options, files: Files, report: ReportProgress
    ) -> None:
        self._owner = owner
        self._options = options
        self._files = files
        self._report = report
        self._existing = Existing(owner)

    async def run(self, reading: Reading) -> tuple[Mapping[str, Counts], bool]:
        """Checks everything and writes what is accepted: the counts, and whether anything is."""
        if not await self._owner.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            raise Busy("Another import is running.", "Wait for its end.")
        await self._owner.execute(_SETTINGS)
        await self._owner.execute(TOUCHED_STORES)
        first = [name for name in self._files.paths if name in _FIRST]
        others = [name for name in self._files.paths if name not in _FIRST]
        await asyncio.to_thread(reading.read, first)
        reading_others = asyncio.create_task(asyncio.to_thread(self._read_others, reading, others))
        reading_others.add_done_callback(lambda _: self._say_what_is_next(first))
        try:
            # Its progress is not shown beside that of the reading.
            tables = self._tables(first)
            links = await asyncio.to_thread(link, tables)
            written, _ = await self._bring(first, tables, links, ignore_progress)
        finally:
            await asyncio.wait({reading_others})
        links = await reading_others
        tables = self._tables([*first, *others])
        written_then, kept = await self._bring(others, tables, links, self._report)
        accepted = self._accepted
        written = {**written, **written_then} if accepted else {}
        counts = {
            name: Counts(
                table.size,
                int(table.bad.sum()),
                int((~kept[name]).sum()),
                written.get(name, Written()),
            )
            for name, table in self._files.tables.items()
        }
        if accepted and not self._options.dry_run:
            self._files.forget_rows()
            await count_anew(self._owner, self._report)
        return counts, accepted

    def _read_others(self, reading: Reading, names: Sequence[str]) -> Links:
        """Reads these files, and links them and those read before: what needs no database yet."""
        reading.read(names)
        tables = self._files.tables
        if "order_items" in tables:
            sales.check_amounts(tables["order_items"])
        return link(tables)

    def _tables(self, names: Sequence[str]) -> Mapping[str, Table]:
        """Those of these that could be read. More may come in meanwhile."""
        return {name: self._files.tables[name] for name in names if name in self._files.tables}

    def _say_what_is_next(self, names: Sequence[str]) -> None:
        step = "checking" if self._options.dry_run else "writing"
        self._report(Progress(step, 0.0, ", ".join(names)))

    @property
    def _accepted(self) -> bool:
        files = self._files
        return not files.problems and (self._options.skip_bad_rows or not files.has_findings)

    async def _bring(
        self,
        names: Sequence[str],
        tables: Mapping[str, Table],
        links: Links,
        report: ReportProgress,
    ) -> tuple[Mapping[str, Written], Mapping[str, Flags]]:
        """Checks these of the tables and writes them, unless a problem forbids it.

        Returns what was written, and which rows of all the tables may go in.
        """
        await self._check({name: tables[name] for name in names if name in tables}, links)
        kept = await asyncio.to_thread(kept_rows, tables, links)
        if not self._accepted or self._options.dry_run:
            return {}, kept
        writing = Writing(self._owner, tables, links, kept, self._options.time_zone)
        return await writing.write(names, report), kept

    async def _check(self, tables: Mapping[str, Table], links: Links) -> None:
        """Finds all bad rows of these files."""
        unreadable, existing = self._files.unreadable, self._existing
        known_stores = await existing.mark(links)
        if "stores" in tables:
            checks.check_store_names(tables["stores"], links, known_stores)
            if tables["stores"].codes["time_zone"].texts:
                checks.check_time_zones(tables["stores"], await existing.time_zones())
        if "orders" in tables:
            zones = sales.zones_of_stores(
                self._files.tables.get("stores"), links, known_stores, self._options.time_zone
            )
            now = datetime.now(UTC)
            await asyncio.to_thread(sales.check_dates, tables["orders"], links, zones, now)
        if "users" in tables:
            self._files.warnings += check_users(
                tables["users"], links, stores_are_readable="stores" not in unreadable
            )
        await asyncio.to_thread(checks.check_keys, tables, links)
        await asyncio.to_thread(checks.check_references, tables, links, unreadable)
        if "customers" in tables:
            await checks.check_emails(tables["customers"], links, existing)
        if "order_items" in tables:
            await asyncio.to_thread(sales.check_order_totals, tables["order_items"], links)
