"""Starting the server, seeing how it is, and stopping it; all alone behind the gate."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from zava_server.data.embedded import configuration
from zava_server.data.embedded.cluster import cannot_run, environment
from zava_server.data.embedded.disk import disk_full, is_scarce, logged_no_room
from zava_server.data.embedded.layout import PORT, is_running
from zava_server.data.embedded.locks import POLL_SECONDS, FileLock
from zava_server.data.embedded.processes import cluster_name, send, server_processes
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from zava_server.data.embedded.account import Account
    from zava_server.data.embedded.binaries import Binaries
    from zava_server.data.embedded.layout import Layout

START_SECONDS = 300.0
"""Recovery after a crash reads up to max_wal_size (2 GB) of log."""
_ORPHANS_SECONDS = 0.5
_LOOK_SECONDS = 0.1
# A fast shutdown; then, for backends that do not listen, ones that cost a recovery and no row.
_STOP = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0))
# Without room a server may neither get ready nor end: it can hang after a failed recovery.
_STUCK_SECONDS = 5.0
# How far back the log is asked about a server that was started by somebody else.
_LATELY = timedelta(hours=1)
# A process of the server starts at 310 MB, shared buffers included. The other 1.2 GB hold any sane
# query, the demo load and an index build; beyond, PostgreSQL answers "out of memory" and lives on,
# where one string_agg would have taken 3.8 GB from the machine.
_ADDRESS_SPACE_BYTES = 1536 * 1024 * 1024
_ANSWER_SECONDS = 2.0
# Answered with one letter before any login, and not logged: the length and the code of
# https://www.postgresql.org/docs/18/protocol-message-formats.html
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_SOCKET = f".s.PGSQL.{PORT}"


class Postmaster:
    """The server of one data directory, whoever started it.

    `host` is the socket's directory under a path short enough to connect to.
    """

    def __init__(self, layout: Layout, account: Account, host: str) -> None:
        self._layout = layout
        self._account = account
        self._address = f"{host}/{_SOCKET}"
        # Kept, for the directory may be gone when the server is to be stopped.
        self._cluster = cluster_name(layout.root)

    def is_ready(self) -> bool:
        """Whether it takes logins."""
        return self._status() == "ready" and self._answers()

    def wait_for_others(self, alive: FileLock, until: float) -> bool:
        """Waits until a running server is ready (True), or `alive` is ours as no process is left.

        What a crash left behind is ended: backends can outlive their postmaster, and a data
        directory must never have two. So is a server that got stuck on a full disk.

        Raises DatabaseUnavailable when neither happens before `until`, on the monotonic clock.
        """
        began = looked = time.monotonic()
        orphaned_since: float | None = None
        while not alive.try_exclusive():
            if self.is_ready():
                return True
            now = time.monotonic()
            if now - looked > _LOOK_SECONDS:
                looked = now
                processes = server_processes(self._cluster)
                if not processes or any(process.is_postmaster for process in processes):
                    orphaned_since = None
                elif orphaned_since is None:
                    orphaned_since = now
                elif now - orphaned_since > _ORPHANS_SECONDS:
                    for process in processes:
                        send(process.pid, signal.SIGKILL)
                if self._is_stuck(began, datetime.now(UTC) - _LATELY):
                    self.stop()
            if now > until:
                raise self._too_slow()
            time.sleep(POLL_SECONDS)
        return False

    def start(self, binaries: Binaries, alive: FileLock, until: float) -> None:
        """Starts the server and waits until it is ready.

        `alive` is held by us, so no process of the server is left and what it wrote about itself is
        stale, whatever now has its process id. The lock goes over to the server.

        Raises DatabaseUnavailable and OSError; none of its processes is left then.
        """
        configuration.write(self._layout, self._account.login)
        lock = self._layout.socket / f"{_SOCKET}.lock"
        for stale in (self._layout.pid_file, self._layout.socket / _SOCKET, lock):
            stale.unlink(missing_ok=True)
        began, since = time.monotonic(), datetime.now(UTC)
        process = self._spawn(binaries, alive)
        alive.hand_over()
        # Reaps it whenever it ends, so that none stays behind as a zombie.
        threading.Thread(target=process.wait, name="postmaster", daemon=True).start()
        looked = began
        while not self.is_ready():
            if process.poll() is not None:
                raise self._failure(since)
            now = time.monotonic()
            if now - looked > _LOOK_SECONDS:
                looked = now
                if self._is_stuck(began, since):
                    self.stop()
                    raise disk_full(self._layout.root)
            if now > until:
                error = self._too_slow()
                self.stop()
                raise error
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stops the server, with everything committed on disk; at once if there is none."""
        for number, seconds in _STOP:
            processes = server_processes(self._cluster)
            targets = [process for process in processes if process.is_postmaster] or processes
            if number is signal.SIGKILL:
                targets = processes
            for process in targets:
                send(process.pid, number)
            deadline = time.monotonic() + (seconds if targets else 0)
            while self._is_alive():
                if time.monotonic() > deadline:
                    break
                time.sleep(POLL_SECONDS / 2)
            else:
                return

    def _spawn(self, binaries: Binaries, alive: FileLock) -> subprocess.Popen[bytes]:
        command = [
            str(binaries.postgres),
            *configuration.command_line(self._layout, self._cluster),
        ]
        output = os.open(self._layout.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return subprocess.Popen(
                _with_little_memory(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment(),
                # Out of reach of the terminal's ctrl+c and hang-up.
                start_new_session=True,
                pass_fds=(alive.fileno,),
                umask=0o077,
                **self._account.switch,
            )
        except OSError as error:
            raise cannot_run(error) from error
        finally:
            os.close(output)

    def _status(self) -> str | None:
        """The last line of the pid file: starting, ready or stopping."""
        try:
            lines = self._layout.pid_file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return None
        return lines[-1].strip() if lines else None

    def _answers(self) -> bool:
        """Whether it speaks to us. To be let in is no proof: a dying server's socket does that."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_ANSWER_SECONDS)
            try:
                client.connect(self._address)
                client.sendall(_SSL_REQUEST)
                return client.recv(1) != b""
            except OSError:
                return False

    def _is_alive(self) -> bool:
        return is_running(self._layout.root)

    def _is_stuck(self, began: float, since: datetime) -> bool:
        """Whether a server that was waited for since `began` will not get ready for want of room.

        To end one that would have recovered after all costs a recovery and no row.
        """
        waited = time.monotonic() - began
        return waited > _STUCK_SECONDS and logged_no_room(self._layout.server_log, since)

    def _failure(self, since: datetime) -> DatabaseUnavailable:
        if is_scarce(self._layout.data) or logged_no_room(self._layout.server_log, since):
            return disk_full(self._layout.root)
        return DatabaseUnavailable(
            "PostgreSQL did not start.",
            f"The reason is in {self._layout.log} or below {self._layout.server_log}.",
        )

    def _too_slow(self) -> DatabaseUnavailable:
        if is_scarce(self._layout.data):
            return disk_full(self._layout.root)
        return DatabaseUnavailable(
            f"PostgreSQL was not ready within {START_SECONDS / 60:.0f} minutes.",
            "It may still be recovering from a crash; try again later.",
        )


def _with_little_memory(command: list[str]) -> list[str]:
    """The command with a limit on the memory of each of its processes, where there is one (Linux).

    Set by a shell that becomes the server: others may not set it for a process of another user.
    """
    if sys.platform != "linux":
        return command
    limit = _ADDRESS_SPACE_BYTES // 1024
    return ["/bin/sh", "-c", f'ulimit -v {limit} 2>/dev/null; exec "$0" "$@"', *command]
