"""Data directories for the embedded PostgreSQL: none yet, or one to start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embedded_processes import reachable_directory
from zava_server.data.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def initialised() -> Iterator[Path]:
    """A stopped data directory, to be copied and not to be used."""
    with reachable_directory() as place:
        with EmbeddedPostgres(place / "data"):
            pass
        yield place / "data"


@pytest.fixture
def place() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@pytest.fixture
def data_dir(initialised: Path, place: Path) -> Path:
    subprocess.run(["cp", "-a", initialised, place / "data"], check=True)
    return place / "data"
