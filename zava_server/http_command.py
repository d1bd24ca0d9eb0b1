"""The command `zava-server http`: whether it may listen there, in one process or several."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from uuid import uuid4

from zava_server.data.token_keys import TokenKey
from zava_server.data.tokens import SCOPES
from zava_server.http_address import bind, own_url, refuse_open_door
from zava_server.workers import WorkerOrder, supervise

if TYPE_CHECKING:
    from zava_server.http_address import HttpOptions
    from zava_server.infrastructure.settings import Settings


async def serve_http(settings: Settings, options: HttpOptions, *, workers: int) -> None:
    """Serves until it is cancelled. Raises what prevents that."""
    options.check()
    listener = bind(settings.http_host, settings.http_port)
    try:
        refuse_open_door(listener, settings, options)
        temporary = TokenKey.generate() if settings.user is not None else None
        url = f"{own_url(listener, options)}/mcp"

        def announce() -> None:
            sys.stderr.write(f"zava-server: serving at {url}\n")
            if temporary is not None:
                token = temporary.issue(uuid4(), settings.user or "", SCOPES, None)
                sys.stderr.write(
                    f"zava-server: a token for {settings.user}, good while this runs:\n{token}\n"
                )
            sys.stderr.flush()

        if workers == 1:
            from zava_server.http_server import serve_on

            await serve_on(listener, settings, options, temporary, announce)
        else:
            order = WorkerOrder(
                data_dir=settings.data_dir,
                user=settings.user,
                descriptor=listener.fileno(),
                token_key=temporary.as_text() if temporary else None,
                options=options.as_json(),
            )
            await supervise(order, workers, announce)
    finally:
        listener.close()
