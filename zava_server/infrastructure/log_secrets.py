"""What must not stand in a log: addresses, keys, and the words of errors, which quote values."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import EventDict

_MOST_CAUSES = 10
# A column, table, function, object that is not there, a right that is missing: PostgreSQL names it.
_NAMES_ONLY = frozenset({"42703", "42P01", "42883", "42704", "42501"})
_SECRETS = (
    # postgresql://user:password@host, up to the last @ of a word
    (re.compile(r"(\w+://)\S*@"), r"\1…@"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "…@…"),
    # A signed identity or a digest; an issued token; a key of an embeddings endpoint.
    (re.compile(r"\b[0-9a-f]{64}\b"), "…"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "…"),
    (re.compile(r"\bsk-[\w-]{8,}"), "…"),
    (re.compile(r"(?i)\b(bearer|password|api[_-]?key)(\s*[ =:]\s*)[^\s,;]+"), r"\1\2…"),
)


def without_secrets(_: object, __: str, event: EventDict) -> EventDict:
    """The same event with what looks like an address or a key left out."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _masked(value)
    # asyncio quotes the error of a task that nobody waited for.
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def error_places(error: BaseException) -> list[str]:
    """An error and its causes, the last one first: class, SQLSTATE and places.

    Without its words, unless PostgreSQL only names what is missing: values can be quoted in them.
    """
    places: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(places) < _MOST_CAUSES:
        state = getattr(cause, "sqlstate", None)
        frames = traceback.extract_tb(cause.__traceback__)
        where = " < ".join(f"{f.filename}:{f.lineno} {f.name}" for f in reversed(frames))
        words = f": {_masked(str(cause))}" if state in _NAMES_ONLY else ""
        kind = type(cause).__qualname__
        places.append(f"{kind}{f' {state}' if state else ''} at {where}{words}")
        cause = cause.__cause__ or cause.__context__
    return places


def _masked(text: str) -> str:
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text
