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
    ("name", "value"),
    [
        ("ZAVA_MAX_ROWS", "many"),
        ("ZAVA_MAX_ROWS", "50001"),
        ("ZAVA_POOL_MIN_SIZE", "0"),
        ("ZAVA_TIME_ZONE", "Mars/Olympus"),
        ("ZAVA_EMBEDDER", "magic"),
    ],
)
def test_a_bad_value_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name):
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
