"""What may be shown of a statement: its text without literals and comments, and its fingerprint."""

from __future__ import annotations

import postgast
from postgast import pg_query_pb2

_COMMENTS = frozenset({pg_query_pb2.SQL_COMMENT, pg_query_pb2.C_COMMENT})


def fingerprint_of(sql: str) -> str:
    """The same for statements that differ in literals, parameters, comments and spaces only.

    Raises postgast.PgQueryError for what is no SQL.
    """
    return postgast.fingerprint(sql).hex


def without_literals(sql: str) -> str:
    """The statement with `$1`, `$2` in the place of its literals, and without comments.

    Raises postgast.PgQueryError for what is no SQL.
    """
    normalized = postgast.normalize(sql)
    # A comment says whatever its writer wrote, a commented-out condition on an address for one.
    return _uncommented(normalized) if "--" in normalized or "/*" in normalized else normalized


def _uncommented(sql: str) -> str:
    text, kept, at = sql.encode(), [], 0
    for token in postgast.scan(sql).tokens:
        if token.token in _COMMENTS:
            kept.append(text[at : token.start])
            at = token.end
    kept.append(text[at:])
    return b"".join(kept).decode().strip()
