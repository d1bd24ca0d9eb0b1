"""The wheel that is built of the checkout, installed where nothing else of it is."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SECONDS = 300


def pip(*words: str) -> None:
    program = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(program, cwd=ROOT, check=True, timeout=_SECONDS)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    pip("wheel", ".", "--no-deps", "--wheel-dir", str(place))
    (built,) = place.glob("zava-*.whl")
    return built


def test_the_wheel_holds_the_whole_database(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (ROOT / "sql").glob("*.sql"):
        assert f"zava_server/sql/{file.name}" in names


def test_an_installed_wheel_says_its_version_and_build(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--no-deps", "--target", str(tmp_path), str(wheel))
    # What it depends on lies beside the interpreter; the checkout stays out of sight.
    told = subprocess.run(
        [tmp_path / "bin" / "zava-server", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    assert told.stdout.strip() == wheel.name.split("-")[1]
