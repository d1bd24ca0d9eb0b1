"""From a caller's text to PostgreSQL's own parse tree, without letting either be attacked.

The tree comes as JSON rather than protobuf: protobuf stops at a depth of 100, which 48 summed terms
reach, and packing deep trees takes it half a second; JSON goes deeper and is three times as fast.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from postgast.errors import PgQueryError, check_error
from postgast.native import lib

from zava_server.data.guard.rejection import printable, rejected
from zava_server.infrastructure.errors import QueryRejected

if TYPE_CHECKING:
    from zava_server.data.guard.policy import Limits

_OPERATOR_CHARACTERS = b"-+*/<>=~!@#%^&|`?:["
_LONGEST_MESSAGE = 200


def parse_one(sql: str, limits: Limits) -> tuple[bytes, dict[str, Any]]:
    """The one statement of `sql` as bytes without its semicolon, and its parse tree.

    The tree is `{node: fields}`. Raises QueryRejected for anything that is not exactly one
    statement, or that it would be dangerous to parse.
    """
    text = encode(sql, limits)
    statements = _parse(text, limits)
    if not statements:
        raise QueryRejected("There is no statement.", "Send a SELECT, VALUES or TABLE.")
    if len(statements) > 1:
        raise rejected(
            text,
            statements[1].get("stmt_location", 0) + 1,
            "There is a second statement",
            "Send one statement a call.",
        )
    statement = statements[0]
    start, length = statement.get("stmt_location", 0), statement.get("stmt_len", 0)
    if length:
        text = text[: start + length]
    before = text[:start]
    if b";" in before:
        # Blanks for the empty statements of `;;SELECT 1`: positions stay what the caller counts.
        before = re.sub(rb"[^\n]", b" ", before)
    return before + text[start:], statement["stmt"]


def encode(sql: str, limits: Limits) -> bytes:
    """The text as UTF-8, when it is safe to hand to the parser."""
    if len(sql) > limits.text_bytes:
        raise _too_long(limits)
    try:
        text = sql.encode("utf-8")
    except UnicodeEncodeError as error:
        raise QueryRejected(
            f"Character {error.start + 1} is half of a surrogate pair.", "Send valid Unicode."
        ) from None
    if len(text) > limits.text_bytes:
        raise _too_long(limits)
    if b"\0" in text:
        raise rejected(text, text.index(b"\0"), "There is a NUL character", "Leave it out.")
    # PostgreSQL's lexer reads a run of operator characters again for each operator or comment in
    # it: 64 KiB of them take it four seconds, in which nothing can stop it.
    run = re.search(rb"[-+*/<>=~!@#%%^&|`?]{%d}" % (limits.operator_run + 1), text)
    if run:
        raise rejected(
            text,
            run.start(),
            f"More than {limits.operator_run} operator or comment characters stand in a row",
            "Put spaces between them.",
        )
    without = text.translate(None, _OPERATOR_CHARACTERS)
    if len(text) - len(without) > limits.operator_characters:
        raise QueryRejected(
            f"There are more than {limits.operator_characters:,} operator characters.",
            "Split the statement.",
        )
    return text


def _parse(text: bytes, limits: Limits) -> list[dict[str, Any]]:
    result = lib.pg_query_parse(text)
    try:
        check_error(result)
        tree: bytes = result.parse_tree
    except PgQueryError as error:
        raise _syntax_error(error, text) from None
    except UnicodeDecodeError:
        # The message quotes the text around the error, cut in the middle of a character.
        raise QueryRejected("The statement is not valid SQL.", "Check its quotes.") from None
    finally:
        lib.pg_query_free_parse_result(result)
    if len(tree) > limits.tree_bytes:
        raise QueryRejected("The statement has too many parts.", "Split the statement.")
    try:
        parsed: dict[str, Any] = json.loads(tree)
    except RecursionError:
        raise too_deep() from None
    statements: list[dict[str, Any]] = parsed["stmts"]
    return statements


def too_deep() -> QueryRejected:
    """For a statement whose constructs stand too deep inside each other."""
    return QueryRejected(
        "The statement is nested too deeply.",
        "Use sum() or IN instead of a long chain of operators, and CTEs instead of nesting.",
    )


def _too_long(limits: Limits) -> QueryRejected:
    return QueryRejected(
        f"The statement is longer than {limits.text_bytes // 1024} KiB.",
        "Filter with a sub-query instead of a list of values.",
    )


def _syntax_error(error: PgQueryError, text: bytes) -> QueryRejected:
    if error.message.startswith("memory exhausted"):
        return too_deep()
    message = printable(error.message, _LONGEST_MESSAGE)
    # Counts characters, whatever postgast says.
    at = len(text.decode()[: error.cursorpos - 1].encode()) if error.cursorpos > 0 else None
    return rejected(text, at, f"{message[:1].upper()}{message[1:]}", "Check the SQL there.")
