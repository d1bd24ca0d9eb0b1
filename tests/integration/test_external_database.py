"""A PostgreSQL of one's own takes the embedded one's place, or is refused with the reason."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from tests.conftest import skip_without
from zava_server.data.migrations import sql_directory
from zava_server.startup import Database

PASSWORD = "pä/ss w:rd@"
SMALL = ("--scale", "0.1")


def zava_server(
    *words: str, data_dir: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zava_server", *words, "--data-dir", str(data_dir)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.fixture
async def foreign(database: Database) -> Any:
    """Another database in the same server, reached by URL as a foreign one would be."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute("CREATE DATABASE foreign_one")
    yield {
        "ZAVA_DATABASE_URL": f"postgresql://zava_app@/foreign_one?host={database.owner.host}",
        "ZAVA_ADMIN_DATABASE_URL": (
            f"postgresql://zava_owner@/foreign_one?host={database.owner.host}"
        ),
    }
    await admin.execute("DROP DATABASE foreign_one WITH (FORCE)")
    await admin.close()


@pytest.mark.timeout(240)
async def test_it_is_prepared_by_the_owner_and_then_served_without_them(
    foreign: dict[str, str], tmp_path: Path
) -> None:
    unprepared = zava_server(
        "stdio",
        "--user",
        "seattle",
        data_dir=tmp_path,
        ZAVA_DATABASE_URL=foreign["ZAVA_DATABASE_URL"],
    )
    assert unprepared.returncode == 1
    assert "zava-server db init" in unprepared.stderr

    prepared = zava_server("db", "init", "--json", *SMALL, data_dir=tmp_path, **foreign)
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    status = json.loads(zava_server("db", "status", "--json", data_dir=tmp_path, **foreign).stdout)
    assert status["state"] == "ready"
    assert status["rows"]["stores"] == 8

    served = zava_server(
        "stdio",
        "--user",
        "seattle",
        data_dir=tmp_path,
        ZAVA_DATABASE_URL=foreign["ZAVA_DATABASE_URL"],
    )
    assert served.returncode == 0, served.stderr


async def test_a_superuser_is_refused_with_the_reason(
    foreign: dict[str, str], tmp_path: Path
) -> None:
    ended = zava_server(
        *("db", "init", *SMALL),
        data_dir=tmp_path,
        ZAVA_DATABASE_URL=foreign["ZAVA_ADMIN_DATABASE_URL"],
        ZAVA_ADMIN_DATABASE_URL=foreign["ZAVA_ADMIN_DATABASE_URL"],
    )
    assert ended.returncode == 2
    assert "does not log in as zava_app" in ended.stderr


def test_db_commands_want_the_owner(tmp_path: Path) -> None:
    ended = zava_server(
        "db", "init", data_dir=tmp_path, ZAVA_DATABASE_URL="postgresql://zava_app@localhost/zava"
    )
    assert ended.returncode == 2
    assert "ZAVA_ADMIN_DATABASE_URL" in ended.stderr


@pytest.fixture(scope="module")
def old_server(shared_directory: Path) -> Iterator[str]:
    """PostgreSQL as Debian has it, on a loopback port, without pgvector; its host and port."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        skip_without("PostgreSQL of the distribution")
    account: dict[str, Any] = {}
    data = shared_directory / "distribution"
    data.mkdir()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
    password = shared_directory / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    subprocess.run(
        [
            *(binaries[-1] / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256"),
            f"--pwfile={password}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        **account,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [binaries[-1] / "postgres", "-D", data, "-p", str(port), "-k", data],
        stderr=subprocess.PIPE,
        cwd="/",
        text=True,
        **account,
    )
    assert server.stderr is not None
    assert any("ready to accept connections" in line for line in server.stderr)
    yield f"127.0.0.1:{port}"
    server.terminate()
    server.wait()
    server.stderr.close()
    shutil.rmtree(data)


@pytest.mark.parametrize(
    ("login", "database", "says"),
    [
        (f"postgres:{quote(PASSWORD, safe='')}", "postgres", "This PostgreSQL has no pgvector."),
        ("postgres:wrong", "postgres", "refused the login"),
        (f"postgres:{quote(PASSWORD, safe='')}", "nowhere", "does not exist"),
    ],
)
def test_a_server_that_will_not_do_is_refused_with_the_reason(
    login: str, database: str, says: str, old_server: str, tmp_path: Path
) -> None:
    url = f"postgresql://{login}@{old_server}/{database}"
    ended = zava_server(
        "db",
        "init",
        data_dir=tmp_path,
        ZAVA_DATABASE_URL=f"postgresql://zava_app@{old_server}/zava",
        ZAVA_ADMIN_DATABASE_URL=url,
    )
    assert ended.returncode == 1
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "wrong@" not in ended.stderr


async def test_the_oldest_postgresql_tells_of_kept_statements_what_is_asked(
    old_server: str,
) -> None:
    host, _, port = old_server.partition(":")
    admin = await asyncpg.connect(
        host=host, port=int(port), user="postgres", password=PASSWORD, database="postgres"
    )
    try:
        await admin.execute("CREATE ROLE zava_app; CREATE SCHEMA identity")
        for name in ("0030_kept_statements.sql", "0031_check_statements_by_name.sql"):
            await admin.execute((sql_directory() / name).read_text())
        await admin.execute("SELECT identity.check_statements(0)")
        await admin.execute("PREPARE one AS SELECT 1")
        with pytest.raises(asyncpg.RaiseError):
            await admin.execute("SELECT identity.check_statements(0)")
    finally:
        await admin.execute("DROP SCHEMA identity CASCADE; DROP ROLE zava_app")
        await admin.close()
