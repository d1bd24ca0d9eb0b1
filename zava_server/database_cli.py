"""The commands `zava-server db …`: what they take and what they say."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, dataclass
from datetime import datetime  # noqa: TC003 - cyclopts reads the types of flags
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.logs import configure_logs
from zava_server.infrastructure.settings import load_settings
from zava_server.progress_lines import progress_on
from zava_server.running import print_json, print_line, report_as_json, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zava_server.data.demo.simulation import Sale
    from zava_server.data.identity import Identity
    from zava_server.database_commands import DemoPlan
    from zava_server.infrastructure.settings import Settings
    from zava_server.progress_lines import ProgressBar, ProgressLog

database = App(name="db", help="Make, look at and remove the database.")

# As a shell says that SIGINT ended a command.
_INTERRUPTED = 130
_MOST_STORES_NAMED = 10

AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.")]
DataDir = Annotated[Path | None, Parameter(help="Where the embedded PostgreSQL and its keys live.")]


@Parameter(name="*")
@dataclass(frozen=True)
class DemoFlags:
    """Which demo data; the same seed, end and scale give the same rows."""

    scale: Annotated[float, Parameter(help="Multiplies the demo's 200,000 orders; 0.1 to 50.")] = (
        1.0
    )
    seed: Annotated[int, Parameter(help="Another seed makes another history.")] = 2026
    until: Annotated[
        datetime | None,
        Parameter(help="The last day of the demo's five years, such as 2026-01-31; now."),
    ] = None


@database.command
def init(
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    hold: Annotated[
        bool, Parameter(help="Keep the embedded database up until standard input closes.")
    ] = False,
    demo: Annotated[
        bool,
        Parameter(
            name="--demo", negative="--no-demo", help="Fill an empty database with demo data."
        ),
    ] = True,
    flags: DemoFlags | None = None,
) -> None:
    """Make the database ready: schema, key, demo data if it is empty, search index."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.database_commands import init_database

    lines = progress_on(sys.stderr)
    report = report_as_json if as_json else lines
    announce = _announce_users(lines, as_json=as_json)

    async def make() -> None:
        try:
            plan = _plan(flags, settings)
            await init_database(settings, report, announce, hold=hold, demo=demo, plan=plan)
        finally:
            lines.end()

    run(make(), as_json=as_json)


@database.command
def demo(
    *, data_dir: DataDir = None, as_json: AsJson = False, flags: DemoFlags | None = None
) -> None:
    """Fill an empty database with demo data: a retailer with eight stores and five years of sales.

    A database that holds stores is left as it is.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.demo_commands import load_demo_data

    lines = progress_on(sys.stderr)
    report = report_as_json if as_json else lines
    announce = _announce_users(lines, as_json=as_json)

    async def make() -> None:
        try:
            await load_demo_data(settings, report, announce, _plan(flags, settings))
        finally:
            lines.end()

    run(make(), as_json=as_json)


@database.command
def simulate(
    *,
    rate: Annotated[float, Parameter(help="Orders a minute, on average, in all stores.")] = 30.0,
    data_dir: DataDir = None,
) -> None:
    """Let orders come in and stock move, in all stores, until stopped with ctrl-c.

    For looking at live panels: new orders of the hour, returns, deliveries of what ran low. They
    stay in the database. It may run beside servers, and needs the owner's login.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.demo_commands import simulate as let_orders_come_in

    placed = 0

    def begin() -> None:
        print_line(f"{rate:g} orders a minute. Stop with ctrl-c.")

    def announce(sale: Sale) -> None:
        nonlocal placed
        placed += 1
        units = f"{sale.units} {'unit' if abs(sale.units) == 1 else 'units'}"
        print_line(
            f"{sale.at.astimezone():%H:%M:%S}  {sale.store:<12} {units:>10} {sale.total:>12,.2f}"
        )

    async def work() -> None:
        try:
            await let_orders_come_in(settings, rate, begin, announce)
        finally:
            if placed:
                print_line(f"Stopped after {placed:,} {'order' if placed == 1 else 'orders'}.")

    run(work())


def _plan(flags: DemoFlags | None, settings: Settings) -> DemoPlan:
    from zava_server.database_commands import DemoPlan
    from zava_server.demo_commands import checked

    return checked(DemoPlan(**asdict(flags)) if flags else DemoPlan(), settings)


def _announce_users(
    lines: ProgressBar | ProgressLog, *, as_json: bool
) -> Callable[[Sequence[Identity]], None]:
    from zava_server.database_commands import describe_user

    def announce(users: Sequence[Identity]) -> None:
        if as_json:
            print_json({"ready": True, "users": [describe_user(user) for user in users]})
            return
        lines.end()
        handles = ", ".join(user.handle for user in users)
        print_line(
            f"Ready. Users: {handles}"
            if users
            else "Ready and empty. Fill it with: zava-server db import DIRECTORY"
        )

    return announce


@database.command
def status(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say where the database is, what is in it and who its users are."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.database_commands import database_status

    async def show() -> None:
        found = await database_status(settings)
        if as_json:
            print_json(found)
            return
        print_line(f"{found['place']}: {found['state']}")
        if found["state"] == "absent":
            print_line("Make it with: zava-server db init")
        elif found["state"] == "incomplete":
            print_line("Bring it up to date with: zava-server db init")
        if problem := found.get("problem"):
            print_line(f"{problem['message']} {problem['hint']}")
        for table, count in found.get("rows", {}).items():
            print_line(f"  {table:<12} {count:>10,}")
        for user in found.get("users", []):
            print_line(
                f"  {user['handle']:<16} {user['role']:<17} {stores_in_words(user['stores'])}"
            )

    run(show(), as_json=as_json)


def stores_in_words(stores: list[str]) -> str:
    """Stores by name; of a long chain, how many."""
    if len(stores) > _MOST_STORES_NAMED:
        return f"{len(stores)} stores"
    return ", ".join(stores)


@database.command
def reset(
    *,
    data_dir: DataDir = None,
    yes: Annotated[bool, Parameter(help="Do not ask.", negative="")] = False,
) -> None:
    """Remove the embedded database with all that is in it.

    Logs, the identity key and files that are not Zava's stay. The next start makes a new database.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.database_commands import refuse_reset, reset_database

    refuse_reset(settings)
    if not yes:
        _confirm(f"This removes the database in {settings.data_dir} with all that is in it.")

    async def remove() -> None:
        await reset_database(settings)
        print_line(f"Removed the database in {settings.data_dir}.")

    run(remove())


@database.command
def embed(
    *,
    embedder: Annotated[
        Literal["local", "openai"] | None, Parameter(help="In place of ZAVA_EMBEDDER.")
    ] = None,
    model: Annotated[str | None, Parameter(help="In place of ZAVA_EMBEDDING_MODEL.")] = None,
    dimensions: Annotated[
        int | None, Parameter(help="In place of ZAVA_EMBEDDING_DIMENSIONS.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Embed the products that are new or changed, so that they are found by meaning.

    With another model than before, all of them: searches use the old vectors until the last of the
    new ones is there. Interrupted, it goes on where it stopped. Servers need the same model from
    then on: see ZAVA_EMBEDDER.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.embed_command import describe_outcome, embed_catalogue, with_embedder

    lines = progress_on(sys.stderr)

    async def work() -> int:
        try:
            outcome = await embed_catalogue(
                with_embedder(settings, embedder, model, dimensions),
                report_as_json if as_json else lines,
            )
        except asyncio.CancelledError:
            lines.end()
            sys.stderr.write("zava-server: Interrupted. What is embedded stays; run it again.\n")
            return _INTERRUPTED
        finally:
            lines.end()
        described = describe_outcome(outcome)
        if as_json:
            print_json(described)
        else:
            print_line(
                "{products:,} products, {embedded:,} embedded with {model}.".format(**described)
            )
            if described["switched_from"]:
                print_line("Servers started with another embedder now search by words alone.")
        return 0

    run(work(), as_json=as_json)


@database.command
def rotate_identity_key(
    *,
    data_dir: DataDir = None,
    retire_old: Annotated[
        bool, Parameter(help="The old key leaked: it ends at once.", negative="")
    ] = False,
) -> None:
    """Make a new key for signing identities.

    Running servers that share the key file go on with the new one; copy the file to those that
    have their own. The key before stays valid until the next rotation.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.database_commands import rotate_identity_key as rotate

    async def show() -> None:
        key_id = await rotate(settings, retire_old=retire_old)
        print_line(f"Identities are signed with the new key {key_id} in {settings.key_file}.")

    run(show())


def _confirm(consequence: str) -> None:
    """Goes on only if a person types so. Raises ValidationError otherwise."""
    if not sys.stdin.isatty():
        raise ValidationError(consequence, "Pass --yes if that is what you want.")
    sys.stderr.write(f"{consequence}\nType yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise ValidationError("Nothing was removed.", "It goes on only after a typed yes.")


@database.command(name="import")
def import_(
    directory: Path,
    *,
    data_dir: DataDir = None,
    encoding: str = "utf-8",
    skip_bad_rows: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    report: Path = Path("import-problems.csv"),
    as_json: AsJson = False,
) -> None:
    """Import your own data from CSV or Parquet files, all of it or nothing.

    Any of stores, products, customers, orders, order_items, inventory and users. Importing again
    updates what is there. docs/import.md has the columns and rules.

    Parameters
    ----------
    directory
        Holds the files, named after their tables: stores.csv, products.parquet …
    encoding
        Of CSV files that are not in UTF-8, for example: cp1252.
    skip_bad_rows
        Import what is good; an order with a bad line is left out whole.
    dry_run
        Check the files and change nothing.
    report
        Where all problems are written, if there are any.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.data.importing.importer import Options
    from zava_server.import_command import import_data

    options = Options(directory, report, settings.time_zone, encoding, skip_bad_rows, dry_run)
    lines = progress_on(sys.stderr)

    async def show() -> int:
        try:
            summary = await import_data(settings, options, lines)
        finally:
            lines.end()
        if as_json:
            print_json(summary.as_json())
        else:
            for line in summary.as_text():
                print_line(line)
        return summary.exit_code

    run(show(), as_json=as_json)
