"""Cursors: where a page ended, as a text that only makes sense to the same question.

A cursor holds values of the last row read, no secret and no right: the database decides again, for
each page, which rows the caller may see. Its digests find mistakes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_server.data.browsable import Kind
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zava_server.data.browsing import Position

_VERSION = 1
_LONGEST = 16_384
_DIGEST_BYTES = 8

_READ: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.CENTS: int,
    Kind.MONEY: Decimal,
    Kind.TIME: datetime.fromisoformat,
    Kind.ID: UUID,
    Kind.YES_NO: bool,
}


def write_cursor(question: Sequence[Any], position: Position) -> str:
    """The cursor of a position within the answer to `question` (plain values that identify it)."""
    values = [value if value is None else str(value) for value in position]
    body = json.dumps([_VERSION, _digest(question), values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_checksum(body) + body).decode().rstrip("=")


def read_cursor(cursor: str, question: Sequence[Any], kinds: Sequence[Kind]) -> Position:
    """The position in a cursor that `write_cursor` made for the same question.

    `kinds` are those of the position's values. Raises ValidationError for any other text.
    """
    try:
        if len(cursor) > _LONGEST:
            raise ValueError
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        checksum, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if checksum != _checksum(body):
            raise ValueError
        version, digest, values = json.loads(body)
        if version == _VERSION and digest != _digest(question):
            raise ValidationError(
                "This cursor belongs to another table, sort or set of filters.",
                "Send it with the arguments of the page that gave it, or start without a cursor.",
            )
        if version != _VERSION:
            raise ValueError
        return tuple(
            value if value is None else _READ[kind](value)
            for kind, value in zip(kinds, values, strict=True)
        )
    except (ValueError, TypeError, ArithmeticError, RecursionError, binascii.Error):
        raise ValidationError(
            "The cursor is not one that this server gave.",
            "Copy next_cursor whole, or start without a cursor.",
        ) from None


def _digest(question: Sequence[Any]) -> str:
    text = json.dumps(question, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[: 2 * _DIGEST_BYTES]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"zava cursor" + body).digest()[:_DIGEST_BYTES]
