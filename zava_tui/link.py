"""The link to the server: opened, watched, and opened again when it breaks.

A link is one long-lived coroutine that enters and leaves the MCP session in the same task and
reports what becomes of it. `LocalLink` starts the server itself; `RemoteLink` reaches one by HTTP.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Protocol

from zava_tui.answers import DISCONNECTED, UNAUTHORISED, ToolError
from zava_tui.child import Child
from zava_tui.client import Client, McpClient
from zava_tui.heavy import load
from zava_tui.link_states import Failed, LinkState, Live, Preparing, Retrying, Starting
from zava_tui.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp.client import Transport

    from zava_tui.child import Start

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 30.0
"""A link that was live this long starts over with the shortest pause."""
CLOSING_SECONDS = 2.0
"""How long a session that has ended may take to close."""
LAST_WORDS_SECONDS = 0.5
"""How long a server whose output has ended may take to say why."""


Report = Callable[[LinkState], None]


class Link(Protocol):
    """What the app needs of a link."""

    async def run(self, report: Report) -> ToolError:
        """Hold the link until cancelled; or say why it failed before it was ever live."""

    @property
    def client(self) -> Client | None:
        """The client while the link is live."""

    def reopen(self) -> None:
        """End the present session, if there is one, and open another at once."""


class SupervisedLink(ABC):
    """Holds sessions one after the other, with a longer pause after each that did not last."""

    AGAIN: ClassVar = "restarting"
    """What is done when the link has broken, for people."""

    def __init__(self) -> None:
        self._client: McpClient | None = None
        self._reopening = asyncio.Event()

    @property
    def client(self) -> Client | None:
        """The client while the link is live."""
        return self._client

    def reopen(self) -> None:
        """End the present session, if there is one, and open another at once."""
        self._reopening.set()

    async def run(self, report: Report) -> ToolError:
        """Hold the link until cancelled; or say why it failed before it was ever live.

        Who is refused later on has failed too: no pause makes a token good again.
        """
        ever_live = False
        pause = FIRST_PAUSE
        while True:
            live_since: float | None = None

            def note(state: LinkState) -> None:
                nonlocal live_since
                if isinstance(state, Live):
                    live_since = time.monotonic()
                report(state)

            self._reopening.clear()
            note(Starting())
            try:
                end = await self._hold(note)
            finally:
                self._client = None
            ever_live = ever_live or live_since is not None
            if not ever_live or end.code == UNAUTHORISED:
                report(Failed())
                return end
            if live_since is not None and time.monotonic() - live_since > STEADY_SECONDS:
                pause = FIRST_PAUSE
            if self._reopening.is_set():
                continue
            report(Retrying(end.message, self.AGAIN, time.monotonic() + pause))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._reopening.wait()
            pause = min(2 * pause, LONGEST_PAUSE)

    @abstractmethod
    async def _hold(self, report: Report) -> ToolError:
        """Hold one session until it ends; the answer says why it did."""

    async def _talk(
        self,
        transport: Transport,
        report: Report,
        ended: asyncio.Event | None = None,
        log: str | None = None,
    ) -> ToolError:
        """Hold one MCP session over `transport`, at the latest until `ended` is set."""
        import httpx2
        import mcp

        end = ToolError(DISCONNECTED, "server stopped")
        try:
            async with asyncio.timeout(None) as closing, mcp.Client(transport) as session:
                client = McpClient(session)
                # Not raised: errors would leave the session's task groups as exception groups.
                try:
                    identity = await client.whoami(lambda progress: report(Preparing(progress)))
                except ToolError as error:
                    end = error
                else:
                    self._client = client
                    report(Live(identity, log))
                    await _first_set(ended or client.disconnected, self._reopening)
                # A call that is still waited for would keep the session from closing.
                closing.reschedule(asyncio.get_running_loop().time() + CLOSING_SECONDS)
        except* (OSError, httpx2.HTTPError, mcp.MCPError) as errors:
            end = ToolError(DISCONNECTED, _first(errors))
        return end


async def _first_set(*events: asyncio.Event) -> None:
    """Wait for the first of the events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _first(errors: BaseExceptionGroup[BaseException]) -> str:
    """The message of the first error in a group of groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


class LocalLink(SupervisedLink):
    """The link to a server that this process starts."""

    def __init__(self, command: Sequence[str], start: Start = Child) -> None:
        super().__init__()
        self._command = command
        self._start = start

    async def _hold(self, report: Report) -> ToolError:
        async with ServerProcess(self._command, self._start) as process:
            # The server imports its own libraries while we import ours.
            await load("mcp")
            log = process.child.log_name
            end = await self._talk(process.streams(), report, process.output_ended, log)
            if end.code == DISCONNECTED and not self._reopening.is_set():
                await process.ended_within(LAST_WORDS_SECONDS)
                if words := process.child.last_words():
                    end = ToolError(DISCONNECTED, words)
                elif self._client is None:
                    end = ToolError(
                        DISCONNECTED,
                        "The server stopped before it was ready.",
                        f"Its log may say why: {process.child.log_name}",
                    )
            return end


class RemoteLink(SupervisedLink):
    """The link to a server that runs elsewhere."""

    AGAIN = "trying again"

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__()
        self._url = url
        self._token = token

    async def _hold(self, report: Report) -> ToolError:
        refused = asyncio.Event()
        holding = asyncio.create_task(self._session(report, refused))
        noticing = asyncio.create_task(refused.wait())
        try:
            await asyncio.wait({holding, noticing}, return_when=asyncio.FIRST_COMPLETED)
            if refused.is_set():
                # A refusal holds, however long the session takes to close.
                await asyncio.wait({holding}, timeout=CLOSING_SECONDS)
                return self._refused()
            return await holding
        finally:
            noticing.cancel()
            holding.cancel()

    async def _session(self, report: Report, refused: asyncio.Event) -> ToolError:
        """Hold one session; `refused` is set as soon as the token is."""
        await load("mcp", "mcp.client.streamable_http")
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        async def note(response: httpx2.Response) -> None:
            # Of a refusal the SDK says only that the server answered with an error.
            if response.status_code == httpx2.codes.UNAUTHORIZED:
                refused.set()
                if self._client is not None:
                    self._client.disconnected.set()

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else None
        timeout = httpx2.Timeout(30, read=300)
        async with httpx2.AsyncClient(
            headers=headers, timeout=timeout, event_hooks={"response": [note]}
        ) as http:
            transport = streamable_http_client(self._url, http_client=http)
            end = await self._talk(transport, report)
        if end.code != DISCONNECTED:
            return end
        if self._client is not None:
            return ToolError(DISCONNECTED, "connection lost")
        return ToolError(
            DISCONNECTED,
            f"No server can be reached at {self._url}: {end.message.rstrip('.')}.",
            "Check the address, and that the server runs.",
        )

    def _refused(self) -> ToolError:
        if self._token:
            return ToolError(
                UNAUTHORISED,
                f"The token was refused by the server at {self._url}.",
                "It may have expired or been revoked. Start zava with another --token.",
            )
        return ToolError(
            UNAUTHORISED,
            f"A token is wanted by the server at {self._url}.",
            "Start zava with --token T, or set ZAVA_TOKEN.",
        )
