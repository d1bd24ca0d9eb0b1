"""Settings come from the environment and files, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.settings import load_settings


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_unknown_setting_is_refused_with_the_nearest_known_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZAVA_POOL_MAXSIZE", "3")
    with pytest.raises(ValidationError) as refused:
        load_settings()
    assert "ZAVA_POOL_MAXSIZE" in refused.value.message
    assert refused.value.hint == "Did you mean ZAVA_POOL_MAX_SIZE?"


@pytest.mark.parametrize("file", [".env", "zava.toml"])
def test_an_unknown_setting_in_a_file_is_refused_too(file: str) -> None:
    line = {".env": "ZAVA_MAX_ROWZ=5", "zava.toml": "max_rowz = 5"}[file]
    Path(file).write_text(line)
    with pytest.raises(ValidationError, match="ZAVA_MAX_ROWZ"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ZAVA_MAX_ROWS", "abc", "is no whole number. Give a whole number from 1 to 50,000."),
        ("ZAVA_MAX_ROWS", "1.5", "is no whole number. Give a whole number from 1 to 50,000."),
        ("ZAVA_MAX_ROWS", "50001", "is too large. Give a whole number from 1 to 50,000."),
        ("ZAVA_POOL_MIN_SIZE", "0", "is too small. Give a whole number from 1 on."),
        ("ZAVA_CALLS_PER_MINUTE", "-1", "is too small. Give a whole number from 0 on."),
        ("ZAVA_EMBEDDING_DIMENSIONS", "x", "is no whole number. Give a whole number from 1 on."),
        ("ZAVA_SLOW_QUERY_SECONDS", "soon", "is no number. Give a number above 0."),
        (
            "ZAVA_STATEMENT_TIMEOUT_SECONDS",
            "4000",
            "is too large. Give a number above 0, at most 3,000.",
        ),
        ("ZAVA_EMBEDDER", "magic", "is none of its values. Give one of: local, openai."),
        (
            "ZAVA_TIME_ZONE",
            "Mars/Olympus",
            "is not usable: 'Mars/Olympus' is no IANA time zone such as America/Los_Angeles. "
            "See the settings in the README.",
        ),
    ],
)
def test_a_bad_value_is_refused_by_name_with_what_it_may_be(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        load_settings()
    assert str(refused.value) == f"{name} {says}"


def test_settings_that_contradict_each_other_are_both_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZAVA_POOL_MIN_SIZE", "5")
    monkeypatch.setenv("ZAVA_POOL_MAX_SIZE", "4")
    with pytest.raises(ValidationError, match="ZAVA_POOL_MIN_SIZE is above ZAVA_POOL_MAX_SIZE"):
        load_settings()


def test_a_refused_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAVA_POOL_MAX_SIZE", "secret-value")
    with pytest.raises(ValidationError) as refused:
        load_settings()
    assert "secret-value" not in str(refused.value)


def test_flags_win_over_the_environment_and_that_over_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("zava.toml").write_text("max_rows = 1\nuser = 'toml'\nslow_query_seconds = 9")
    Path(".env").write_text("ZAVA_MAX_ROWS=2\nZAVA_USER=dotenv")
    monkeypatch.setenv("ZAVA_MAX_ROWS", "3")
    settings = load_settings(max_rows=4)
    assert (settings.max_rows, settings.user, settings.slow_query_seconds) == (4, "dotenv", 9)
    assert load_settings().max_rows == 3


def test_a_flag_that_is_not_given_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAVA_USER", "seattle")
    assert load_settings(user=None).user == "seattle"


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAVA_DATABASE_URL", "postgresql://zava_app:hunter2@db/zava")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter3")
    assert "hunter" not in repr(load_settings())


@pytest.mark.parametrize(
    "url", ["redis://:pass@host:6379/0", "rediss://host", "unix:///run/redis.sock"]
)
def test_redis_is_given_as_a_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ZAVA_REDIS_URL", url)
    given = load_settings().redis_url
    assert given is not None
    assert given.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    ["secret-host:6379", "http://secret-host", "redis://secret-host:port", "unix://", "secret"],
)
def test_what_is_no_redis_url_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ZAVA_REDIS_URL", url)
    with pytest.raises(ValidationError, match="redis://:password@host:6379/0") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


def test_answers_may_not_be_kept_for_longer_than_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAVA_CACHE_SECONDS", "86401")
    with pytest.raises(ValidationError, match="too large"):
        load_settings()
