"""Courses of numbers as lines of braille dots: two dots wide and four high in each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLANK = 0x2800
# The bit of each dot of a cell, by column and line; https://www.unicode.org/charts/PDF/U2800.pdf
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_DOTTED = 3
"""Of the series behind, one dot in so many is drawn."""
Dot = tuple[int, int]


def line_chart(
    values: Sequence[float], behind: Sequence[float], width: int, height: int, *, ceiling: float
) -> list[Content]:
    """`values` as a line before a dotted one of `behind`, in `width` × `height` cells.

    Both run from left to right over the whole width, from 0 at the bottom to `ceiling` on top.
    """
    if width <= 0 or height <= 0:
        return []
    front = set(_dots(values, width, height, ceiling))
    back = {dot for dot in _dots(behind, width, height, ceiling) if dot[0] % _DOTTED == 0}
    return [
        Content("").join(_cell(front, back, column, line) for column in range(width))
        for line in range(height)
    ]


def _dots(values: Sequence[float], width: int, height: int, ceiling: float) -> list[Dot]:
    """The dots of a line through the values, without gaps between neighbours."""
    across, up = 2 * width, 4 * height
    if len(values) < 2 or ceiling <= 0:
        return []
    drawn: list[Dot] = []
    last: int | None = None
    for x in range(across):
        position = x / (across - 1) * (len(values) - 1)
        left = min(int(position), len(values) - 2)
        value = values[left] + (values[left + 1] - values[left]) * (position - left)
        level = round(min(1.0, max(0.0, value / ceiling)) * (up - 1))
        steps = range(level, level + 1)
        if last is not None and abs(level - last) > 1:
            steps = range(last + 1, level + 1) if level > last else range(level, last)
        drawn += [(x, up - 1 - y) for y in steps]
        last = level
    return drawn


def _cell(front: set[Dot], back: set[Dot], column: int, line: int) -> Content:
    bits = {"front": 0, "back": 0}
    for x in range(2):
        for y in range(4):
            dot = (2 * column + x, 4 * line + y)
            if dot in front:
                bits["front"] |= _BITS[x][y]
            elif dot in back:
                bits["back"] |= _BITS[x][y]
    style = "$accent" if bits["front"] else "$quiet"
    character = chr(_BLANK + (bits["front"] or bits["back"]))
    return Content.styled(character, style) if any(bits.values()) else Content(" ")
