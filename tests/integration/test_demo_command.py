"""`db demo` fills an empty database as told, and leaves any other as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.embedded_processes import reachable_directory
from zava_server.data.embedded import is_initialised
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import open_database

LAST_DAY = (datetime.now(UTC) - timedelta(days=2)).date()


def database_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zava_server", "db", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=110,
    )


async def ask(directory: Path, sql: str) -> Any:
    async with open_database(Settings(data_dir=directory), ignore_progress) as database:
        assert database.owner is not None
        connection = await database.owner.connect()
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()


@pytest.mark.timeout(300)
async def test_it_makes_and_fills_a_database_once() -> None:
    with reachable_directory() as place:
        flags = ("--scale=0.1", "--seed=3", f"--until={LAST_DAY}", "--data-dir", place / "data")
        made = database_command("demo", "--json", *flags)
        assert made.returncode == 0, made.stderr
        told = [json.loads(line) for line in made.stdout.splitlines()]
        assert told[-1]["ready"]
        assert "seattle" in {user["handle"] for user in told[-1]["users"]}
        orders = await ask(place / "data", "SELECT count(*) FROM retail.orders")
        assert 19_000 < orders < 21_000
        last = await ask(
            place / "data",
            "SELECT (max(order_date) AT TIME ZONE 'America/Los_Angeles')::date FROM retail.orders",
        )
        assert last == LAST_DAY

        again = database_command("demo", *flags)
        assert again.returncode == 2
        assert "already holds stores" in again.stderr
        assert await ask(place / "data", "SELECT count(*) FROM retail.orders") == orders


@pytest.mark.timeout(300)
async def test_it_fills_a_database_that_was_kept_empty() -> None:
    with reachable_directory() as place:
        empty = database_command("init", "--no-demo", "--data-dir", place / "data")
        assert empty.returncode == 0, empty.stderr
        made = database_command("demo", "--scale=0.1", "--data-dir", place / "data")
        assert made.returncode == 0, made.stderr
        assert await ask(place / "data", "SELECT count(*) FROM retail.stores") == 8


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--scale=0.05", "from 0.1 to 50"),
        ("--scale=51", "from 0.1 to 50"),
        ("--scale=nan", "from 0.1 to 50"),
        ("--until=2199-01-01", "cannot end in the future"),
    ],
)
@pytest.mark.parametrize("command", ["demo", "init"])
def test_what_it_cannot_make_it_says_before_it_makes_anything(
    tmp_path: Path, command: str, flag: str, sentence: str
) -> None:
    refused = database_command(command, flag, "--data-dir", tmp_path / "data")
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert not is_initialised(tmp_path / "data")
