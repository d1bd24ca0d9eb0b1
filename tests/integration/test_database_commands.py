"""`zava-server db status` and `db reset`, as people and programs call them."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.embedded_processes import ZavaProcess, as_user, needs_root
from zava_server.data.embedded import EmbeddedPostgres, is_initialised, is_running
from zava_server.data.endpoint import Endpoint
from zava_server.data.migrations import find_migrations, migrate, mismatch
from zava_server.data.sessions import session
from zava_server.database_cli import stores_in_words


def zava_server(
    *words: str, data_dir: Path, stdin: int = subprocess.DEVNULL, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zava_server", *words, "--data-dir", str(data_dir)],
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def change_a_recorded_file(data_dir: Path) -> str:
    """Applies the schema and then pretends that its last file was another; returns its name."""

    async def apply(endpoint: Endpoint) -> str:
        async with session(endpoint) as owner:
            migrations = find_migrations()
            await migrate(owner, migrations)
            name = migrations[-1].name
            await owner.execute(
                "UPDATE zava.migrations SET checksum = 'another' WHERE file = $1", name
            )
            return name

    with EmbeddedPostgres(data_dir) as running:
        return asyncio.run(
            apply(
                Endpoint(
                    host=running.host,
                    port=running.port,
                    user=running.owner,
                    database=running.database,
                )
            )
        )


class TestStatus:
    def test_of_nothing_makes_nothing(self, place: Path) -> None:
        told = zava_server("db", "status", "--json", data_dir=place / "new" / "data")
        assert json.loads(told.stdout)["state"] == "absent"
        assert list(place.iterdir()) == []

    def test_of_a_file_says_that_it_is_no_directory(self, place: Path) -> None:
        file = place / "file"
        file.write_text("mine")
        told = zava_server("db", "status", data_dir=file)
        assert told.returncode == 1
        assert told.stderr.startswith(f"zava-server: {file} is not a directory. Choose another")

    def test_of_a_changed_schema_says_so_and_names_the_way_out(self, data_dir: Path) -> None:
        name = change_a_recorded_file(data_dir)
        problem = f"sql/{name} has changed since it was applied."
        way_out = f"zava-server db reset --data-dir {data_dir}"

        found = json.loads(zava_server("db", "status", "--json", data_dir=data_dir).stdout)
        assert found["state"] == "mismatched"
        assert found["problem"]["message"] == problem
        assert way_out in found["problem"]["hint"]
        told = zava_server("db", "status", data_dir=data_dir).stdout
        assert f"{data_dir}: mismatched" in told
        assert problem in told
        assert way_out in told

        refused = zava_server("db", "init", data_dir=data_dir).stderr
        assert problem in refused
        assert way_out in refused


def test_a_schema_of_ones_own_postgresql_is_not_to_be_removed() -> None:
    ours = find_migrations()
    error = mismatch(ours, {ours[0].name: "another"}, None)
    assert error is not None
    assert "Restore the released file" in str(error)
    assert "reset" not in str(error)


class TestReset:
    def test_it_removes_the_database_and_nothing_else(self, data_dir: Path) -> None:
        (data_dir / "thesis.tex").write_text("years of work")
        (data_dir / "identity.key").write_text("kept")
        (data_dir / "postgres.new-left").mkdir()
        done = zava_server("db", "reset", "--yes", data_dir=data_dir)
        assert done.returncode == 0, done.stderr
        assert f"Removed the database in {data_dir}." in done.stdout
        assert not is_initialised(data_dir)
        assert list(data_dir.glob("postgres*")) == []
        assert (data_dir / "thesis.tex").read_text() == "years of work"
        assert (data_dir / "identity.key").read_text() == "kept"
        with EmbeddedPostgres(data_dir):
            assert is_initialised(data_dir)

    def test_it_refuses_while_another_zava_uses_it(self, data_dir: Path) -> None:
        other = ZavaProcess(data_dir).attached()
        refused = zava_server("db", "reset", "--yes", data_dir=data_dir)
        assert refused.returncode == 1
        assert f"Another Zava is using the database in {data_dir}" in refused.stderr
        assert is_running(data_dir)
        other.leave()

    def test_a_server_that_a_killed_zava_left_behind_is_stopped_first(self, data_dir: Path) -> None:
        ZavaProcess(data_dir).attached().kill()
        assert is_running(data_dir)
        assert zava_server("db", "reset", "--yes", data_dir=data_dir).returncode == 0
        assert not is_running(data_dir)
        assert not is_initialised(data_dir)

    def test_off_a_terminal_it_wants_to_be_told(self, data_dir: Path) -> None:
        refused = zava_server("db", "reset", data_dir=data_dir)
        assert refused.returncode == 2
        assert "--yes" in refused.stderr
        assert is_initialised(data_dir)

    @pytest.mark.parametrize(("typed", "removed"), [("yes", True), ("no", False), ("", False)])
    def test_on_a_terminal_it_wants_a_typed_yes(
        self, data_dir: Path, typed: str, *, removed: bool
    ) -> None:
        keyboard, terminal = pty.openpty()
        os.write(keyboard, f"{typed}\n".encode())
        done = zava_server("db", "reset", data_dir=data_dir, stdin=terminal)
        os.close(keyboard)
        os.close(terminal)
        assert f"This removes the database in {data_dir}" in done.stderr
        assert is_initialised(data_dir) is not removed
        assert done.returncode == (0 if removed else 2)

    def test_without_a_database_there_is_nothing_to_remove(self, place: Path) -> None:
        refused = zava_server("db", "reset", "--yes", data_dir=place / "data")
        assert refused.returncode == 2
        assert "There is no database in" in refused.stderr
        assert list(place.iterdir()) == []

    def test_a_database_of_ones_own_is_left_alone(self, data_dir: Path) -> None:
        refused = zava_server(
            "db",
            "reset",
            "--yes",
            data_dir=data_dir,
            ZAVA_DATABASE_URL="postgresql://zava_app@127.0.0.1:1/zava",
        )
        assert refused.returncode == 2
        assert "ZAVA_DATABASE_URL names another" in refused.stderr
        assert is_initialised(data_dir)

    def test_a_link_to_somewhere_else_is_not_followed(self, data_dir: Path) -> None:
        elsewhere = data_dir.with_name("elsewhere")
        (data_dir / "postgres").rename(elsewhere)
        (data_dir / "postgres").symlink_to(elsewhere)
        refused = zava_server("db", "reset", "--yes", data_dir=data_dir)
        assert refused.returncode == 1
        assert (elsewhere / "PG_VERSION").exists()

    @needs_root
    def test_another_users_database_is_left_alone(self, data_dir: Path) -> None:
        data_dir.chmod(0o777)

        def remove() -> str:
            EmbeddedPostgres(data_dir).remove()
            return "removed"

        assert "belongs to root, not to daemon" in as_user("daemon", remove)
        assert (data_dir / "postgres" / "PG_VERSION").exists()


def test_making_a_database_off_a_terminal_tells_of_each_step(place: Path) -> None:
    made = zava_server("db", "init", "--no-demo", data_dir=place / "data")
    assert made.returncode == 0, made.stderr
    lines = made.stderr.splitlines()
    assert any(line.startswith("database ") for line in lines)
    assert any(line.startswith("schema ") for line in lines)
    assert "\r" not in made.stderr


def test_the_stores_of_a_long_chain_are_counted_and_not_named() -> None:
    assert stores_in_words(["Seattle", "Tacoma"]) == "Seattle, Tacoma"
    assert stores_in_words([f"Store {n}" for n in range(457)]) == "457 stores"
