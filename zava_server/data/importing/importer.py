"""The import: files read and checked, and written in one transaction or not at all."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.importing import checks, sales
from zava_server.data.importing.directory import find_files, known_encoding
from zava_server.data.importing.existing import Existing
from zava_server.data.importing.links import link
from zava_server.data.importing.order_writing import OrderWriter
from zava_server.data.importing.pace import Pace
from zava_server.data.importing.reading import locate_findings, read_files
from zava_server.data.importing.rollups import count_anew
from zava_server.data.importing.upserts import TOUCHED_STORES, Written
from zava_server.data.importing.user_writing import write_users
from zava_server.data.importing.users import check_users
from zava_server.data.importing.writing import (
    write_customers,
    write_inventory,
    write_products,
    write_stores,
)
from zava_server.infrastructure.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import asyncpg
    from asyncpg.transaction import Transaction

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.problems import Problem
    from zava_server.data.importing.reading import Files
    from zava_server.data.importing.tables import Flags
    from zava_server.infrastructure.progress import ReportProgress

_LOCK = 0x7A617664

# A time limit of the server is meant for questions, not for this.
_SETTINGS = """
SET LOCAL work_mem = '64MB';
SET LOCAL jit = off;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
-- Mutes the triggers of the rollups: the touched stores are counted at the end.
SET LOCAL zava.bulk_load = 'on';
"""
_MAY_SKIP_TRIGGERS = """
SELECT rolsuper OR has_parameter_privilege('session_replication_role', 'SET')
FROM pg_roles WHERE rolname = current_user
"""
# Of the large tables, whose only other triggers are the rollups'. References have been checked
# set-wise by then, and what they lead to is locked: checking them row by row would take longer than
# all the rest.
_SKIP_TRIGGERS = "SET LOCAL session_replication_role = replica"
_ALL_TRIGGERS = "SET LOCAL session_replication_role = origin"
_ANALYZE = """
ANALYZE retail.stores, retail.products, retail.product_costs, retail.customers, retail.orders,
    retail.order_items, retail.inventory
"""


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
        files = await asyncio.to_thread(read_files, paths, encoding, open_files, report)
        files.warnings[:0] = warnings
        transaction = owner.transaction(isolation="read_committed")
        await transaction.start()
        try:
            job = _Import(
                owner, options, files, await asyncio.to_thread(link, files.tables), report
            )
            await job.check()
            accepted = not files.problems and (options.skip_bad_rows or not files.has_findings)
            kept = await asyncio.to_thread(sales.kept_rows, files.tables, job.links)
            written = await job.write(kept) if accepted and not options.dry_run else {}
        except BaseException:
            await transaction.rollback()
            raise
        if accepted and not options.dry_run:
            await _commit(transaction)
        else:
            await transaction.rollback()
        problems = await asyncio.to_thread(locate_findings, files)
    return Outcome(
        accepted,
        {
            name: Counts(
                table.size,
                int(table.bad.sum()),
                int((~kept[name]).sum()),
                written.get(name, Written()),
            )
            for name, table in files.tables.items()
        },
        problems,
        files.warnings,
    )


async def refresh_statistics(owner: asyncpg.Connection) -> None:
    """Tells the planner the new sizes. Apart from the import, which is good without it."""
    await owner.execute(_ANALYZE)


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
        self,
        owner: asyncpg.Connection,
        options: Options,
        files: Files,
        links: Links,
        report: ReportProgress,
    ) -> None:
        self._owner = owner
        self._options = options
        self._files = files
        self.links = links
        self._report = report

    async def check(self) -> None:
        """Finds all bad rows. Raises Busy."""
        if not await self._owner.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            raise Busy("Another import is running.", "Wait for its end.")
        await self._owner.execute(_SETTINGS)
        pace = Pace(self._report, "checking")
        tables, links, unreadable = self._files.tables, self.links, self._files.unreadable
        pace.at(0.0, 0, "rows")
        if "order_items" in tables:
            await asyncio.to_thread(sales.check_amounts, tables["order_items"])
        existing = Existing(self._owner)
        known_stores = await existing.mark(links)
        if "stores" in tables:
            checks.check_store_names(tables["stores"], links, known_stores)
            if tables["stores"].codes["time_zone"].texts:
                checks.check_time_zones(tables["stores"], await existing.time_zones())
        if "orders" in tables:
            zones = sales.zones_of_stores(
                tables.get("stores"), links, known_stores, self._options.time_zone
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
        pace.at(1.0, sum(table.size for table in tables.values()), "rows")

    async def write(self, kept: Mapping[str, Flags]) -> Mapping[str, Written]:
        """Writes the rows that are kept, and counts the figures anew."""
        owner, links, tables = self._owner, self.links, self._files.tables
        rows = {name: np.flatnonzero(flags) for name, flags in kept.items()}
        pace = Pace(self._report, "writing")
        total, done = max(1, sum(len(some) for some in rows.values())), 0
        written: dict[str, Written] = {}

        def progress(name: str, of_table: int) -> None:
            pace.at((done + of_table) / total, done + of_table, f"rows, {name}")

        await owner.execute(TOUCHED_STORES)
        # In the order in which they refer to each other.
        if "stores" in tables:
            written["stores"] = await write_stores(
                owner, tables["stores"], links, rows["stores"], self._options.time_zone
            )
            done += len(rows["stores"])
        if "products" in tables:
            progress("products", 0)
            written["products"] = await write_products(
                owner, tables["products"], links, rows["products"]
            )
            done += len(rows["products"])
        skips_triggers = await owner.fetchval(_MAY_SKIP_TRIGGERS)
        if skips_triggers:
            await owner.execute(_SKIP_TRIGGERS)
        if "customers" in tables:
            progress("customers", 0)
            written["customers"] = await write_customers(
                owner, tables["customers"], links, rows["customers"]
            )
            done += len(rows["customers"])
        if "orders" in tables or "order_items" in tables:
            orders = OrderWriter(owner, tables, links, kept)
            counts = await orders.write(partial(progress, "orders and their lines"))
            written.update(counts)
            done += sum(len(rows[name]) for name in counts)
        if "inventory" in tables:
            written["inventory"] = await write_inventory(
                owner, tables["inventory"], links, rows["inventory"], partial(progress, "inventory")
            )
        if skips_triggers:
            await owner.execute(_ALL_TRIGGERS)
        if "users" in tables:
            written["users"] = await write_users(owner, tables["users"], links, rows["users"])
        pace.at(1.0, total, "rows")
        await count_anew(owner, self._report)
        return written
