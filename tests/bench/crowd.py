"""Many callers at once over HTTP, each on a connection of its own.

They speak HTTP by hand: a real client takes more processor time for a call than the server does,
and on a small machine that would be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool at an address; `token` may be of nobody."""

    url: str
    token: str | None
    tool: str
    arguments: Mapping[str, Any]

    def request(self) -> bytes:
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": self.tool, "arguments": dict(self.arguments)},
        }
        body = json.dumps(message).encode()
        address = urlsplit(self.url)
        lines = [
            f"POST {address.path} HTTP/1.1",
            f"Host: {address.netloc}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            "MCP-Protocol-Version: 2025-06-18",
            f"Content-Length: {len(body)}",
        ]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def crowd(calls: Sequence[Call], seconds: float) -> list[list[float]]:
    """Milliseconds of every answer, of each caller apart. All call without a pause."""
    until = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(_keep_calling(call, until)) for call in calls]
    return [caller.result() for caller in callers]


async def _keep_calling(call: Call, until: float) -> list[float]:
    address, request = urlsplit(call.url), call.request()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    times = []
    try:
        while (began := time.perf_counter()) < until:
            writer.write(request)
            head, body = await _answer(reader)
            times.append((time.perf_counter() - began) * 1000)
            if not head.startswith(b"HTTP/1.1 200") or b'"isError":true' in body:
                raise SystemExit(f"{call.tool}: {head!r}\n{body!r:.500}")
    finally:
        writer.close()
    return times


class Caller:
    """Makes one call again and again over a connection of its own."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._request = call.request()

    async def __aenter__(self) -> Caller:
        address = urlsplit(self._call.url)
        self._reader, self._writer = await asyncio.open_connection(address.hostname, address.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def call(self) -> Mapping[str, Any]:
        """What it answers, for programs."""
        self._writer.write(self._request)
        head, body = await _answer(self._reader)
        events = [line for line in body.splitlines() if line.startswith(b"data: {")]
        if len(events) != 1:
            raise SystemExit(f"{self._call.tool}: {head!r}\n{body!r:.500}")
        answer: Mapping[str, Any] = json.loads(events[0].removeprefix(b"data: "))
        content: Mapping[str, Any] = answer["result"]["structuredContent"]
        return content


async def structured(call: Call) -> Mapping[str, Any]:
    """What one call answers, for programs."""
    async with Caller(call) as caller:
        return await caller.call()


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body, which is taken to come in chunks."""
    head = await reader.readuntil(b"\r\n\r\n")
    chunks = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return head, b"".join(chunks)
