"""Applies the numbered files of `sql/`, each once, in order, in one transaction."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

import zava_server
from zava_server.data.trouble import trouble
from zava_server.infrastructure.errors import DatabaseUnavailable
from zava_server.infrastructure.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Any constant does; this one keeps migrators of one database apart from each other.
_LOCK = 0x7A617661

_BOOKKEEPING = """
CREATE SCHEMA IF NOT EXISTS zava;
CREATE TABLE IF NOT EXISTS zava.migrations (
    file text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON SCHEMA zava IS 'Bookkeeping of the schema itself.';
COMMENT ON TABLE zava.migrations IS 'Which files of sql/ have been applied.';
"""


@dataclass(frozen=True)
class Migration:
    """One numbered SQL file."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name, by which it is recorded."""
        return self.path.name

    @cached_property
    def sql(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8")

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def sql_directory() -> Path:
    """`sql/` beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(zava_server.__file__).parent
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


def find_migrations(directory: Path | None = None) -> Sequence[Migration]:
    """All files of `sql/`, in order."""
    return [Migration(path) for path in sorted((directory or sql_directory()).glob("*.sql"))]


async def applied_migrations(connection: asyncpg.Connection) -> Mapping[str, str]:
    """Checksums of the applied files by name; empty for a database that has none."""
    if await connection.fetchval("SELECT to_regclass('zava.migrations') IS NULL"):
        return {}
    return {
        row["file"]: row["checksum"]
        for row in await connection.fetch("SELECT file, checksum FROM zava.migrations")
    }


async def migrate(
    owner: asyncpg.Connection,
    migrations: Sequence[Migration],
    report: ReportProgress = ignore_progress,
    data_dir: Path | None = None,
) -> int:
    """Brings the database up to date; returns how many files it applied.

    Safe when several processes do it at once: one works, the others wait and find nothing to do.
    `data_dir` is that of an embedded database, for what to do about an error.
    Raises DatabaseUnavailable when a recorded file has changed or is gone, or when one fails.
    """
    # A session lock, since each file commits by itself.
    await owner.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await owner.execute(_BOOKKEEPING)
        applied = await applied_migrations(owner)
        if error := mismatch(migrations, applied, data_dir):
            raise error
        pending = [m for m in migrations if m.name not in applied]
        for number, migration in enumerate(pending):
            report(Progress("schema", number / len(pending), migration.name))
            await _apply(owner, migration)
        report(Progress("schema", 1.0, f"{len(migrations)} files"))
        return len(pending)
    finally:
        await owner.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _apply(owner: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with owner.transaction():
            await owner.execute(migration.sql)
            await owner.execute(
                "INSERT INTO zava.migrations (file, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseUnavailable(
            f"sql/{migration.name} needs more rights: {error.args[0]}.",
            "Log in as a role that may create roles, schemas and extensions.",
        ) from error
    except asyncpg.PostgresError as error:
        if isinstance(trouble(error, out_of_time=False), DatabaseUnavailable):
            # Not the file's fault.
            raise
        raise DatabaseUnavailable(f"sql/{migration.name} failed: {error.args[0]}.") from error


def mismatch(
    migrations: Sequence[Migration], applied: Mapping[str, str], data_dir: Path | None
) -> DatabaseUnavailable | None:
    """What keeps these files from going on with a database, and the way out; None for nothing.

    `data_dir` is that of an embedded database.
    """
    ours = {migration.name: migration.checksum for migration in migrations}
    for name, checksum in applied.items():
        if name not in ours:
            return DatabaseUnavailable(
                f"The database has {name} applied, which this version does not know.",
                f"Use the newer version of Zava that made it.{_begin_anew(data_dir)}",
            )
        if ours[name] != checksum:
            return DatabaseUnavailable(
                f"sql/{name} has changed since it was applied.",
                f"Restore the released file; changes go into a new one.{_begin_anew(data_dir)}",
            )
    return None


def _begin_anew(data_dir: Path | None) -> str:
    if data_dir is None:
        return ""
    command = f"zava-server db reset --data-dir {shlex.quote(str(data_dir))}"
    return f" If there is nothing to lose, such as demo data, remove the database with: {command}"
