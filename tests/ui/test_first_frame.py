"""What is drawn before Textual is there is what Textual draws."""

from __future__ import annotations

import pytest

from tests.ui.scripted import scripted_app, text_of
from zava_tui.colours import COLOURS, DARK_COLOURS
from zava_tui.first_frame import first_frame
from zava_tui.link_states import Starting
from zava_tui.themes import SHORT_NAMES

SIZES = [(120, 40), (80, 24), (200, 60), (40, 10), (133, 47), (101, 33), (99, 31), (63, 19)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_it_is_the_apps_own_first_frame_but_for_the_keys(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _, _ = scripted_app(Starting())
    monkeypatch.setattr(app, "_begin", lambda: None)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        drawn, foreseen = text_of(pilot).splitlines(), first_frame(*size).lines()
    assert foreseen[:-1] == drawn[:-1]
    assert foreseen[-1].strip() == ""


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (20, 5), (500, 200)])
def test_no_window_is_too_small_or_too_large(size: tuple[int, int]) -> None:
    lines = first_frame(*size).lines()
    assert [len(line) for line in lines] == [size[0]] * size[1]


@pytest.mark.parametrize("direct", [True, False])
def test_it_draws_every_cell_and_never_a_new_line(direct: bool) -> None:
    escapes = first_frame(80, 24).escapes(DARK_COLOURS, direct=direct)
    assert "\n" not in escapes
    assert escapes.count("╭") == 4
    assert ("48;2;16;21;27" in escapes) == direct


def test_every_theme_has_its_colours() -> None:
    assert set(COLOURS) == set(SHORT_NAMES)
