"""Someone leans on the keyboard: whatever keys come, the app goes on and nothing fails.

TEST_SOAK_SECONDS makes it longer, TEST_SOAK_SEED another one.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.ui.scripted import scripted_app, until_live
from zava_tui.app import ZavaApp
from zava_tui.messages import WorkFailed

SECONDS = float(os.environ.get("TEST_SOAK_SECONDS", "15"))
SEED = int(os.environ.get("TEST_SOAK_SEED", "1"))
KEYS = (
    *"123456abcdefghijklmnoprstuvwxyzGTY0$?/[]",
    "up", "down", "left", "right", "home", "end", "pageup", "pagedown", "enter", "escape", "tab",
    "shift+tab", "backspace", "space", "f1", "f5", "f8", "ctrl+a", "ctrl+o", "ctrl+p", "ctrl+r",
    "ctrl+s", "ctrl+t", "ctrl+w", "ctrl+y", "ctrl+pagedown", "ctrl+pageup", "ctrl+enter",
)  # fmt: skip
SIZES = ((120, 40), (80, 24), (200, 60), (40, 10))


@pytest.mark.timeout(SECONDS * 4 + 60)
async def test_no_keys_bring_it_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    dice = random.Random(SEED)
    failures: list[BaseException] = []

    def note(_: ZavaApp, message: WorkFailed) -> None:
        failures.append(message.error)

    monkeypatch.setattr(ZavaApp, "on_work_failed", note)
    app, _, _ = scripted_app()
    pressed: list[str] = []
    async with app.run_test(size=SIZES[0]) as pilot:
        await until_live(pilot)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            keys = dice.choices(KEYS, k=dice.randint(1, 12))
            pressed += keys
            await _press(pilot, keys)
            if dice.random() < 0.05:
                await pilot.resize_terminal(*dice.choice(SIZES))
            assert not failures, f"{failures[0]!r} after {pressed[-60:]}"
            assert app.is_running, f"it ended after {pressed[-60:]}"
    assert len(pressed) > SECONDS


async def _press(pilot: Any, keys: list[str]) -> None:
    names = {"$": "dollar_sign", "?": "question_mark", "/": "slash"}
    names |= {"[": "left_square_bracket", "]": "right_square_bracket"}
    await pilot.press(*(names.get(key, key) for key in keys))
