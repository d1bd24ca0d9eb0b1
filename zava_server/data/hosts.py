"""Which of a database's hosts to use: each is tried with a time limit of its own."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from asyncpg.pool import PoolConnectionProxy

    AnyConnection = asyncpg.Connection | PoolConnectionProxy
    Prepare = Callable[[asyncpg.Connection], Awaitable[None]]

CONNECT_SECONDS = 10.0
"""How long the only host may take to let us in."""
SECONDS_A_HOST = 2.0
"""How long each of several may."""

_TROUBLES = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    # What `prepare` finds against a host.
    DatabaseUnavailable,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whether a standby is wanted, a primary, or either (None), and whether the other will do."""

    standby: bool | None
    strictly: bool = False

    def is_met_by(self, connection: AnyConnection) -> bool:
        """Whether the server at the other end is what is wanted, at this moment."""
        # PostgreSQL tells when it changes.
        on = getattr(connection.get_settings(), "in_hot_standby", "off") == "on"
        return self.standby in (None, on)


# asyncpg and libpq find a server to write to by a setting that is never on for zava_app.
WANTED: Mapping[str, Wanted] = {
    "": Wanted(standby=False),
    "any": Wanted(standby=None),
    "primary": Wanted(standby=False, strictly=True),
    "read-write": Wanted(standby=False, strictly=True),
    "standby": Wanted(standby=True, strictly=True),
    "read-only": Wanted(standby=True, strictly=True),
    "prefer-standby": Wanted(standby=True),
}
"""By the name in target_session_attrs; without one a standby will do while no primary answers."""


class Hosts:
    """The hosts of one database, with what is remembered of them between connections."""

    def __init__(
        self, places: Sequence[Mapping[str, Any]], wanted: Wanted, *, shuffled: bool = False
    ) -> None:
        """`places` are the arguments of `asyncpg.connect` for each host.

        `shuffled` ones share the connections, and there is somebody else to ask.
        """
        self._places = places
        self._wanted = wanted
        self.shuffled = shuffled
        self._silent: set[int] = set()

    @property
    def several(self) -> bool:
        """Whether there is a choice."""
        return len(self._places) > 1

    def is_makeshift(self, connection: AnyConnection) -> bool:
        """Whether it leads to a host that is only better than none."""
        return self.several and not self._wanted.is_met_by(connection)

    async def connect(self, prepare: Prepare | None = None, **options: Any) -> asyncpg.Connection:
        """A connection to the first host that is what is wanted, or else to one that will do.

        `prepare` is run on it within the host's time. A host that was silent is tried last, and not
        at all while another will do. Raises what `prepare` raises, the driver's errors, OSError or
        TimeoutError.
        """
        errors: list[Exception] = []
        makeshift: asyncpg.Connection | None = None
        try:
            for number in self._in_order():
                if makeshift is not None and number in self._silent:
                    break
                try:
                    connection = await self._reach(number, prepare, options)
                except _TROUBLES as error:
                    errors.append(error)
                    continue
                if self._wanted.is_met_by(connection):
                    if makeshift is not None:
                        makeshift.terminate()
                    return connection
                if makeshift is not None or self._wanted.strictly:
                    connection.terminate()
                else:
                    makeshift = connection
            if makeshift is None:
                raise _telling(errors)
        except BaseException:
            # Such as a cancellation.
            if makeshift is not None:
                makeshift.terminate()
            raise
        return makeshift

    def _in_order(self) -> Sequence[int]:
        numbers = list(range(len(self._places)))
        if self.shuffled:
            random.shuffle(numbers)
        return sorted(numbers, key=self._silent.__contains__)

    async def look_at_silent(self) -> None:
        """Forgives the hosts that answer again, so that no call waits to find out."""
        for number in tuple(self._silent):
            with suppress(*_TROUBLES):
                (await self._reach(number, None, {})).terminate()

    async def wanted_is_there(self) -> bool:
        """Whether a host that is what is wanted answers now, if it was not silent before."""
        try:
            connection = await self.connect()
        except _TROUBLES:
            return False
        met = self._wanted.is_met_by(connection)
        connection.terminate()
        return met

    async def _reach(
        self, number: int, prepare: Prepare | None, options: Mapping[str, Any]
    ) -> asyncpg.Connection:
        connection: asyncpg.Connection | None = None
        try:
            others = self.several or self.shuffled
            async with asyncio.timeout(SECONDS_A_HOST if others else CONNECT_SECONDS):
                arguments: dict[str, Any] = {**self._places[number], **options}
                arguments["target_session_attrs"] = "any"
                connection = await asyncpg.connect(**arguments)
                if prepare is not None:
                    await prepare(connection)
        except BaseException as error:
            if isinstance(error, TimeoutError):
                self._silent.add(number)
            # Not closed in order: the other side may never answer.
            if connection is not None:
                connection.terminate()
            raise
        self._silent.discard(number)
        return connection


def _telling(errors: Sequence[Exception]) -> Exception:
    """What a host said, rather than that another was not there."""
    if not errors:
        return asyncpg.TargetServerAttributeNotMatched("no host is of the wanted kind")
    said = [error for error in errors if not isinstance(error, OSError)]
    return said[-1] if said else errors[-1]
