"""One process that serves whoever brings a token, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn

from zava_server.backend import Backend
from zava_server.data.token_keys import TokenKeyFile
from zava_server.http_address import reach
from zava_server.infrastructure.endings import wait_to_the_end
from zava_server.infrastructure.memory import settle_memory
from zava_server.infrastructure.rates import Rates
from zava_server.infrastructure.shared_rates import SharedRates
from zava_server.infrastructure.tracing import start_tracing

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from starlette.applications import Starlette

    from zava_server.data.token_keys import TokenKey
    from zava_server.http_address import HttpOptions
    from zava_server.infrastructure.settings import Settings

_log = structlog.get_logger(__name__)

_SERVE_ANYWAY_AFTER_SECONDS = 3.0
_GRACE_SECONDS = 2.0
_ANSWERS_LEAVE_SECONDS = 2
_KEEP_ALIVE_SECONDS = 30
_CALLS_PER_MINUTE = 600
_CONCURRENT_STATEMENTS = 4
# A thousand clients and more connect at once; many systems allow a process 1,024 files.
_OPEN_FILES = 65_536
_CLIENTS_AT_LEAST = 1000
# Of libraries, logs, pipes, Redis, the look-up of tokens; the pools come on top.
_FILES_OF_OURS = 100


async def serve_on(
    listener: socket.socket,
    settings: Settings,
    options: HttpOptions,
    temporary: TokenKey | None,
    announce: Callable[[], None],
) -> None:
    """Serves on a socket until it is cancelled, and calls `announce` when it does."""
    end_tracing = start_tracing()
    most_clients = max(1, _open_files_allowed() - _FILES_OF_OURS - 2 * settings.pool_max_size)
    if most_clients < _CLIENTS_AT_LEAST:
        _log.warning(
            "this system allows the process few open files, and so few clients at once",
            clients=most_clients,
            hint="Raise it by LimitNOFILE in systemd, or by ulimit -n.",
        )
    try:
        await _serve(listener, settings, options, temporary, announce, most_clients)
    finally:
        await asyncio.to_thread(end_tracing)


async def _serve(
    listener: socket.socket,
    settings: Settings,
    options: HttpOptions,
    temporary: TokenKey | None,
    announce: Callable[[], None],
    most_clients: int,
) -> None:
    issued = TokenKeyFile(settings.token_key)
    async with Backend(settings, many=True).running() as backend:
        ready = asyncio.create_task(backend.ready())
        waited = asyncio.create_task(asyncio.wait({ready}, timeout=_SERVE_ANYWAY_AFTER_SECONDS))

        def build() -> Starlette:
            return _build(backend, settings, issued, temporary, listener, options)

        app = await asyncio.to_thread(build)
        await waited
        if ready.done():
            await ready
        ready.cancel()
        settle_memory()
        server = _Server(_configuration(app, options, most_clients), announce)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        failed = asyncio.create_task(backend.failed())
        try:
            await asyncio.wait({serving, failed}, return_when=asyncio.FIRST_COMPLETED)
            await (serving if serving.done() else failed)
        finally:
            failed.cancel()
            # Takes no more connections, while the calls under way are finished or ended.
            server.should_exit = True
            finishing = asyncio.create_task(backend.calls.finish(_GRACE_SECONDS))
            await wait_to_the_end(finishing)
            await wait_to_the_end(serving)


def _build(
    backend: Backend,
    settings: Settings,
    issued: TokenKeyFile,
    temporary: TokenKey | None,
    listener: socket.socket,
    options: HttpOptions,
) -> Starlette:
    """Imports FastMCP, which takes a second, while the database is being opened."""
    from zava_server.protocol.http.app import http_app, make_door
    from zava_server.protocol.http.door import TokenCallers
    from zava_server.protocol.server import build_server
    from zava_server.protocol.session import Session

    reached = reach(listener, settings, options)
    calls, statements = settings.calls_per_minute, settings.max_concurrent_statements
    local = Rates(
        calls_per_minute=_CALLS_PER_MINUTE if calls is None else calls,
        concurrent_statements=_CONCURRENT_STATEMENTS if statements is None else statements,
    )
    deadline_seconds = settings.statement_timeout_seconds + settings.pool_acquire_seconds
    session = Session(backend, TokenCallers())
    server = build_server(
        session,
        SharedRates(local, lambda: backend.redis, lease_seconds=deadline_seconds),
        backend.errors,
        backend.calls,
        default_rows=settings.max_rows,
        deadline_seconds=deadline_seconds,
        auth=make_door(
            settings,
            lambda: backend.directory,
            issued=issued,
            temporary=temporary,
            base_url=reached.base_url,
        ),
    )
    return http_app(server, session, backend.is_ready, reached)


def _configuration(app: Starlette, options: HttpOptions, most_clients: int) -> uvicorn.Config:
    from zava_server.protocol.http.connections import GuardedProtocol
    from zava_server.protocol.http.limits import MOST_HEAD_BYTES

    # It tells of each start, each end and each client that goes.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing that a client or a proxy says of addresses is believed.
        proxy_headers=False,
        ssl_certfile=options.ssl_certfile,
        ssl_keyfile=options.ssl_keyfile,
        limit_concurrency=most_clients,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(_GRACE_SECONDS) + _ANSWERS_LEAVE_SECONDS,
        reset_contextvars=True,
    )


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and says when it listens."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        self._announce()


def _open_files_allowed() -> int:
    """By the system, after we have asked for as many as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
