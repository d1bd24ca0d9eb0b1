from __future__ import annotations

import pytest

from zava_tui.answers import SetupProgress
from zava_tui.setup_log import SetupLog


@pytest.fixture
def log() -> SetupLog:
    log = SetupLog(since=10.0)
    log.record(
        SetupProgress("database", 0.0, "looking for a running one", "/home/maya/.local/share/zava"),
        11.0,
    )
    log.record(SetupProgress("database", 0.1, "starting PostgreSQL"), 11.1)
    log.record(SetupProgress("schema", 0.08, "1 of 5"), 11.5)
    log.record(SetupProgress("demo data", 0.12, "1,000 orders"), 12.0)
    log.record(SetupProgress("demo data", 0.5, "100,000 orders"), 20.0)
    return log


def test_a_step_took_until_the_next_began(log: SetupLog) -> None:
    assert log.took("database", 20.0) == 1.5
    assert log.took("schema", 20.0) == 0.5


def test_the_present_step_is_still_taking_time(log: SetupLog) -> None:
    assert log.took("demo data", 20.0) == 8.0


def test_a_step_never_seen_took_nobody_knows_how_long(log: SetupLog) -> None:
    assert SetupLog(since=0.0).took("demo data", 20.0) is None


def test_the_rest_takes_as_long_as_the_pace_so_far_says(log: SetupLog) -> None:
    assert log.left(20.0) == pytest.approx(10.0)


def test_at_first_there_is_no_estimate() -> None:
    log = SetupLog(since=0.0)
    log.record(SetupProgress("schema", 0.08, ""), 1.0)
    assert log.left(2.0) is None


def test_it_knows_where_the_database_is_once_that_was_said(log: SetupLog) -> None:
    assert log.place == "/home/maya/.local/share/zava"


def test_a_relative_place_or_a_detail_that_looks_like_one_makes_no_difference() -> None:
    log = SetupLog(since=0.0)
    log.record(SetupProgress("database", 0.0, "/not/a/place"), 1.0)
    assert log.place == ""
    log.record(SetupProgress("database", 0.0, "starting PostgreSQL", "here"), 1.0)
    assert log.place == "here"


def test_it_is_a_first_start_once_data_are_made(log: SetupLog) -> None:
    assert log.is_first_start
    restart = SetupLog(since=0.0)
    restart.record(SetupProgress("database", 0.5, "starting PostgreSQL"), 1.0)
    restart.record(SetupProgress("schema", 0.08, "checking"), 2.0)
    assert not restart.is_first_start
