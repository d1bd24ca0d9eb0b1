"""One server for all Zava processes on a data directory: the first starts it, the last stops it."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zava_server.data.embedded import binaries, cluster
from zava_server.data.embedded.account import Account
from zava_server.data.embedded.disk import disk_full, is_scarce, logged_no_room
from zava_server.data.embedded.layout import PORT, Layout, explained
from zava_server.data.embedded.locks import FileLock
from zava_server.data.embedded.postmaster import START_SECONDS, Postmaster
from zava_server.infrastructure.errors import DatabaseUnavailable
from zava_server.infrastructure.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from types import TracebackType

_LEAVE_SECONDS = 15.0
_REMOVE_SECONDS = 1.0
# 104 bytes on macOS, 108 on Linux, with the socket's name and a closing zero.
_LONGEST_HOST = 85


@dataclass(frozen=True, slots=True)
class RunningDatabase:
    """How to reach the server: `host` is a directory with its socket, good while attached."""

    host: str
    version: str
    port: int = PORT
    owner: str = cluster.OWNER
    database: str = cluster.DATABASE


class EmbeddedPostgres:
    """A share in the server of `data_dir`, which is made, started or joined as need be.

    All calls block; `report` hears of the slow steps in the calling thread. As a context manager
    it gives the RunningDatabase.
    """

    def __init__(self, data_dir: Path, report: ReportProgress = ignore_progress) -> None:
        self._layout = Layout(Path(os.path.abspath(data_dir)))  # noqa: PTH100 - drops ".." as well
        self._report = report
        self._opened: _Opened | None = None
        # The file locks keep processes apart, not the threads of one.
        self._mutex = threading.Lock()

    def __enter__(self) -> RunningDatabase:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> RunningDatabase:
        """Attaches to the running server; starts it, after making its data, if there is none.

        Raises DatabaseUnavailable; nothing is left running or open then.
        """
        if self._opened is None:
            self._say(0.0, "looking for a running server")
            with explained(self._layout.root):
                self._opened = _open(self._layout)
        try:
            database = self._attach(self._opened)
        except BaseException:
            self.close()
            raise
        self._say(1.0, "PostgreSQL is ready")
        return database

    def ensure_running(self) -> RunningDatabase:
        """As `open`, for one that is attached: starts the server again if it has died.

        Costs next to nothing if it has not. Raises DatabaseUnavailable.
        """
        if self._opened is None:
            raise DatabaseUnavailable("The embedded PostgreSQL has been closed.")
        return self._attach(self._opened)

    def close(self) -> None:
        """Detaches; whoever does so last stops the server. Does nothing when not attached."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        with self._mutex, opened.resources:
            # Who keeps us waiting here is starting the server, and will be the last one out.
            if opened.gate.wait_exclusive(_LEAVE_SECONDS) and opened.attached.try_exclusive():
                opened.postmaster.stop()

    def remove(self) -> None:
        """Removes the database, and leaves alone what else lies in the data directory.

        Raises DatabaseUnavailable, also while any Zava is attached.
        """
        with explained(self._layout.root):
            opened = _open(self._layout)
            with opened.resources:
                alone = opened.gate.wait_exclusive(_REMOVE_SECONDS)
                if not alone or not opened.attached.try_exclusive():
                    raise DatabaseUnavailable(
                        f"Another Zava is using the database in {self._layout.root}.",
                        "Quit it, then try again.",
                    )
                # One that a killed Zava has left behind.
                opened.postmaster.stop()
                cluster.remove(self._layout)

    def explain(self, since: datetime) -> DatabaseUnavailable | None:
        """Why connections were lost or refused `since` an aware time, if the disk shows it."""
        data, logs = self._layout.data, self._layout.server_log
        if is_scarce(data) or logged_no_room(logs, since):
            return disk_full(self._layout.root)
        return None

    def _attach(self, opened: _Opened) -> RunningDatabase:
        with self._mutex, explained(self._layout.root):
            if not opened.gate.wait_exclusive(START_SECONDS):
                raise DatabaseUnavailable(
                    "Another Zava process has been starting or stopping the database for minutes.",
                    "End that process, then try again.",
                )
            try:
                opened.attached.try_shared()
                if not opened.postmaster.is_ready():
                    self._bring_up(opened)
            finally:
                opened.gate.unlock()
        return RunningDatabase(opened.host, binaries.installed().version)

    def _bring_up(self, opened: _Opened) -> None:
        alive = FileLock(self._layout.alive)
        until = time.monotonic() + START_SECONDS
        try:
            if opened.postmaster.wait_for_others(alive, until):
                return
            programs = binaries.usable_by(opened.account, self._layout.binaries)
            cluster.remove_unfinished(self._layout)
            if not cluster.check(self._layout, opened.account, programs):
                self._say(0.2, "creating the data directory")
                cluster.create(self._layout, opened.account, programs, alive.fileno)
            self._say(0.7, "starting PostgreSQL")
            opened.postmaster.start(programs, alive, until)
        finally:
            alive.close()

    def _say(self, fraction: float, detail: str) -> None:
        self._report(Progress("database", fraction, detail))


@dataclass(frozen=True, slots=True)
class _Opened:
    """What an attached process holds open; `resources` closes all of it."""

    account: Account
    host: str
    gate: FileLock
    attached: FileLock
    postmaster: Postmaster
    resources: ExitStack


def _open(layout: Layout) -> _Opened:
    account = Account.current()
    cluster.prepare(layout, account)
    with ExitStack() as resources:
        host = resources.enter_context(_short_path(layout.socket))
        gate = resources.enter_context(closing(FileLock(layout.gate)))
        attached = resources.enter_context(closing(FileLock(layout.attached)))
        postmaster = Postmaster(layout, account, host)
        return _Opened(account, host, gate, attached, postmaster, resources.pop_all())


@contextmanager
def _short_path(directory: Path) -> Iterator[str]:
    """A path to `directory` that fits a socket address and is no list of hosts to a client."""
    if len(os.fsencode(directory)) <= _LONGEST_HOST and "," not in str(directory):
        yield str(directory)
        return
    temporary = tempfile.gettempdir()
    place = temporary if len(temporary) < _LONGEST_HOST / 2 else "/tmp"  # noqa: S108 - private below
    with tempfile.TemporaryDirectory(prefix="zava-", dir=place) as private:
        alias = Path(private, "socket")
        alias.symlink_to(directory)
        yield str(alias)
