"""One connection for work of several statements, which ends when the connection does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from zava_server.data.pool import DRIVER_ERRORS, is_lost
from zava_server.data.trouble import connection_lost, trouble
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from zava_server.data.endpoint import Endpoint


@asynccontextmanager
async def session(endpoint: Endpoint) -> AsyncIterator[asyncpg.Connection]:
    """A connection for the context, which closes it.

    Raises DatabaseUnavailable when it cannot be made, is lost, or the database's disk is full.
    """
    connection = await endpoint.connect()
    try:
        async with _ended_with(connection):
            yield connection
    except DRIVER_ERRORS as error:
        known = trouble(error, out_of_time=False, directory=endpoint.directory)
        if isinstance(known, DatabaseUnavailable):
            raise known from error
        if is_lost(connection):
            raise connection_lost(out_of_time=False) from error
        raise
    except OSError as error:
        # Unless it is about something else, such as a pipe that the work writes to.
        if is_lost(connection):
            raise connection_lost(out_of_time=False) from error
        raise
    finally:
        await connection.close()


@asynccontextmanager
async def _ended_with(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Ends the context with TimeoutError when the connection is lost.

    The driver's COPY waits for the connection to take more, also when there is none any more.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:

        def end(_: object) -> None:
            scope.reschedule(loop.time())

        connection.add_termination_listener(end)
        try:
            yield
        finally:
            connection.remove_termination_listener(end)
