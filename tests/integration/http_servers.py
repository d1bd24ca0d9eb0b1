"""Real HTTP servers in processes of their own, and clients of both protocol eras."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx2
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from zava_server.infrastructure.settings import Settings
from zava_server.token_commands import issue_token, lifetime, scopes_of

Era = Literal["legacy", "auto"]
ERAS: tuple[Era, Era] = ("legacy", "auto")
START_SECONDS = 60


@dataclass(frozen=True)
class HttpServer:
    """A server that serves; `token` is the temporary one where it made one."""

    process: subprocess.Popen[bytes]
    base: str
    token: str | None
    output: Path

    @property
    def mcp(self) -> str:
        return f"{self.base}/mcp"

    def said(self) -> str:
        return self.output.read_text()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 20)


def http_command(settings: Settings, *words: str) -> list[str]:
    program = [sys.executable, "-m", "zava_server", "http", "--port", "0"]
    return [*program, "--data-dir", str(settings.data_dir), *words]


@contextmanager
def http_server(
    settings: Settings,
    *words: str,
    environment: Mapping[str, str] | None = None,
    open_files: int | None = None,
) -> Iterator[HttpServer]:
    """Started by the command line; killed at the end unless it has ended before.

    `open_files` is how many the system allows it.
    """
    command = http_command(settings, *words)
    if open_files is not None:
        command = ["sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh", *command]
    with tempfile.TemporaryDirectory() as place:
        output = Path(place, "stderr")
        with output.open("wb") as sink:
            process = subprocess.Popen(
                command, stderr=sink, env={**os.environ, **(environment or {})}
            )
        try:
            base, token = _announced(process, output, with_token="--user" in words)
            yield HttpServer(process, base, token, output)
        finally:
            # Its workers end with it, as after a crash.
            process.kill()
            process.wait()


def _announced(
    process: subprocess.Popen[bytes], output: Path, *, with_token: bool
) -> tuple[str, str | None]:
    """Its address, and the token that it prints after that for a user."""
    deadline = time.monotonic() + START_SECONDS
    mark = "zava-server: serving at "
    while time.monotonic() < deadline and process.poll() is None:
        lines = output.read_text().splitlines()
        said = [line for line in lines if line.startswith(mark)]
        if said:
            tokens = [line for line in lines if line.startswith("eyJ")]
            if tokens or not with_token:
                base = said[0].removeprefix(mark).removesuffix("/mcp")
                return base, tokens[0] if tokens else None
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {output.read_text()}")


async def issued(
    settings: Settings, user: str, scopes: str = "query,search,metrics", expires: str = "1h"
) -> str:
    """A token as `zava-server token issue` makes it."""
    return await issue_token(settings, user, lifetime(expires), scopes_of(scopes))


def id_of(token: str) -> UUID:
    """As it stands in the register."""
    claims = token.split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"])


def bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


@asynccontextmanager
async def client_of(url: str, token: str | None, era: Era = "auto") -> AsyncIterator[Client[Any]]:
    transport = StreamableHttpTransport(url, headers=bearer(token))
    async with Client(transport, mode=era) as client:
        yield client


async def get(url: str, token: str | None = None, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.get(url, headers={**bearer(token), **headers})


async def post(url: str, body: bytes, token: str | None = None, **headers: str) -> httpx2.Response:
    """A POST as an MCP client of the older era makes it."""
    accepted = {"Accept": "application/json, text/event-stream"}
    kind = {"Content-Type": "application/json"}
    async with httpx2.AsyncClient(timeout=30) as http:
        return await http.post(
            url, content=body, headers={**accepted, **kind, **bearer(token), **headers}
        )


async def content(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert result.structured_content is not None, result
    return result.structured_content
