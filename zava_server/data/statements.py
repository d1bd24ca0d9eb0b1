"""Runs a caller's statement and brings its rows back, rendered by the database and bounded."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from zava_server.data.chunks import Chunks
from zava_server.data.result_budget import ResultBudget, SharedCells
from zava_server.data.trouble import trouble
from zava_server.infrastructure.errors import (
    AuthorizationError,
    DatabaseError,
    QueryRejected,
    ResultTooLarge,
    ZavaError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg.pool import PoolConnectionProxy

_ROWS_A_FETCH = 500
_EXACT_DIGITS = 15
# Messages quote values, and those can be as long as a value may be.
_LONGEST_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """A result column; `type` is PostgreSQL's short name, such as `int4` or `text[]`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain JSON values; `truncated` when there were more rows or bytes than allowed.

    `encode_ms` is how long turning what arrived into cells took.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    truncated: bool
    encode_ms: float = 0.0


async def run_statement(
    connection: PoolConnectionProxy, sql: str, *, max_rows: int, max_bytes: int
) -> Table:
    """The rows of one statement, at most `max_rows` and `max_bytes` of JSON.

    The database turns each row into JSON text: every type then has a rendering, including values
    that Python's types cannot hold, and what is over the limit is dropped before it travels.
    Raises the hierarchy's errors for whatever the statement does wrong, and the driver's for what
    is not the statement's fault.
    """
    try:
        described = await connection.prepare(sql, name="")
        columns = [Column(a.name, a.type.name) for a in described.get_attributes()]
        rendered = await connection.prepare(_rendering(sql, len(columns), max_rows + 1), name="")
        rows: list[Sequence[Any]] = []
        intake = _Intake(columns, rows, max_rows, max_bytes)
        chunks = Chunks(rendered, max_bytes)
        encode, more = 0.0, False
        while not more and (chunk := await chunks.next(_ROWS_A_FETCH)):
            started = time.perf_counter()
            more = intake.is_full_after(chunk)
            encode += time.perf_counter() - started
        return Table(columns, rows, truncated=more, encode_ms=encode * 1000)
    except asyncpg.PostgresError as error:
        if trouble(error, out_of_time=False) is not None:
            raise
        raise explained(error, sql) from error
    except RecursionError:
        raise ResultTooLarge(
            "A JSON value in the result is nested too deeply.", "Select the part you need."
        ) from None


_ROW_TOO_LARGE = ""


class _Intake:
    """Takes lines of JSON in as rows until there are as many as there may be."""

    def __init__(
        self, columns: Sequence[Column], rows: list[Sequence[Any]], max_rows: int, max_bytes: int
    ) -> None:
        self._rows = rows
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._decode = _decoder(columns)
        self._shared = SharedCells()
        self._budget = ResultBudget(max_bytes)

    def is_full_after(self, chunk: Sequence[Sequence[str | None]]) -> bool:
        """Whether some of these did not fit any more. Raises ResultTooLarge, RecursionError."""
        rows, decode, shared = self._rows, self._decode, self._shared
        for (line,) in chunk:
            if line == _ROW_TOO_LARGE:
                raise _row_too_large(self._max_bytes)
            if line is None or len(rows) == self._max_rows:
                return True
            if not self._budget.admits(line):
                if not rows:
                    raise _row_too_large(self._max_bytes)
                return True
            rows.append(shared.row(decode(line)))
        return False


def _rendering(sql: str, columns: int, limit: int) -> str:
    # The running sum lets no more than $1 bytes travel in all: rows beyond come as NULL. It costs
    # nothing to measure, while fetching fewer rows at a time costs a round trip each.
    # OFFSET 0 keeps the planner from rendering each row twice. The line break ends a trailing
    # comment of the caller's.
    names = ", ".join(f"c{number}" for number in range(columns))
    alias = f"q ({names})" if names else "q"
    return f"""
        SELECT CASE
            WHEN octet_length(r.line) > $1 THEN '{_ROW_TOO_LARGE}'
            WHEN sum(octet_length(r.line)) OVER (ROWS UNBOUNDED PRECEDING) <= $1 THEN r.line
        END
        FROM (
            SELECT row_to_json(q)::text AS line FROM (
{sql}
            ) AS {alias} LIMIT {limit} OFFSET 0
        ) AS r"""  # noqa: S608 - the caller's statement is the point


# A column of these holds no JSON of the caller's.
_PLAIN_TYPES = frozenset({
    "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "uuid", "date",
    "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "vector",
})  # fmt: skip
_LONGEST_INTEGER = 1_000
# MCP clients read JSON 200 levels deep, the answer's own included, and wait for ever for the rest.
_DEEPEST = 100
_HALF_OF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


class _LongNumber(str):
    """A number with more digits than JSON readers keep."""

    __slots__ = ()


def _parse_exact(text: str) -> float | _LongNumber:
    digits = text.lower().partition("e")[0].lstrip("-0.").replace(".", "")
    return _parse_float(text) if len(digits) <= _EXACT_DIGITS else _LongNumber(text)


def _parse_exact_int(text: str) -> int | _LongNumber:
    return int(text) if len(text.lstrip("-")) <= _EXACT_DIGITS else _LongNumber(text)


def _parse_float(text: str) -> Any:
    """The number, or its text where a float would be infinite."""
    number = float(text)
    return number if math.isfinite(number) else text


def _parse_int(text: str) -> Any:
    """The number, or its text where Python reads no more digits."""
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _decoder(columns: Sequence[Column]) -> Any:
    """Turns a line of `row_to_json` into a row.

    Only `numeric` holds more digits than a JSON number keeps, and becomes a string then. A caller's
    JSON may hold what no other type does: numbers beyond all floats, halves of surrogate pairs.
    """
    if all(column.type in _PLAIN_TYPES for column in columns):
        return lambda line: list(json.loads(line).values())
    numeric = [column.type.startswith("numeric") for column in columns]

    def decode(line: str) -> list[Any]:
        if any(numeric):
            cells = json.loads(line, parse_float=_parse_exact, parse_int=_parse_exact_int).values()
            row = [
                cell if exact else _as_numbers(cell)
                for cell, exact in zip(cells, numeric, strict=True)
            ]
        else:
            row = list(json.loads(line, parse_float=_parse_float, parse_int=_parse_int).values())
        if _HALF_OF_A_PAIR.search(line):
            row = _whole_characters(row)
        if line.count("[") + line.count("{") > _DEEPEST and _is_deeper(row, _DEEPEST):
            raise RecursionError
        return row

    return decode


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


def _row_too_large(max_bytes: int) -> ResultTooLarge:
    return ResultTooLarge(
        f"A row of the result is larger than {max_bytes:,} bytes or has too many elements.",
        "Select fewer or shorter columns, and rows instead of arrays.",
    )


def explained(error: asyncpg.PostgresError, sql: str) -> ZavaError:
    """What the database says about the caller's `sql`, with the place in it."""
    message = _shortened(str(error.args[0] if error.args else ""))
    match error:
        case asyncpg.ReadOnlySQLTransactionError():
            return QueryRejected("Nothing can be written through this server.", "Send a SELECT.")
        case asyncpg.InsufficientPrivilegeError():
            return AuthorizationError(f"You may not do this: {message}.")
    where = _position(error, sql)
    hint = _shortened(str(getattr(error, "hint", None) or ""))
    if not hint and isinstance(error, asyncpg.UndefinedColumnError):
        hint = "The schema of the table names its columns"
    return DatabaseError(f"{message}{where}.", f"{hint}." if hint else None)


def _shortened(text: str) -> str:
    text = text.rstrip(".")
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _position(error: asyncpg.PostgresError, sql: str) -> str:
    position = getattr(error, "position", None)
    if position is None:
        return ""
    before = sql[: int(position) - 1]
    line = before.count("\n") + 1
    return f" (line {line}, column {len(before) - before.rfind(chr(10))})"
