"""Zava processes that share a data directory, for tests that start and kill them."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from zava_server.data.embedded import RunningDatabase, binaries
from zava_server.data.embedded.processes import cluster_name, send, server_processes
from zava_server.infrastructure.errors import DatabaseUnavailable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

_CODE = """
import sys
from pathlib import Path
from zava_server.data.embedded import EmbeddedPostgres
from zava_server.infrastructure.errors import DatabaseUnavailable
try:
    with EmbeddedPostgres(Path(sys.argv[1])) as database:
        print("open", database.host, flush=True)
        sys.stdin.read()
except DatabaseUnavailable as error:
    print("error", error, flush=True)
"""


class ZavaProcess:
    """A process that attaches to a data directory until it is told to leave."""

    def __init__(self, data_dir: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> str:
        """Waits until it is attached ("open" with the host) or has failed ("error" with why)."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def attached(self) -> ZavaProcess:
        answer = self.answer()
        assert answer.startswith("open "), answer
        return self

    def leave(self) -> None:
        self._process.communicate(timeout=30)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def server_pids(data_dir: Path) -> list[int]:
    return [process.pid for process in server_processes(cluster_name(data_dir))]


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def kill_server(data_dir: Path) -> None:
    """kill -9 of all its processes, without a moment for anyone to tidy up."""

    def gone() -> bool:
        pids = server_pids(data_dir)
        for pid in pids:
            send(pid, signal.SIGKILL)
        return not pids

    eventually(gone)


def eventually(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)


@contextmanager
def mounted(place: Path, *how: str) -> Iterator[None]:
    done = subprocess.run(["mount", *how, str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this system does not let root mount anything")
    try:
        yield
    finally:
        kill_server(place)
        subprocess.run(["umount", str(place)], check=True)


def fill(path: Path, but: int = 0) -> None:
    """Writes a file until the disk has no byte left, and gives some back."""
    with path.open("ab", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(64 * 1024)):
                pass
        file.truncate(max(0, path.stat().st_size - but))


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A temporary directory into which every user can go, in memory where there is plenty."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 1024**3
    place = Path(tempfile.mkdtemp(prefix="zava-test-", dir=memory if roomy else None))
    place.chmod(0o755)
    try:
        yield place
    finally:
        # A server that a failed test left behind must not outlive it.
        for data_dir in (path.parent for path in place.rglob("locks")):
            kill_server(data_dir)
        shutil.rmtree(place)


def as_user(name: str, work: Callable[[], str]) -> str:
    """What `work` answers when another user does it; the sentence of a DatabaseUnavailable.

    A fork and no new interpreter, for that user may not be able to read this one.
    """
    receiving, sending = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        user = pwd.getpwnam(name)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        try:
            sending.send(work())
        except DatabaseUnavailable as error:
            sending.send(str(error))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    sending.close()
    answer: str = receiving.recv()
    process.join()
    return answer


def psql(database: RunningDatabase, sql: str, user: str | None = None) -> list[str]:
    """A command that runs `sql` and prints the rows' values, and nothing else."""
    program = binaries.installed().postgres.with_name("psql")
    place = ["-h", database.host, "-p", str(database.port), "-d", database.database]
    login = ["-U", user or database.owner]
    return [str(program), "-XqAt", "-v", "ON_ERROR_STOP=1", *place, *login, "-c", sql]


def query(database: RunningDatabase, sql: str, user: str | None = None) -> str:
    """What psql prints for `sql`. Raises QueryFailed."""
    done = subprocess.run(psql(database, sql, user), capture_output=True, text=True, check=False)
    if done.returncode:
        raise QueryFailed(done.stderr)
    return done.stdout.strip()


class QueryFailed(Exception):
    """psql's own words."""
