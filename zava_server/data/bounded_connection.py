"""A connection that drops itself when the database sends more than it should.

Rows are bounded in the database, but not everything that travels is a row: the message of an error
quotes the value it is about, whatever its length.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

_OVERHEAD_BYTES = 4 * 1024 * 1024
"""For all that is not the rows' text: descriptions of 1,600 columns, headers of 50,000 rows."""


class Received(asyncio.Protocol):
    """Counts what arrives for `target` and aborts the transport beyond `most` bytes."""

    def __init__(self, target: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self._target = target
        self._transport = transport
        self._bytes = 0
        self._most: int | None = None
        self.pause_writing = target.pause_writing  # type: ignore[method-assign]
        self.resume_writing = target.resume_writing  # type: ignore[method-assign]
        self.eof_received = target.eof_received  # type: ignore[method-assign]
        self.connection_lost = target.connection_lost  # type: ignore[method-assign]

    @property
    def count(self) -> int:
        """Bytes that arrived since the last `allow`."""
        return self._bytes

    @property
    def too_much(self) -> bool:
        """Whether the limit was met, and the connection therefore dropped."""
        return self._most is not None and self._bytes > self._most

    def allow(self, result_bytes: int) -> None:
        """From now on lets a result of so many bytes through."""
        self._bytes = 0
        self._most = result_bytes + _OVERHEAD_BYTES

    def data_received(self, data: bytes) -> None:
        """Passes the data on unless they are too many."""
        self._bytes += len(data)
        if self.too_much:
            self._transport.abort()
        else:
            self._target.data_received(data)


class BoundedConnection(asyncpg.Connection):
    """A connection whose `received` is how much has arrived."""

    def __init__(self, protocol: Any, transport: Any, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        self.received = Received(protocol, transport)
        transport.set_protocol(self.received)


def received_by(connection: PoolConnectionProxy) -> Received:
    """How much has arrived on a connection of the pool."""
    return cast("BoundedConnection", connection).received
