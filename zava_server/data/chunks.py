"""Rows of a prepared statement in chunks, without a name on the server's side.

asyncpg's own cursor names its portal, and leaves it to the end of the transaction. Ours ends with a
rollback, and what a rollback ends is missing in pg_stat_statements. A portal without a name ends
with the next statement. The first chunk comes with the binding, so that few rows take one round
trip in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg.prepared_stmt import PreparedStatement

_NO_NAME = ""


class Chunks:
    """What a prepared statement gives for `arguments`, inside a transaction.

    Until the last chunk has come the connection must not be used for anything else.
    """

    def __init__(self, prepared: PreparedStatement[Any], *arguments: object) -> None:
        # The stubs hide what asyncpg's cursors are made of. The statement lives as long as this.
        self._prepared = of = cast("Any", prepared)
        self._protocol = of._connection._protocol
        self._arguments = arguments
        self._bound = self._exhausted = False

    async def next(self, rows: int) -> Sequence[Any]:
        """Up to so many rows more; none after the last."""
        if self._exhausted:
            return ()
        state, protocol = self._prepared._state, self._protocol
        if self._bound:
            answer = protocol.execute(state, _NO_NAME, rows, True, None)
        else:
            self._bound = True
            answer = protocol.bind_execute(state, self._arguments, _NO_NAME, rows, True, None)
        chunk: Sequence[Any]
        chunk, _, self._exhausted = await answer
        return chunk
