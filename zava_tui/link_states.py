"""What can be said of the link to the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_tui.answers import Identity, SetupProgress


@dataclass(frozen=True, slots=True)
class Starting:
    """The server is being started or reached."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """The server is making its database."""

    progress: SetupProgress


@dataclass(frozen=True, slots=True)
class Live:
    """The server answers; `identity` is who it takes us for.

    `log` is the file it complains into, None where it runs elsewhere and its log with it.
    """

    identity: Identity
    log: str | None = None


@dataclass(frozen=True, slots=True)
class Retrying:
    """The link broke, and `again` (restarting, trying again) is at `at` on the monotonic clock."""

    reason: str
    again: str
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """There was no link, and trying again by itself would not help."""


LinkState = Starting | Preparing | Live | Retrying | Failed
