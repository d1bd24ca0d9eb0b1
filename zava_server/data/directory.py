"""Who may come in: users and tokens as the database knows them now."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from zava_server.data.identity import find_user, list_users
from zava_server.data.pool import DRIVER_ERRORS, is_lost
from zava_server.data.tokens import find_token
from zava_server.data.trouble import connection_lost, trouble
from zava_server.infrastructure.cache.shared_calls import SharedCalls
from zava_server.infrastructure.errors import (
    Busy,
    DatabaseLost,
    DatabaseSilent,
    DatabaseUnavailable,
)
from zava_server.infrastructure.retries import again_when_lost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable
    from uuid import UUID

    from zava_server.data.identity import AnyConnection, Identity
    from zava_server.data.pool import Pool
    from zava_server.data.signing_keys import Signer
    from zava_server.data.tokens import Admission

# What was revoked or changed counts from then on at the latest.
_FRESH_SECONDS = 2.0
# While the database cannot be asked. Nothing can be read meanwhile either, and callers are told of
# the database rather than of their tokens.
_STANDS_SECONDS = 30.0
_MOST_KEPT = 10_000
_ANSWER_SECONDS = 3.0

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")


class _Recent(Generic[K, T]):
    """Answers that are looked up once for all who ask, and kept for two seconds."""

    def __init__(self, look_up: Callable[[K], Coroutine[object, object, T]]) -> None:
        self._look_up = look_up
        self._calls: SharedCalls[K, T] = SharedCalls()
        self._kept: dict[K, tuple[float, T]] = {}

    async def get(self, key: K) -> T:
        now = time.monotonic()
        found = self._kept.get(key)
        if found is not None and now < found[0] + _FRESH_SECONDS:
            return found[1]
        try:
            return await self._calls.share(key, lambda: self._ask(key))
        except (DatabaseUnavailable, Busy):
            if found is not None and now < found[0] + _STANDS_SECONDS:
                return found[1]
            raise

    async def _ask(self, key: K) -> T:
        # As old as the question: what changes while it is on its way is in the next one.
        asked = time.monotonic()
        answer = await self._look_up(key)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (asked, answer)
        return answer


class Directory:
    """Asks as the server, on connections that callers' statements cannot take."""

    def __init__(self, pool: Pool, signer: Signer) -> None:
        self._pool = pool
        self._signer = signer
        self._users: _Recent[str, Identity | None] = _Recent(self._find_user)
        self._tokens: _Recent[UUID, Admission | None] = _Recent(self._find_token)

    async def user(self, handle: str) -> Identity | None:
        """The user with this handle. Raises DatabaseUnavailable, Busy."""
        return await self._users.get(handle)

    async def token(self, token_id: UUID) -> Admission | None:
        """Whom an issued token speaks for, if it is good. Raises DatabaseUnavailable, Busy."""
        return await self._tokens.get(token_id)

    async def anybody(self) -> Identity | None:
        """Some user, if there is one. Raises DatabaseUnavailable, Busy."""
        users = await self._ask(lambda connection: list_users(connection, self._signer))
        return users[0] if users else None

    async def _find_user(self, handle: str) -> Identity | None:
        return await self._ask(lambda connection: find_user(connection, self._signer, handle))

    async def _find_token(self, token_id: UUID) -> Admission | None:
        return await self._ask(lambda connection: find_token(connection, self._signer, token_id))

    async def _ask(self, question: Callable[[AnyConnection], Awaitable[T]]) -> T:
        by = asyncio.get_running_loop().time() + _ANSWER_SECONDS
        return await again_when_lost(lambda: self._ask_once(question), _is_loss, by=by)

    async def _ask_once(self, question: Callable[[AnyConnection], Awaitable[T]]) -> T:
        async with self._pool.connection() as connection:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    return await question(connection)
            except TimeoutError:
                await self._pool.give_up(connection)
                raise DatabaseSilent(
                    f"The database did not answer within {_ANSWER_SECONDS:.0f} s.",
                    "Try again in a moment.",
                ) from None
            except (*DRIVER_ERRORS, OSError) as error:
                if is_lost(connection):
                    raise connection_lost(out_of_time=False) from error
                known = trouble(error, out_of_time=False, directory=self._pool.directory)
                if isinstance(known, DatabaseUnavailable | Busy):
                    raise known from error
                raise DatabaseUnavailable("The database refused to be asked.") from error


def _is_loss(error: Exception) -> bool:
    # The silent have had their time.
    return isinstance(error, DatabaseLost) and not isinstance(error, DatabaseSilent)
