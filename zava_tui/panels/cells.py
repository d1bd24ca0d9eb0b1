"""How a cell of a result is written: plain, aligned, and never as anything but data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zava_tui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zava_tui.answers import Column

NULL = "∅"
EMPTY = '""'
MOST_DECIMALS = 4
WIDEST, NARROWEST, COMFORTABLE = 60, 16, 32
"""Cells of a column of text: where there is room, where that makes all columns fit, and else."""
INTEGERS = {"int2", "int4", "int8"}
FRACTIONS = {"numeric", "float4", "float8", "money"}
NAME_OF_A_LABEL = re.compile(
    r"(^|_)(id|year|yr|month|week|day|hour|no|code|zip|phone|sku)$", re.IGNORECASE
)
"""Numbers in columns of these names identify or date something: separators would harm."""
TIMESTAMP = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?$")


@dataclass(frozen=True, slots=True)
class CellFormat:
    """How the cells of one column are written.

    `decimals` is None for numbers written as they came.
    """

    numeric: bool = False
    separated: bool = False
    decimals: int | None = None
    temporal: bool = False


def cell_format(column: Column, values: Iterable[Any]) -> CellFormat:
    """The format of a column with these values: as many decimals as its most precise one, ≤ 4."""
    if column.type in INTEGERS:
        return CellFormat(numeric=True, separated=not NAME_OF_A_LABEL.search(column.name))
    if column.type in FRACTIONS:
        digits = max((_decimals(value) for value in values), default=0)
        # A lone decimal is a price without its last nought far more often than a tenth.
        return CellFormat(True, True, min(MOST_DECIMALS, 2 if digits == 1 else digits))
    return CellFormat(temporal=column.type in {"timestamp", "timestamptz"})


def _decimals(value: Any) -> int:
    """The decimals that a JSON number is written with."""
    if isinstance(value, float) and value != int(value):
        return len(repr(value).partition(".")[2].partition("e")[0])
    return 0


def column_widths(wanted: Sequence[int], shrinks: Sequence[bool], room: int) -> list[int]:
    """Widths that share `room` cells: the widest columns that may shrink give way first.

    Where even the narrowest do not fit, they need not be narrow: the rest is for scrolling.
    """

    def limited(limit: int) -> list[int]:
        pairs = zip(wanted, shrinks, strict=True)
        return [min(width, limit) if may else width for width, may in pairs]

    for limit in range(WIDEST, NARROWEST - 1, -1):
        widths = limited(limit)
        if sum(widths) <= room:
            return widths
    return limited(COMFORTABLE)


def cell_text(value: Any, how: CellFormat) -> str:
    """A cell's text, on one line, every control character made visible."""
    if value is None:
        return NULL
    if value == "" and isinstance(value, str):
        return EMPTY
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value, how)
    if isinstance(value, str):
        if how.temporal and (match := TIMESTAMP.match(value)):
            day, minute, second, _, zone = match.groups()
            zone = "" if zone is None else "Z" if zone in {"Z", "+00:00"} else f" {zone}"
            return f"{day} {minute}{'' if second in {None, ':00'} else second}{zone}"
        return fmt.visible(value)
    return fmt.visible(json.dumps(value, ensure_ascii=False))


def _number(value: float, how: CellFormat) -> str:
    if not how.separated:
        text = str(value)
    elif how.decimals is None:
        text = f"{value:,}"
    else:
        text = f"{value:,.{how.decimals}f}"
    return text.replace("-", fmt.MINUS, 1) if text.startswith("-") else text
