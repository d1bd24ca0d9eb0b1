"""What the driver reports becomes an error that callers can act on."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from zava_server.data.trouble import trouble
from zava_server.infrastructure.errors import DatabaseLost, DiskFull, ResultTooLarge


def test_a_full_disk_of_ours_is_named() -> None:
    error = trouble(asyncpg.DiskFullError(), out_of_time=False, directory=Path("/srv/zava"))
    assert isinstance(error, DiskFull)
    assert error.code == "DATABASE_UNAVAILABLE"
    assert error.message == "The disk that holds /srv/zava is full."


def test_that_of_a_database_of_ones_own_is_told_without_a_place() -> None:
    error = trouble(asyncpg.DiskFullError(), out_of_time=False)
    assert isinstance(error, DiskFull)
    assert error.message == "The database's disk is full."


def test_a_limit_on_a_querys_files_is_no_full_disk() -> None:
    error = trouble(asyncpg.ConfigurationLimitExceededError(), out_of_time=False)
    assert isinstance(error, ResultTooLarge)


def test_an_ended_connection_is_lost() -> None:
    error = trouble(asyncpg.ConnectionDoesNotExistError(), out_of_time=False)
    assert isinstance(error, DatabaseLost)


def test_a_query_that_a_standby_ended_to_catch_up_is_one_to_be_made_again() -> None:
    for ended in (asyncpg.SerializationError(), asyncpg.DeadlockDetectedError()):
        assert isinstance(trouble(ended, out_of_time=False), DatabaseLost)
