"""Runs a caller's statement and brings its rows back, rendered by the database and bounded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from zava_server.data.chunks import Chunks
from zava_server.data.json_rows import row_decoder
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
        self._decoded = row_decoder([column.type for column in columns])
        self._shared = SharedCells()
        self._budget = ResultBudget(max_bytes)

    def is_full_after(self, chunk: Sequence[Sequence[str | None]]) -> bool:
        """Whether some of these did not fit any more. Raises ResultTooLarge, RecursionError."""
        lines = self._admitted(chunk)
        self._rows.extend(map(self._shared.row, self._decoded(lines)))
        return len(lines) < len(chunk)

    def _admitted(self, chunk: Sequence[Sequence[str | None]]) -> Sequence[str]:
        lines: list[str] = []
        for (line,) in chunk:
            if line == _ROW_TOO_LARGE:
                raise _row_too_large(self._max_bytes)
            taken = len(self._rows) + len(lines)
            if line is None or taken == self._max_rows:
                break
            if not self._budget.admits(line):
                if not taken:
                    raise _row_too_large(self._max_bytes)
                break
            lines.append(line)
        return lines


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
