"""The overview's frame, drawn before Textual is imported, which takes most of the start.

It is the picture that Textual's own first frame repeats cell by cell, but for the keys in the last
line: those appear when they work.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from zava_tui.layout import CARDS, PANELS, ROW_SHARES, TABS, Layout, tabs_hint
from zava_tui.modes import MODES, MODES_GAP, NAME_ROOM, mode_labels, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTER = "\x1b[?1049h\x1b[?25l"
"""The screen that the app will draw on, without a cursor. Textual enters it too, which changes
nothing, and leaves it once."""
LEAVE = "\x1b[?25h\x1b[?1049l"
STARTING = "◌ starting"
CONNECTING = "◌ connecting"


class Canvas:
    """Cells with a character and a colour each, all of one background."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._text = [[" "] * width for _ in range(height)]
        self._ink = [["foreground"] * width for _ in range(height)]

    def write(self, x: int, y: int, text: str, ink: str) -> None:
        """Put `text` into a line, as far as it lies on the canvas."""
        if 0 <= y < len(self._text):
            for column, character in enumerate(text, start=x):
                if 0 <= column < self._width:
                    self._text[y][column] = character
                    self._ink[y][column] = ink

    def box(self, x: int, y: int, width: int, height: int) -> None:
        """A thin border."""
        for line in range(y + 1, y + height - 1):
            self.write(x, line, "│", "rule")
            self.write(x + width - 1, line, "│", "rule")
        self.write(x, y + height - 1, f"╰{'─' * (width - 2)}╯", "rule")
        self.write(x, y, f"╭{'─' * (width - 2)}╮", "rule")

    def lines(self) -> list[str]:
        """The text alone."""
        return ["".join(line) for line in self._text]

    def escapes(self, colours: Mapping[str, str], *, direct: bool) -> str:
        """What draws it on a terminal; `direct` where that knows more than 256 colours."""
        drawn = []
        for number, (text, inks) in enumerate(zip(self._text, self._ink, strict=True), start=1):
            drawn.append(f"\x1b[{number};1H\x1b[{_sgr(48, colours['background'], direct)}m")
            last = None
            for character, ink in zip(text, inks, strict=True):
                if ink != last:
                    weight = 1 if ink == "primary" else 22
                    drawn.append(f"\x1b[{weight};{_sgr(38, colours[ink], direct)}m")
                    last = ink
                drawn.append(character)
        return "".join(drawn) + "\x1b[0m\x1b[H"


def first_frame(width: int, height: int) -> Canvas:
    """The frame of everything, as long as nothing is known."""
    canvas = Canvas(width, height)
    layout = Layout.of(width, height)
    canvas.write(1, 0, "Zava", "primary")
    _first_line(canvas, width)
    top = 1
    for left, right, name in _shared(width, layout.cards):
        if not layout.low:
            canvas.box(left, top, right - left, layout.strip_height)
            canvas.write(left + 2, top, f" {CARDS[name]} ", "quiet")
        inset = (1, 0) if layout.low else (2, 1)
        canvas.write(left + inset[0], top + inset[1], "…", "quiet")
    top += layout.strip_height
    if layout.tabs:
        canvas.write(1, top, _tabs(width - 2), "quiet")
        first = next(iter(PANELS))
        canvas.write(1, top, f"▸ {TABS[first]}"[: max(0, width - 2)], "primary")
        _panel(canvas, 0, top + 1, width, height - top - 2, PANELS[first])
    else:
        for (upper, lower), names in zip(_lines(top, height - 1), layout.rows, strict=True):
            for left, right, name in _shared(width, names):
                _panel(canvas, left, upper, right - left, lower - upper, PANELS[name])
    return canvas


def _first_line(canvas: Canvas, width: int) -> None:
    state = max(6, width - 1 - len(STARTING))
    canvas.write(state, 0, STARTING, "quiet")
    current = next(iter(MODES))
    labels = mode_labels(current, width - 2 - len(STARTING) - MODES_GAP - NAME_ROOM)
    x = state - MODES_GAP - width_of(labels)
    for name, label in labels:
        canvas.write(x, 0, label, "primary" if name == current else "quiet")
        x += len(label) + 2


def _panel(canvas: Canvas, x: int, y: int, width: int, height: int, title: str) -> None:
    if height < 1:
        return
    canvas.box(x, y, width, height)
    room = width - 6
    if len(title) + len(CONNECTING) + 3 <= room:
        canvas.write(x + width - 3 - len(CONNECTING) - 1, y, f" {CONNECTING} ", "quiet")
    canvas.write(x + 2, y, f" {title} ", "foreground")


def _tabs(width: int) -> str:
    line = " ".join(f"  {title}" for title in TABS.values())
    return (line + tabs_hint(width - len(line)))[: max(0, width)]


def _lines(top: int, bottom: int) -> list[tuple[int, int]]:
    """Where each row of panels begins and ends, as Textual shares lines out by fractions."""
    shares = accumulate(ROW_SHARES, initial=0)
    return list(pairwise(top + (bottom - top) * share // sum(ROW_SHARES) for share in shares))


def _shared(width: int, names: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Left and right edge of each of equal parts."""
    edges = [width * number // len(names) for number in range(len(names) + 1)]
    return list(zip(edges, edges[1:], names, strict=False))


def _sgr(kind: int, colour: str, direct: bool) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    if direct:
        return f"{kind};2;{red};{green};{blue}"
    cube = [round(part / 255 * 5) for part in (red, green, blue)]
    return f"{kind};5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2]}"
