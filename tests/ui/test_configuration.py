"""What users choose: a file with theme, period, refresh and keys; what is said of a wrong one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.ui.scripted import overview_of, scripted_app, until, until_live, until_shown
from zava_tui.configuration import (
    EXAMPLE,
    Configuration,
    ConfigurationError,
    default_path,
    read_configuration,
)

LARGE = (120, 40)


def file_with(directory: Path, text: str) -> Path:
    file = directory / "config.toml"
    file.write_text(text)
    return file


def test_the_example_can_be_read(tmp_path: Path) -> None:
    choices = read_configuration(file_with(tmp_path, EXAMPLE))
    assert (choices.theme, choices.period, choices.refresh_seconds) == ("dark", "12m", 2.0)
    assert choices.keys == {"overview.editor": "e,i", "app.quit": "q"}


def test_without_a_file_there_are_no_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "zava" / "config.toml"
    assert read_configuration(None) == Configuration()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme = ", "is no TOML"),
        ("colour = 'red'", "there is no colour; known are theme, period"),
        ("theme = 'pink'", "theme must be one of dark, light, high-contrast, colour-blind"),
        ("theme = 5", "theme has a value of the wrong kind"),
        ("period = '1y'", "period must be one of 12m, 7d"),
        ("refresh_seconds = 0.01", "refresh_seconds must be from 0.5 to 60"),
        ("[keys]\n'kitchen.sink' = 'x'", "kitchen.sink is no key"),
        ("[keys]\n'app.quit' = 5", "the key of app.quit must be a text"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = file_with(tmp_path, text)
    with pytest.raises(ConfigurationError) as refusal:
        read_configuration(file)
    assert said in str(refusal.value)
    assert str(file) in str(refusal.value)


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no"):
        read_configuration(tmp_path / "nowhere.toml")


async def test_keys_are_what_was_chosen() -> None:
    app, _, _ = scripted_app(choices=Configuration(keys={"overview.editor": "ctrl+e"}))
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("e")
        editor = overview_of(pilot).query_one("#sql-editor")
        assert app.focused is not editor
        await pilot.press("ctrl+e")
        assert app.focused is editor


@pytest.mark.parametrize(
    ("name", "meant"), [("overview.edtior", "overview.editor"), ("app.qiut", "app.quit")]
)
async def test_a_key_of_nothing_is_named_with_what_was_meant(name: str, meant: str) -> None:
    app, _, _ = scripted_app(choices=Configuration(keys={name: "e"}))
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until_shown(pilot, f"Did you mean {meant}?")


async def test_a_key_of_nothing_on_another_screen_is_named_when_that_is_opened() -> None:
    app, _, _ = scripted_app(choices=Configuration(keys={"browse.srot": "f9"}))
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until_live(pilot)
        await pilot.press("2")
        await until_shown(pilot, "browse.srot")


async def test_a_chosen_key_runs_the_statement_from_within_the_editor() -> None:
    app, backend, _ = scripted_app(choices=Configuration(keys={"overview.run_query": "f9"}))
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        before = len(backend.scripted_link.scripted.statements)
        await pilot.press("e", "f9")
        await until(pilot, lambda: len(backend.scripted_link.scripted.statements) > before)


async def test_help_names_the_keys_that_were_chosen() -> None:
    app, _, _ = scripted_app(choices=Configuration(keys={"overview.editor": "ctrl+e,i"}))
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await pilot.press("f1")
        await until_shown(pilot, "Your own keys", "ctrl+e i", "(in place of e)")


async def test_the_overview_starts_with_the_chosen_period() -> None:
    app, _, _ = scripted_app(choices=Configuration(period="30d"))
    async with app.run_test(size=LARGE) as pilot:
        await until_shown(pilot, "Revenue, the last 30 days")


@pytest.mark.parametrize("theme", ["high-contrast", "colour-blind"])
async def test_every_theme_shows_everything(theme: str) -> None:
    app, _, _ = scripted_app(theme=f"zava-{theme}")
    async with app.run_test(size=LARGE) as pilot:
        await until_live(pilot)
        await until(pilot, lambda: app.theme == f"zava-{theme}")


def run_zava(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zava_tui", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_refuses_a_wrong_file(tmp_path: Path) -> None:
    refused = run_zava("--config", str(file_with(tmp_path, "theme = 'pink'")))
    assert refused.returncode == 2
    assert "theme must be one of" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_prints_what_completes_its_options(shell: str) -> None:
    printed = run_zava("--print-completion", shell).stdout
    assert "high-contrast" in printed


def test_bash_completes_a_theme() -> None:
    told = subprocess.run(
        ["bash", "-c", 'eval "$1"; COMP_WORDS=(zava --theme col); COMP_CWORD=2; _zava; '
         'echo "${COMPREPLY[@]}"', "-", run_zava("--print-completion", "bash").stdout],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "colour-blind"


def test_a_browser_of_this_machine_is_served() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "zava_tui", "--user", "seattle", "--web", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "dumb"},
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    page = answer.read().decode()
                break
            except OSError:
                assert time.monotonic() < deadline, "the page never came"
                time.sleep(0.1)
        assert "Zava" in page
    finally:
        server.terminate()
        server.wait(10)
