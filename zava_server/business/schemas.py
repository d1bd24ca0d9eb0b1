"""Tells callers what tables there are."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from zava_server.business.kept_answers import KeptAnswers
from zava_server.data.schemas import TableSchema
from zava_server.infrastructure.cache.changes import TOPICS
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.identity import Identity
    from zava_server.data.schemas import Schemas
    from zava_server.infrastructure.cache.cache import Cache

_MOST_TABLES = 20


class SchemaService:
    """Schemas of the tables a caller may read."""

    def __init__(self, schemas: Schemas, cache: Cache | None = None) -> None:
        self._schemas = schemas
        # Samples are of any table.
        self._kept = KeptAnswers(cache, "schemas", list[TableSchema], *TOPICS)

    async def describe(self, identity: Identity, names: Sequence[str]) -> Sequence[TableSchema]:
        """These tables, or all of them when no name is given; `retail.` may be left out.

        Raises ValidationError for a table that does not exist or that the caller may not read.
        """
        return await self._kept.get(identity, tuple(names), lambda: self._computed(identity, names))

    async def names(self, identity: Identity) -> Sequence[str]:
        """The names of the tables the caller may read."""
        return await self._schemas.readable(identity)

    async def _computed(self, identity: Identity, names: Sequence[str]) -> list[TableSchema]:
        readable = await self._schemas.readable(identity)
        if len(names) > _MOST_TABLES:
            raise ValidationError(f"At most {_MOST_TABLES} tables at once.")
        wanted = [name.strip().lower().removeprefix("retail.") for name in names] or readable
        for name in wanted:
            if name not in readable:
                near = difflib.get_close_matches(name, readable, n=1)
                known = ", ".join(readable)
                raise ValidationError(
                    "One of the tables does not exist or is not for you.",
                    f"Did you mean {near[0]}?" if near else f"There are: {known}.",
                )
        return list(await self._schemas.describe(identity, list(dict.fromkeys(wanted))))
