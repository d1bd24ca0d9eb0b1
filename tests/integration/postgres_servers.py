"""PostgreSQL servers on TCP ports, for tests that kill, stop, restart and promote them."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from tests.integration.embedded_processes import eventually, reachable_directory
from zava_server.data.embedded import binaries
from zava_server.data.embedded.account import Account
from zava_server.startup import Database

HOST = "127.0.0.1"

_SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = 40
shared_preload_libraries = 'pg_stat_statements'
shared_buffers = 32MB
jit = off
fsync = off
hot_standby = on
# Otherwise a replica that is a moment late is cut off by the next one's backup.
wal_keep_size = 512MB
"""
_LOGINS = f"""
host all         all {HOST}/32 trust
host replication all {HOST}/32 trust
"""


class PostgresServer:
    """A server over a data directory that is there already, such as a copy."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port: int = free.getsockname()[1]
        self._account = Account.current()
        self._binaries = binaries.usable_by(self._account, data.parent / "binaries")
        self._log = data.parent / f"{data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        for name, text in (
            ("postgresql.conf", _SETTINGS.format(host=HOST, port=self.port)),
            ("pg_hba.conf", _LOGINS),
        ):
            path = data / name
            path.write_text(text)
            self._account.give(path)

    @property
    def place(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> PostgresServer:
        """Returns when it lets in."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries.postgres, "-D", self.data],
                stdout=log,
                stderr=log,
                cwd="/",
                **self._account.switch,
            )
        eventually(self.lets_in)
        return self

    def lets_in(self) -> bool:
        return self._run("pg_isready", "-q", "-h", HOST, "-p", str(self.port)).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT stops it as `pg_ctl stop -m fast` does, SIGQUIT as `-m immediate`."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """All its processes at once, as a machine that loses its power."""
        assert self._process is not None
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """From now on it takes connections, by the kernel, and answers nobody."""
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        # Backends come and go meanwhile.
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def promote(self) -> None:
        done = self._run("pg_ctl", "promote", "-D", str(self.data))
        assert done.returncode == 0, done.stdout

    def standby(self, name: str) -> PostgresServer:
        """A streaming replica, not started yet."""
        data = self.data.with_name(name)
        source = f"host={HOST} port={self.port} user=zava_owner"
        done = self._run(
            "pg_basebackup", "-D", str(data), "-d", source, "-c", "fast", "-X", "stream", "-R"
        )
        assert done.returncode == 0, done.stdout
        return PostgresServer(data)

    def _all(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        postmaster = psutil.Process(self._process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._binaries.postgres.with_name(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",
            **self._account.switch,
        )


async def backed_up(owner: asyncpg.Connection, data: Path, place: Path) -> PostgresServer:
    """A server over a backup, made below `place`, of the embedded one that uses `data`."""
    copied = place / "primary"
    await owner.fetch("SELECT pg_backup_start('copy', true)")
    # Files that vanish meanwhile are not needed.
    copying = await asyncio.create_subprocess_exec("cp", "-a", data, copied)
    await copying.wait()
    label = await owner.fetchval("SELECT labelfile FROM pg_backup_stop(false)")
    shutil.copytree(data / "pg_wal", copied / "pg_wal", dirs_exist_ok=True)
    for name in ("postmaster.pid", "postmaster.opts"):
        (copied / name).unlink(missing_ok=True)
    (copied / "backup_label").write_text(label)
    account = Account.current()
    account.give(place)
    for path in (copied, *copied.rglob("*")):
        account.give(path)
    return PostgresServer(copied)


@asynccontextmanager
async def copy_of(database: Database) -> AsyncIterator[PostgresServer]:
    """A server of one's own with the retailer in it: a backup of the embedded one."""
    assert database.owner is not None
    assert database.owner.directory is not None
    owner = await database.owner.connect()
    with reachable_directory() as place:
        server = await backed_up(owner, database.owner.directory / "postgres", place)
        await owner.close()
        server.start()
        yield server
        server.stop(signal.SIGQUIT)
