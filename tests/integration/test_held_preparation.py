"""`db init --json --hold`: what the terminal app runs while somebody chooses who they are."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.embedded_processes import server_pids
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, open_database, prepare


@contextmanager
def held(data_dir: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "zava_server", "db", "init", "--json", "--hold"),
            *("--data-dir", str(data_dir)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def last_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says last before it waits or ends."""
    assert process.stdout is not None
    for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if "step" not in said:
            return said
    raise AssertionError("it said nothing")


def let_go(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None
    process.stdin.close()
    return process.wait(timeout=20)


async def until(ask: Callable[[], Awaitable[int]], enough: Callable[[int], bool]) -> int:
    """The first answer that is enough."""
    async with asyncio.timeout(60):
        while True:
            answer = await ask()
            if enough(answer):
                return answer
            await asyncio.sleep(0.02)


async def test_the_search_index_is_made_while_it_is_held(shared_directory: Path) -> None:
    settings = Settings(data_dir=shared_directory / "held")
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=0.01)
        connection = await database.owner.connect()

        async def missing() -> int:
            count: int = await connection.fetchval(
                "SELECT (SELECT count(*) FROM retail.products)"
                " - (SELECT count(*) FROM retail.product_description_embeddings)"
            )
            return count

        assert await missing() > 100
        with held(settings.data_dir) as process:
            assert last_line(process)["ready"]
            await until(missing, lambda count: count == 0)
            assert let_go(process) == 0
        await connection.close()


async def test_it_lets_go_in_the_middle_of_the_index_and_what_is_made_stays(
    shared_directory: Path,
) -> None:
    settings = Settings(data_dir=shared_directory / "let go")
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=0.01)
        connection = await database.owner.connect()

        async def made() -> int:
            count: int = await connection.fetchval(
                "SELECT count(*) FROM retail.product_description_embeddings"
            )
            return count

        with held(settings.data_dir) as process:
            assert last_line(process)["ready"]
            some = await until(made, lambda count: count > 0)
            assert let_go(process) == 0
        assert await made() >= some
        await connection.close()


@pytest.fixture
def socket_url(database: Database) -> str:
    assert database.owner is not None
    return f"postgresql://zava_app@/{database.owner.database}?host={database.owner.host}"


def test_without_the_owners_login_a_ready_database_says_who_there_is(
    database: Database, settings: Settings, socket_url: str, tmp_path: Path
) -> None:
    with held(
        tmp_path, ZAVA_DATABASE_URL=socket_url, ZAVA_IDENTITY_KEY_FILE=str(settings.key_file)
    ) as process:
        said = last_line(process)
        assert [user["handle"] for user in said["users"]][:2] == ["bellevue", "everett"]
        assert let_go(process) == 0


def test_an_unreachable_database_is_said_to_be_that(tmp_path: Path) -> None:
    with held(tmp_path, ZAVA_DATABASE_URL="postgresql://zava_app@127.0.0.1:1/zava") as process:
        error = last_line(process)["error"]
        assert error["message"] == "127.0.0.1:1/zava cannot be reached."
        assert process.wait(timeout=20) == 1


def test_it_says_where_the_embedded_database_is(database: Database, settings: Settings) -> None:
    with held(settings.data_dir) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert (first["step"], first["place"]) == ("database", str(settings.data_dir))


def test_when_stdin_closes_on_a_first_start_it_stops_its_database(shared_directory: Path) -> None:
    data_dir = shared_directory / "given up"
    with held(data_dir) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["step"] == "demo data":
                break
        assert let_go(process) == 0
    assert server_pids(data_dir) == []
