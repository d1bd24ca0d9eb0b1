"""Rows of a prepared statement in chunks, with its portal closed by name.

asyncpg's own cursor leaves the portal to the end of the transaction. Ours ends with a rollback, and
what a rollback ends is missing in pg_stat_statements. In exchange the first chunk comes with the
binding, so that it takes no more round trips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncpg.cursor import BaseCursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg.prepared_stmt import PreparedStatement


class Chunks:
    """What a prepared statement gives for `arguments`, inside a transaction."""

    def __init__(self, prepared: PreparedStatement[Any], *arguments: object) -> None:
        of: Any = prepared
        state = of._state
        # The stubs hide what cursors are made of.
        self._cursor: Any = BaseCursor(
            of._connection, of._query, state, arguments, state.record_class
        )

    async def next(self, rows: int) -> Sequence[Any]:
        """Up to so many rows more; none after the last."""
        cursor = self._cursor
        if cursor._exhausted:
            return ()
        fetch = cursor._exec if cursor._portal_name else cursor._bind_exec
        chunk: Sequence[Any] = await fetch(rows, None)
        return chunk

    async def close(self) -> None:
        """Ends it where all went well; an error has ended it already."""
        if self._cursor._portal_name:
            await self._cursor._close_portal(None)
