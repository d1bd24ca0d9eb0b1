"""Numbers, durations, ages and text as people read them in a terminal. Pure functions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUS = "−"
EIGHTHS = " ▏▎▍▌▋▊▉"
TICKS = "▁▂▃▄▅▆▇█"

Tone = Literal["good", "bad", "plain", "muted", "warning"]
"""What a piece of text means; the styles turn it into a colour, the text says it in words."""


@dataclass(frozen=True, slots=True)
class Note:
    """A short text and what it means."""

    text: str
    tone: Tone


def count(value: float) -> str:
    """`1234567` as `1,234,567`; never decimals."""
    return f"{round(value):,}".replace("-", MINUS)


def money(value: float) -> str:
    """Dollars and cents: `$1,234.50`."""
    return f"{MINUS if value < 0 else ''}${abs(value):,.2f}"


def money_headline(value: float) -> str:
    """Dollars short enough for a headline: `$156.39`, `$48,230`, `$1.24M`."""
    sign, size = (MINUS, -value) if value < 0 else ("", value)
    if size < 1_000:
        return f"{sign}${size:,.2f}"
    if size < 999_999.5:
        return f"{sign}${size:,.0f}"
    if size < 999_995_000:
        return f"{sign}${size / 1e6:,.2f}M"
    return f"{sign}${size / 1e9:,.2f}B"


def milliseconds(value: float) -> str:
    """A duration given in milliseconds: `0.3 ms`, `42 ms`, `1.3 s`, `2 min 5 s`."""
    if value < 9.95:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    if value < 59_950:
        return f"{value / 1000:.1f} s"
    minutes, seconds = divmod(round(value / 1000), 60)
    return f"{minutes} min {seconds} s"


def age(seconds: float) -> str:
    """How long ago, in one unit, rounded down: `2 s`, `3 min`, `5 h`, `2 d`."""
    whole = max(0, int(seconds))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def staleness(behind_seconds: float | None) -> str:
    """What to add where an answer may be so old: ` · 3 s old`, nothing below a second."""
    if behind_seconds is None or behind_seconds < 1:
        return ""
    return f" · {age(math.ceil(behind_seconds))} old"


def time_left(seconds: float) -> str:
    """An estimate for people: `a few seconds left`, `about 20 s left`, `about 3 min left`."""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    return f"about {round(seconds / 60)} min left"


def change(current: float | None, previous: float | None) -> Note:
    """How a figure compares with the one before it: `▲ +12.4 %`, `▼ −3.1 %`, `= 0.0 %`."""
    if current is None or previous is None or previous <= 0:
        return Note("nothing to compare with", "muted")
    share = (current - previous) / previous * 100
    if abs(share) < 0.05:
        return Note("= 0.0 %", "plain")
    if share > 999:
        return Note("▲ over +999 %", "good")
    if share > 0:
        return Note(f"▲ +{share:.1f} %", "good")
    return Note(f"▼ {MINUS}{-share:.1f} %", "bad")


def change_in_count(current: int, previous: int) -> Note:
    """How a count compares with the one before it: `▲ +5`, `▼ −2`, `= same`."""
    difference = current - previous
    if difference == 0:
        return Note("= the same", "plain")
    if difference > 0:
        return Note(f"▲ +{difference:,}", "good")
    return Note(f"▼ {MINUS}{-difference:,}", "bad")


def bar(fraction: float, width: int) -> str:
    """A bar `width` cells wide, exact to an eighth of a cell: `███▌      `."""
    eighths = round(min(1.0, max(0.0, fraction)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def gauge(fraction: float, width: int) -> str:
    """A bar with its empty part visible: `███░░░░░░░`."""
    full = round(min(1.0, max(0.0, fraction)) * width)
    return "█" * full + "░" * (width - full)


def sparkline(values: Sequence[float], width: int, floor: float | None = None) -> str:
    """The course of `values`, oldest first, in at most `width` cells.

    The lowest tick stands for `floor`, or for the lowest value: it shows a shape, not a size. More
    values than cells are averaged into as many groups as there are cells.
    """
    if not values or width <= 0:
        return ""
    points = list(values)
    if len(points) > width:
        edges = [round(i * len(points) / width) for i in range(width + 1)]
        points = [sum(points[a:b]) / (b - a) for a, b in pairwise(edges)]
    low = min(points) if floor is None else floor
    span = max(points) - low
    if span <= 0:
        return TICKS[0] * len(points)
    return "".join(TICKS[round(max(0.0, v - low) / span * (len(TICKS) - 1))] for v in points)


# Besides C0, DEL and C1: marks that reorder or hide text, and lone surrogates, which no terminal
# encoding can carry. The zero-width joiner stays, since emoji need it.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_VISIBLE = {"\n": "⏎", "\r": "␍", "\t": "⇥", "\x7f": "␡"}


def visible(text: str) -> str:
    """`text` with every control character, escape and reordering mark replaced by a visible one."""
    if text.isprintable():
        return text

    def replacement(match: re.Match[str]) -> str:
        character = match.group()
        if character in _VISIBLE:
            return _VISIBLE[character]
        return chr(0x2400 + ord(character)) if character < " " else "\ufffd"

    return _UNSAFE.sub(replacement, text.replace("\r\n", "\n"))


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """`text` in exactly `width` cells, cut with `…` or padded; wide letters count twice."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - length)
    return padding + text if align == "right" else text + padding
