"""What lies where in a data directory, and what its files say about the server."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.embedded.disk import disk_full
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT = 5432
"""Only part of the socket's name; nothing listens on TCP."""
NEW_DATA_PREFIX = "postgres.new-"
ELSEWHERE = "Choose another place with --data-dir or ZAVA_DATA_DIR."
OR_ELSEWHERE = "Or choose another place with --data-dir or ZAVA_DATA_DIR."


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths inside a data directory. Nothing stored there names an absolute path."""

    root: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own directory (PGDATA)."""
        return self.root / "postgres"

    @property
    def socket(self) -> Path:
        """The private directory of the socket."""
        return self.root / "socket"

    @property
    def config(self) -> Path:
        """The configuration, rewritten at each start; the server only reads it."""
        return self.root / "config"

    @property
    def binaries(self) -> Path:
        """A copy of the binaries, where the server's account cannot read the installed ones."""
        return self.root / "binaries"

    @property
    def locks(self) -> Path:
        """The directory of the three lock files."""
        return self.root / "locks"

    @property
    def gate(self) -> Path:
        """Held by the one process that starts or stops the server."""
        return self.locks / "gate"

    @property
    def attached(self) -> Path:
        """Held, shared, by every attached Zava process."""
        return self.locks / "attached"

    @property
    def alive(self) -> Path:
        """Held by the server's processes, from the first to the last, and by `initdb`."""
        return self.locks / "alive"

    @property
    def log(self) -> Path:
        """What the server said before its own log began."""
        return self.root / "postgres.log"

    @property
    def server_log(self) -> Path:
        """The directory of the server's log: a file for each weekday."""
        return self.data / "log"

    @property
    def pid_file(self) -> Path:
        """PostgreSQL's note on its running postmaster."""
        return self.data / "postmaster.pid"

    @property
    def own_names(self) -> frozenset[str]:
        """What Zava puts into a data directory."""
        places = (self.data, self.socket, self.config, self.binaries, self.locks, self.log)
        return frozenset({*(place.name for place in places), "logs", "identity.key"})


def is_initialised(data_dir: Path) -> bool:
    """Whether the data directory holds a database.

    Raises DatabaseUnavailable when it cannot be looked into.
    """
    with explained(data_dir):
        refuse_file(data_dir)
        return (Layout(data_dir).data / "PG_VERSION").is_file()


def is_running(data_dir: Path) -> bool:
    """Whether a process of the data directory's server is alive.

    Raises DatabaseUnavailable when it cannot be looked into.
    """
    with explained(data_dir):
        try:
            file = os.open(Layout(data_dir).alive, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False


def refuse_file(path: Path) -> None:
    """Raises NotADirectoryError where something else lies in a directory's place."""
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def user_name(uid: int) -> str:
    """The name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def belongs_to(directory: Path, uid: int) -> DatabaseUnavailable:
    """The error for another user's directory."""
    return DatabaseUnavailable(
        f"{directory} belongs to {user_name(uid)}, not to {user_name(os.geteuid())}.",
        f"Run Zava as the user who made it. {OR_ELSEWHERE}",
    )


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turns what the file system refuses into one sentence.

    Raises DatabaseUnavailable in place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise _explanation(error, directory) from error


def _explanation(error: OSError, directory: Path) -> DatabaseUnavailable:
    place = error.filename if isinstance(error.filename, str) else str(directory)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return disk_full(directory)
        case errno.EROFS:
            return DatabaseUnavailable(f"{directory} is on a read-only file system.", ELSEWHERE)
        case errno.EACCES | errno.EPERM:
            return _denied(directory)
        case errno.ENOTDIR | errno.EEXIST:
            return DatabaseUnavailable(f"{place} is not a directory.", ELSEWHERE)
        case _:
            reason = error.strerror or type(error).__name__
            return DatabaseUnavailable(f"{place} cannot be used: {reason}.", ELSEWHERE)


def _denied(directory: Path) -> DatabaseUnavailable:
    existing = directory
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    owner, me = existing.stat().st_uid, os.geteuid()
    if owner != me:
        return DatabaseUnavailable(
            f"{user_name(me)} may not write to {existing}, which belongs to {user_name(owner)}.",
            ELSEWHERE,
        )
    return DatabaseUnavailable(
        f"{user_name(me)} may not write to {existing}.", f"Run `chmod u+rwx` on it. {OR_ELSEWHERE}"
    )
