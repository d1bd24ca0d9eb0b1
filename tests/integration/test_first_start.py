"""The first start at full size: interrupted half-way, then by two processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.embedded_processes import eventually
from zava_server.data.embedded import is_running

COUNTS = {
    "stores": (8, 8),
    "products": (420, 1000),
    "customers": (50_000, 50_000),
    "orders": (195_000, 205_000),
    "order_items": (400_000, 430_000),
}


def start(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "zava_server", "db", "init", "--json", "--data-dir", str(data_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def status(data_dir: Path) -> dict[str, Any]:
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "zava_server",
            "db",
            "status",
            "--json",
            "--data-dir",
            str(data_dir),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.mark.timeout(300)
def test_a_start_killed_half_way_leaves_nothing_half_loaded_and_two_more_finish_it(
    shared_directory: Path,
) -> None:
    data_dir = shared_directory / "first start"
    killed = start(data_dir)
    assert killed.stdout is not None
    steps: list[tuple[str, float]] = []
    for line in killed.stdout:
        report = json.loads(line)
        steps.append((report["step"], report["fraction"]))
        if report["step"] == "demo data" and report["fraction"] > 0.4:
            killed.kill()
            break
    killed.wait()
    killed.stdout.close()
    assert [step for step, _ in steps] == sorted(
        (step for step, _ in steps), key=["database", "schema", "demo data"].index
    )
    assert status(data_dir)["rows"]["stores"] == 0

    both = [start(data_dir), start(data_dir)]
    for process in both:
        output, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        last = json.loads(output.splitlines()[-1])
        assert last["ready"]
        assert len(last["users"]) == 11
    found = status(data_dir)
    assert found["state"] == "ready"
    for table, (least, most) in COUNTS.items():
        assert least <= found["rows"][table] <= most, table


def test_status_of_nothing_makes_nothing(shared_directory: Path) -> None:
    data_dir = shared_directory / "nothing here"
    assert status(data_dir)["state"] == "absent"
    assert not (data_dir / "postgres").exists()


def test_a_held_database_stays_up_until_stdin_closes(
    shared_directory: Path, database: object
) -> None:
    """Without a gap for another process: the socket is there until the holder lets go."""
    data_dir = shared_directory / "data"
    holder = subprocess.Popen(
        [
            *(sys.executable, "-m", "zava_server", "db", "init", "--json", "--hold"),
            *("--data-dir", str(data_dir)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert any("ready" in json.loads(line) for line in holder.stdout)
    assert holder.poll() is None
    holder.stdin.close()
    assert holder.wait(timeout=10) == 0
    holder.stdout.close()


@pytest.mark.parametrize("first", ["the end of input", "a signal"])
def test_a_signal_while_it_ends_does_not_leave_the_database_running(
    place: Path, first: str
) -> None:
    data_dir = place / "data"
    command = [sys.executable, "-m", "zava_server", "stdio", "--user", "seattle"]
    with subprocess.Popen(
        [*command, "--data-dir", str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        eventually(lambda: is_running(data_dir))
        if first == "a signal":
            server.terminate()
        elif server.stdin is not None:
            server.stdin.close()
        server.terminate()
        server.wait(30)
    assert not is_running(data_dir)
