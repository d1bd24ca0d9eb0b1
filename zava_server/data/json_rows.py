"""Rows that arrive as lines of JSON, as cells."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# A column of these holds no JSON of the caller's.
_PLAIN_TYPES = frozenset({
    "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "uuid", "date",
    "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "vector",
})  # fmt: skip
_LONGEST_INTEGER = 1_000
# MCP clients read JSON 200 levels deep, the answer's own included, and wait for ever for the rest.
_DEEPEST = 100
_HALF_OF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_EXACT_DIGITS = 15
_TOO_MANY_DIGITS = b"0" * (_EXACT_DIGITS + 1)
_AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
# Lines are parsed together, which takes a third of the time, for a copy of so many characters.
_CHARACTERS_AT_ONCE = 256 * 1024


class _LongNumber(str):
    """A number with more digits than JSON readers keep."""

    __slots__ = ()


def row_decoder(types: Sequence[str]) -> Callable[[Iterable[str]], Iterator[list[Any]]]:
    """What turns lines of `row_to_json` into rows, by PostgreSQL's short names of their types.

    Only `numeric` holds more digits than a JSON number keeps, and becomes a string then. A caller's
    JSON may hold what no other type does: numbers beyond all floats, halves of surrogate pairs.
    The rows raise RecursionError where one is nested too deeply.
    """
    exact = [name.startswith("numeric") for name in types]
    is_plain = all(name in _PLAIN_TYPES or name == "numeric" for name in types)

    def finished(line: str, row: list[Any]) -> list[Any]:
        if any(exact):
            row = [
                cell if is_exact else _as_numbers(cell)
                for cell, is_exact in zip(row, exact, strict=True)
            ]
        if is_plain:
            return row
        if _HALF_OF_A_PAIR.search(line):
            row = _whole_characters(row)
        if line.count("[") + line.count("{") > _DEEPEST and _is_deeper(row, _DEEPEST):
            raise RecursionError
        return row

    def rows(lines: Iterable[str]) -> Iterator[list[Any]]:
        for together in _batches(lines):
            text = f"[{','.join(together)}]"
            if is_plain and not (any(exact) and _may_hold_long(text)):
                yield from (list(cells.values()) for cells in from_json(text))
                continue
            parsed = (_EXACT if any(exact) else _FINITE).decode(text)
            for line, cells in zip(together, parsed, strict=True):
                yield finished(line, list(cells.values()))

    return rows


def _batches(lines: Iterable[str]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    characters = 0
    for line in lines:
        batch.append(line)
        characters += len(line)
        if characters >= _CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _may_hold_long(text: str) -> bool:
    """Whether so many digits follow each other anywhere, points apart."""
    return _TOO_MANY_DIGITS in text.encode().translate(_AS_ZEROS, b".")


def _parse_exact(text: str) -> float | str:
    if len(text) > _EXACT_DIGITS + 1:
        digits = text.lower().partition("e")[0].lstrip("-0.").replace(".", "")
        if len(digits) > _EXACT_DIGITS:
            return _LongNumber(text)
    return _parse_float(text)


def _parse_exact_int(text: str) -> int | str:
    return int(text) if len(text.lstrip("-")) <= _EXACT_DIGITS else _LongNumber(text)


def _parse_float(text: str) -> float | str:
    """The number, or its text where a float would be infinite."""
    number = float(text)
    return number if math.isfinite(number) else text


def _parse_int(text: str) -> int | str:
    """The number, or its text where Python reads no more digits."""
    return int(text) if len(text) <= _LONGEST_INTEGER else text


_EXACT = json.JSONDecoder(parse_float=_parse_exact, parse_int=_parse_exact_int)
_FINITE = json.JSONDecoder(parse_float=_parse_float, parse_int=_parse_int)


def _as_numbers(value: Any) -> Any:
    if isinstance(value, _LongNumber):
        text = str(value)
        return _parse_float(text) if any(c in text for c in ".eE") else _parse_int(text)
    if isinstance(value, list):
        return [_as_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_numbers(item) for name, item in value.items()}
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether more than so many lists and objects stand inside each other."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in value)


def _whole_characters(value: Any) -> Any:
    """The value with a replacement character for each half of a pair, which UTF-8 cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(name): _whole_characters(v) for name, v in value.items()}
    return value
