"""The log file is made with its first line, and is no reason to stop."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from zava_server.infrastructure import logs
from zava_server.infrastructure.logs import configure_logs
from zava_server.infrastructure.request_ids import request


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


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mail jane.doe@example.com about it", "jane.doe@example.com"),
        ("postgresql://zava_app:hush/../p@ss@db:5432/zava", "hush"),
        ("signed k1.0.99." + "ab" * 32, "ab" * 32),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("key sk-proj-0123456789abcdef", "sk-proj-0123456789abcdef"),
        ("password=open-sesame, retrying", "open-sesame"),
    ],
)
def test_addresses_and_keys_stay_out(text: str, secret: str, tmp_path: Path) -> None:
    configure_logs("INFO", tmp_path / "zava.log")
    logging.getLogger("zava").warning("library says %s", text)
    structlog.get_logger("zava").warning("we say", text=text)
    logged = (tmp_path / "zava.log").read_text()
    assert len(logged.splitlines()) == 2
    assert secret not in logged


def test_an_error_is_logged_with_its_places_and_without_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("INFO", tmp_path / "zava.log")
    try:
        try:
            raise ValueError("invalid input: 'jane'")
        except ValueError as cause:
            raise RuntimeError("for jane") from cause
    except RuntimeError as error:
        structlog.get_logger("zava").error("internal error", exc_info=error)
    (line,) = (tmp_path / "zava.log").read_text().splitlines()
    outer, inner = json.loads(line)["exception"]
    assert outer.startswith("RuntimeError at ")
    assert inner.startswith("ValueError at ")
    assert "test_logs.py" in inner
    assert "jane" not in line
    assert "jane" not in capsys.readouterr().err


def test_the_file_is_rotated_and_followed_where_another_server_rotated_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_FILE_BYTES", 2000)
    file = tmp_path / "zava.log"
    configure_logs("INFO", file)
    logging.getLogger("zava").info("before")
    file.rename(tmp_path / "zava.log.1")
    logging.getLogger("zava").info("after")
    assert "before" in (tmp_path / "zava.log.1").read_text()
    assert "after" in file.read_text()
    for number in range(200):
        logging.getLogger("zava").info("line %d", number)
    sizes = {kept.name: kept.stat().st_size for kept in tmp_path.iterdir()}
    assert set(sizes) == {"zava.log", "zava.log.1", "zava.log.2", "zava.log.3"}
    assert max(sizes.values()) <= 2000


def test_each_line_of_a_call_has_its_id(tmp_path: Path) -> None:
    configure_logs("INFO", tmp_path / "zava.log")
    with request("whoami") as request_id:
        structlog.get_logger("zava").info("inside")
        logging.getLogger("library").info("inside too")
    structlog.get_logger("zava").info("outside")
    lines = [json.loads(line) for line in (tmp_path / "zava.log").read_text().splitlines()]
    assert [line.get("request_id") for line in lines] == [request_id, request_id, None]
    assert lines[0]["tool"] == "whoami"
