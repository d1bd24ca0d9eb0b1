"""Whatever is killed, and when: the next start works by itself and no committed row is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.embedded_processes import (
    ZavaProcess,
    eventually,
    kill_server,
    postmaster_pid,
    psql,
    query,
    server_pids,
)
from zava_server.data.embedded import EmbeddedPostgres, RunningDatabase, is_initialised, is_running


def keep_a_row(database: RunningDatabase) -> None:
    query(database, "CREATE TABLE kept AS SELECT 42 AS answer")


def the_row_is_there(data_dir: Path) -> bool:
    with EmbeddedPostgres(data_dir) as database:
        return query(database, "SELECT answer FROM kept") == "42"


class TestKilled:
    def test_the_postmaster(self, data_dir: Path) -> None:
        embedded = EmbeddedPostgres(data_dir)
        keep_a_row(embedded.open())
        os.kill(postmaster_pid(data_dir), signal.SIGKILL)
        assert the_row_is_there(data_dir)
        embedded.close()
        assert not is_running(data_dir)

    def test_the_postmaster_and_those_attached_ask_for_a_new_one(self, data_dir: Path) -> None:
        embedded = EmbeddedPostgres(data_dir)
        database = embedded.open()
        keep_a_row(database)
        os.kill(postmaster_pid(data_dir), signal.SIGKILL)
        assert embedded.ensure_running() == database
        assert query(database, "SELECT answer FROM kept") == "42"
        pid = postmaster_pid(data_dir)
        embedded.ensure_running()
        assert postmaster_pid(data_dir) == pid
        embedded.close()
        assert not is_running(data_dir)

    def test_the_postmaster_while_a_backend_is_busy(self, data_dir: Path) -> None:
        embedded = EmbeddedPostgres(data_dir)
        database = embedded.open()
        keep_a_row(database)
        with busy_backend(database) as backend:
            os.kill(postmaster_pid(data_dir), signal.SIGKILL)
            eventually(lambda: backend in server_pids(data_dir))
            assert the_row_is_there(data_dir)
            assert backend not in server_pids(data_dir)
        embedded.close()
        assert not is_running(data_dir)

    def test_a_zava_process(self, data_dir: Path) -> None:
        zava = ZavaProcess(data_dir).attached()
        zava.kill()
        assert is_running(data_dir)
        with EmbeddedPostgres(data_dir) as database:
            keep_a_row(database)
        # The dead one's share died with it.
        assert not is_running(data_dir)
        assert the_row_is_there(data_dir)

    def test_everything(self, data_dir: Path) -> None:
        zava = ZavaProcess(data_dir).attached()
        with EmbeddedPostgres(data_dir) as database:
            keep_a_row(database)
            zava.kill()
            kill_server(data_dir)
        assert (data_dir / "postgres" / "postmaster.pid").exists()
        assert the_row_is_there(data_dir)

    def test_a_zava_process_while_it_makes_the_data_directory(self, place: Path) -> None:
        directory = place / "data"
        zava = ZavaProcess(directory)
        eventually(lambda: any(directory.glob("postgres.new-*/PG_VERSION")))
        zava.kill()
        assert not is_initialised(directory)
        with EmbeddedPostgres(directory) as database:
            keep_a_row(database)
        assert list(directory.glob("postgres.new-*")) == []
        assert the_row_is_there(directory)

    def test_a_zava_process_while_the_server_starts(self, data_dir: Path) -> None:
        zava = ZavaProcess(data_dir)
        eventually(lambda: server_pids(data_dir))
        zava.kill()
        with EmbeddedPostgres(data_dir) as database:
            keep_a_row(database)
        assert not is_running(data_dir)


class TestStaleFiles:
    def test_a_process_id_that_now_belongs_to_somebody_else(self, data_dir: Path) -> None:
        crash(data_dir)
        with subprocess.Popen(["sleep", "60"]) as other:
            pretend_the_postmaster_was(data_dir, other.pid)
            assert the_row_is_there(data_dir)
            assert other.poll() is None
            other.kill()

    def test_a_process_id_that_is_a_zombie(self, data_dir: Path) -> None:
        crash(data_dir)
        zombie = subprocess.Popen([sys.executable, "-c", ""])
        eventually(lambda: (Path("/proc") / str(zombie.pid) / "cmdline").read_bytes() == b"")
        pretend_the_postmaster_was(data_dir, zombie.pid)
        assert the_row_is_there(data_dir)
        zombie.wait()

    def test_a_dead_postmaster_leaves_no_zombie(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir):
            pid = postmaster_pid(data_dir)
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not Path("/proc", str(pid)).exists())

    def test_a_copy_of_a_crashed_one(self, data_dir: Path) -> None:
        crash(data_dir)
        copied = data_dir.with_name("copied")
        subprocess.run(["cp", "-a", data_dir, copied], check=True)
        with EmbeddedPostgres(data_dir) as first, EmbeddedPostgres(copied) as second:
            for database in (first, second):
                assert query(database, "SELECT answer FROM kept") == "42"

    def test_a_pid_file_without_contents(self, data_dir: Path) -> None:
        crash(data_dir)
        (data_dir / "postgres" / "postmaster.pid").write_bytes(b"")
        assert the_row_is_there(data_dir)

    def test_remains_of_an_interrupted_start(self, data_dir: Path) -> None:
        crash(data_dir)
        remains = data_dir / "postgres.new-abcdefgh"
        (remains / "base").mkdir(parents=True)
        assert the_row_is_there(data_dir)
        assert not remains.exists()


def test_a_frozen_backend_does_not_keep_the_server_from_stopping(data_dir: Path) -> None:
    embedded = EmbeddedPostgres(data_dir)
    database = embedded.open()
    keep_a_row(database)
    with busy_backend(database) as backend:
        os.kill(backend, signal.SIGSTOP)
        embedded.close()
    assert not is_running(data_dir)
    assert server_pids(data_dir) == []
    assert the_row_is_there(data_dir)


def crash(data_dir: Path) -> None:
    """Commits a row, then kills everything, as a power cut would."""
    with EmbeddedPostgres(data_dir) as database:
        keep_a_row(database)
        kill_server(data_dir)


def pretend_the_postmaster_was(data_dir: Path, pid: int) -> None:
    for path in (
        data_dir / "postgres" / "postmaster.pid",
        data_dir / "socket" / ".s.PGSQL.5432.lock",
    ):
        _, rest = path.read_text().split("\n", 1)
        path.write_text(f"{pid}\n{rest}")


@contextmanager
def busy_backend(database: RunningDatabase) -> Iterator[int]:
    """The process id of a backend that computes, and looks at nothing else for minutes."""
    endless = "SELECT sum(n) FROM generate_series(1, 10000000000) AS n"
    its_pid = f"SELECT pid FROM pg_stat_activity WHERE query = '{endless}'"
    with subprocess.Popen(
        psql(database, endless), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        eventually(lambda: query(database, its_pid))
        yield int(query(database, its_pid))
        client.kill()
