"""The log file is made with its first line, and is no reason to stop."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from zava_server.infrastructure.logs import configure_logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_without_a_line_there_is_no_file(tmp_path: Path) -> None:
    configure_logs("WARNING", tmp_path / "logs" / "zava.log")
    logging.getLogger("zava").info("too small")
    assert list(tmp_path.iterdir()) == []
    logging.getLogger("zava").warning("grave")
    assert "grave" in (tmp_path / "logs" / "zava.log").read_text()


def test_a_file_that_cannot_be_written_is_told_once_and_other_lines_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file in the directory's place")
    configure_logs("INFO", tmp_path / "logs" / "zava.log")
    assert capsys.readouterr().err == ""
    for line in ("one", "two"):
        logging.getLogger("zava").info(line)
    told = capsys.readouterr().err
    assert told.count("the log file cannot be written") == 1
    assert "one" in told
    assert "two" in told
    assert "Traceback" not in told
