"""Making the database ready before anyone has said who they are.

`zava-server db init --json --hold` prints how far it is, then who may use the demo data, and keeps
the database up until its input is closed, so that the server that follows finds it running.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zava_tui.answers import DATABASE_UNAVAILABLE, SetupProgress, ToolError
from zava_tui.child import Child
from zava_tui.server_process import ServerProcess
from zava_tui.setup_log import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zava_tui.child import Start


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Someone the demo data knows; `stores` are names."""

    handle: str
    display_name: str
    role: str
    stores: tuple[str, ...]


class Preparation(Protocol):
    """What the app needs of the making of the database; an async context manager."""

    async def __aenter__(self) -> Preparation:
        """Start it."""

    async def __aexit__(self, *error: object) -> None:
        """End it and let the database go."""

    async def users(self, report: Callable[[SetupProgress], None]) -> list[DemoUser]:
        """Wait until the database is ready; raises ToolError when it cannot be made."""


class LocalPreparation:
    """A `Preparation` by a child process."""

    def __init__(self, command: Sequence[str], start: Start = Child) -> None:
        self._process = ServerProcess(command, start)

    async def __aenter__(self) -> Preparation:
        await self._process.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._process.__aexit__(*error)

    async def users(self, report: Callable[[SetupProgress], None]) -> list[DemoUser]:
        """Wait until the database is ready; raises ToolError when it cannot be made."""
        async for line in self._process.lines():
            message = _parsed(line)
            if "step" in message:
                report(_progress(message))
            elif "users" in message:
                return [
                    DemoUser(
                        user["handle"], user["display_name"], user["role"], tuple(user["stores"])
                    )
                    for user in message["users"]
                ]
            elif "error" in message:
                error = message["error"]
                raise ToolError(error["code"], error["message"], error.get("hint"))
        await self._process.ended_within(0.5)
        raise ToolError(
            DATABASE_UNAVAILABLE,
            self._process.child.last_words() or "The database could not be made ready.",
        )


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _progress(message: dict[str, Any]) -> SetupProgress:
    """The progress over all steps, from that of one of them."""
    step = message["step"]
    before = 0.0
    for name, share in STEPS.items():
        if name == step:
            before += share * message["fraction"]
            break
        before += share
    return SetupProgress(step, before, message.get("detail", ""), message.get("place", ""))
