"""The commands `zava-server http` and `zava-server token …`."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads the types of flags
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from zava_server.database_cli import AsJson, DataDir  # noqa: TC001 - likewise
from zava_server.infrastructure.logs import configure_logs
from zava_server.infrastructure.settings import load_settings
from zava_server.running import print_json, print_line, run

if TYPE_CHECKING:
    from zava_server.data.tokens import IssuedToken

token = App(name="token", help="Issue, list and revoke the tokens that callers over HTTP bring.")


def http(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on; 127.0.0.1.")] = None,
    port: Annotated[int | None, Parameter(help="8000; 0 takes any free one.")] = None,
    workers: Annotated[
        int,
        Parameter(
            help="Server processes on that address.", validator=validators.Number(gte=1, lte=64)
        ),
    ] = 1,
    user: Annotated[
        str | None,
        Parameter(help="Print a token for this user, good on this machine while the server runs."),
    ] = None,
    data_dir: DataDir = None,
    ssl_certfile: Annotated[Path | None, Parameter(help="Certificate chain (PEM) for TLS.")] = None,
    ssl_keyfile: Annotated[Path | None, Parameter(help="Its private key.")] = None,
    allowed_host: Annotated[
        list[str] | None,
        Parameter(help="A further name clients may call the server by, as behind a proxy."),
    ] = None,
    allowed_origin: Annotated[
        list[str] | None,
        Parameter(help="A web origin whose pages may call it, such as https://app.example."),
    ] = None,
) -> None:
    """Serve whoever brings a token, over streamable HTTP at /mcp."""
    gc.disable()
    settings = load_settings(user=user, data_dir=data_dir, http_host=host, http_port=port)
    configure_logs(settings.log_level, settings.log_path)
    from zava_server.http_address import HttpOptions
    from zava_server.http_command import serve_http

    options = HttpOptions(
        ssl_certfile, ssl_keyfile, tuple(allowed_host or ()), tuple(allowed_origin or ())
    )
    run(serve_http(settings, options, workers=workers))


def http_worker() -> None:
    """One of several; started by `http --workers`, which writes on its standard input."""
    gc.disable()
    from zava_server.workers import READY, WorkerOrder

    order = WorkerOrder.from_line(sys.stdin.buffer.readline())
    settings = load_settings(user=order.user, data_dir=order.data_dir)
    configure_logs(settings.log_level, settings.log_path)
    from zava_server.data.token_keys import TokenKey
    from zava_server.http_address import HttpOptions
    from zava_server.http_server import serve_on

    def announce() -> None:
        print_line(READY.decode().strip())

    async def work() -> None:
        with socket.socket(fileno=order.descriptor) as listener:
            serving = asyncio.create_task(
                serve_on(
                    listener,
                    settings,
                    HttpOptions.from_json(order.options),
                    TokenKey.from_text(order.token_key) if order.token_key else None,
                    announce,
                )
            )
            gone = asyncio.create_task(_end_of_input())
            try:
                await asyncio.wait({serving, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                serving.cancel()
                await serving

    run(work())


async def _end_of_input() -> None:
    """Returns when whoever started us has gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


@token.command
def issue(
    *,
    user: Annotated[str, Parameter(help="Whom the token speaks for.")],
    expires: Annotated[str, Parameter(help="How long it is good: 90m, 12h, 30d.")] = "30d",
    scopes: Annotated[
        str, Parameter(help="What it opens, of query, search, metrics and ops.")
    ] = "query,search,metrics",
    data_dir: DataDir = None,
) -> None:
    """Make a token, and print it alone. It is shown this once."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.token_commands import issue_token, lifetime, scopes_of

    async def make() -> None:
        print_line(await issue_token(settings, user, lifetime(expires), scopes_of(scopes)))

    run(make())


@token.command(name="list")
def list_(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show all tokens: for whom, what they open, until when. The tokens themselves are not kept."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.token_commands import as_plain, known_tokens

    async def show() -> None:
        known = await known_tokens(settings)
        if as_json:
            print_json({"tokens": [as_plain(entry) for entry in known]})
            return
        for entry in known:
            print_line(_line_of(entry))

    run(show(), as_json=as_json)


@token.command
def revoke(
    token_id: Annotated[str, Parameter(help="As `token list` shows it.")],
    /,
    *,
    data_dir: DataDir = None,
) -> None:
    """End a token; running servers refuse it within five seconds."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", settings.log_path)
    from zava_server.token_commands import end_token, token_id_of

    async def end() -> None:
        await end_token(settings, token_id_of(token_id))
        print_line(f"revoked {token_id}")

    run(end())


def _line_of(entry: IssuedToken) -> str:
    until = entry.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return "  ".join(
        (str(entry.token_id), f"{entry.state:8}", until, entry.handle, ",".join(entry.scopes))
    )
