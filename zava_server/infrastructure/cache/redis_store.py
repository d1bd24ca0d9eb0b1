"""Entries in Redis, which several servers share."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from zava_server.infrastructure.cache.store import Found, StoreLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

# A cache that takes longer is of no use.
_ANSWER_SECONDS = 0.5
_MOST_CONNECTIONS = 16
_END = b"\n"

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "Redis refuses the login."),
    (AuthorizationError, "Redis refuses the login."),
    (NoPermissionError, "Redis does not let this user read, write and run scripts on zava:*."),
    (BusyLoadingError, "Redis is loading its data."),
    (OutOfMemoryError, "Redis has no memory left; set maxmemory-policy to allkeys-lru."),
    (ReadOnlyError, "This Redis is a replica and takes no writes."),
    (ResponseError, "Redis refuses what is asked of it."),
    (RedisTimeoutError, f"Redis does not answer within {_ANSWER_SECONDS:g} s."),
    (TimeoutError, f"Redis does not answer within {_ANSWER_SECONDS:g} s."),
)


class RedisStore:
    """Entries and generations of one database, under keys that begin with `zava:` and its id.

    A generation is a random name: one that Redis has lost begins as a new one, where a number would
    begin again with what others were kept under. All methods raise StoreLost.
    """

    def __init__(self, client: Redis, database: str) -> None:
        self._client = client
        self._prefix = f"zava:{database}"

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, database: str) -> AsyncIterator[RedisStore]:
        """A store at a URL; connects when it is used.

        Raises StoreLost for a URL with options that are none.
        """
        try:
            # One that waits: where more ask at once, Redis is not lost.
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_MOST_CONNECTIONS,
                timeout=_ANSWER_SECONDS,
                socket_timeout=_ANSWER_SECONDS,
                socket_connect_timeout=_ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
                # Any Redis speaks it.
                protocol=2,
            )
            # Options of the URL are looked at here; nothing is sent yet.
            pool.make_connection()  # type: ignore[no-untyped-call]  # redis leaves it untyped
        except (ValueError, TypeError) as error:
            raise StoreLost("ZAVA_REDIS_URL has an option that cannot be used.") from error
        client = Redis.from_pool(pool)
        try:
            yield cls(client, database)
        finally:
            await client.aclose()

    async def find(self, key: str, topics: Sequence[str]) -> Found:
        """The entry, if there is one of these topics' generations."""
        names = [self._generation(topic) for topic in topics]
        async with _in_time():
            *generations, entry = await self._client.mget([*names, self._entry(key)])
            if None in generations:
                for name in names:
                    await self._client.set(name, secrets.token_hex(8), nx=True)
                generations = await self._client.mget(names)
        now = tuple(cast("bytes", name).decode() for name in generations)
        if entry is None:
            return Found(self, now, None)
        of, _, content = cast("bytes", entry).partition(_END)
        return Found(self, now, content if of == _joined(now) else None)

    async def keep(self, key: str, found: Found, entry: bytes, seconds: float) -> None:
        """Keeps an entry; Redis forgets it by itself."""
        content = _joined(found.generations) + _END + entry
        async with _in_time():
            await self._client.set(self._entry(key), content, px=max(1, int(seconds * 1000)))

    async def renew(self, topics: Iterable[str]) -> None:
        """Begins new generations."""
        names = {self._generation(topic): secrets.token_hex(8) for topic in topics}
        async with _in_time():
            await self._client.mset(names)

    async def ping(self) -> None:
        """Asks for a sign of life."""
        async with _in_time():
            await self._client.ping()

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> int:
        """The number that a script answers, which Redis keeps by its hash."""
        names = [f"{self._prefix}:{key}" for key in keys]
        async with _in_time():
            answer: int = await self._client.register_script(script)(keys=names, args=arguments)
        return answer

    async def version(self) -> str | None:
        """Redis's version; None where this user may not ask for it."""
        try:
            async with _in_time():
                info = await self._client.info("server")
        except StoreLost as error:
            if isinstance(error.__cause__, NoPermissionError):
                return None
            raise
        return str(info.get("redis_version"))

    def _generation(self, topic: str) -> str:
        return f"{self._prefix}:generation:{topic}"

    def _entry(self, key: str) -> str:
        return f"{self._prefix}:answer:{key}"


def _joined(generations: Sequence[str]) -> bytes:
    return " ".join(generations).encode()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except (RedisError, OSError) as error:
        raise StoreLost(_reason(error)) from error


def _reason(error: Exception) -> str:
    # What goes wrong while it connects is wrapped.
    for told in (error, error.__cause__):
        for kind, reason in _REASONS:
            if isinstance(told, kind):
                return reason
    return "Redis cannot be reached."
