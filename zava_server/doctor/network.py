"""What the server talks to and listens on: the port for HTTP, its tokens' key, Redis."""

from __future__ import annotations

import asyncio
import http.client
from typing import TYPE_CHECKING

from zava_server.data.token_keys import TokenKey
from zava_server.doctor.finding import Finding, ok, problem, warning
from zava_server.http_address import bind
from zava_server.infrastructure.cache.store import StoreLost
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zava_server.infrastructure.settings import Settings

_ANSWER_SECONDS = 1.0
_OTHERS = 0o077


async def look_at_port(settings: Settings) -> Finding:
    """Whether `zava-server http` could listen where the settings say."""
    host, port = settings.http_host, settings.http_port
    if port == 0:
        return ok("http port", "any that is free")
    try:
        bind(host, port).close()
    except ValidationError as error:
        if await asyncio.to_thread(_is_ours, host, port):
            return ok("http port", f"a Zava serves on {host}:{port}")
        return warning("http port", error.message, error.hint or "Choose another with --port.")
    return ok("http port", f"{host}:{port} is free")


def look_at_token_key(settings: Settings) -> Iterator[Finding]:
    """Whether tokens can be issued and checked."""
    file = settings.token_key
    try:
        TokenKey.read(file)
    except FileNotFoundError:
        yield ok("token key", "none yet; the first token that is issued makes one")
        return
    except ValidationError as error:
        yield problem("token key", error)
        return
    if file.stat().st_mode & _OTHERS:
        yield warning("token key", f"{file} can be read by others", f"Run: chmod 600 {file}")
    else:
        yield ok("token key", f"{file}, readable by its owner only")


async def look_at_redis(settings: Settings) -> Finding:
    """Whether answers and rates can be shared in Redis."""
    if settings.redis_url is None:
        return ok("redis", "not set up; answers are kept, and rates counted, in memory")
    from zava_server.infrastructure.cache.redis_store import RedisStore

    try:
        async with RedisStore.opened(settings.redis_url.get_secret_value(), "doctor") as store:
            await store.ping()
            version = await store.version()
    except StoreLost as error:
        return warning(
            "redis",
            f"{error} Until it can be used, answers are kept, and rates counted, in memory",
            "Check ZAVA_REDIS_URL, and that Redis runs.",
        )
    return ok("redis", f"Redis {version} answers" if version else "it answers")


def _is_ours(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().read(16) == b"live"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
