"""How the parts of the server do, and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROBE_SECONDS = 3.0
# Balancers and panels may ask as often as they like.
_GOOD_FOR_SECONDS = 1.0


class Status(IntEnum):
    """In the order of severity."""

    OK = 0
    DEGRADED = 1
    DOWN = 2

    @property
    def word(self) -> str:
        """`ok`, `degraded` or `down`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """How a part does. `reason` is one sentence where it is not ok; `details` are for operators."""

    status: Status = Status.OK
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartHealth:
    """A finding with the name of its part, and since when the part has had this status."""

    name: str
    finding: Finding
    since: datetime


Probe = Callable[[], Awaitable[Mapping[str, Finding]]]
"""Looks at one or several parts, by name. It may take 3 s and should raise nothing."""


class HealthBoard:
    """Asks all probes at once, and remembers since when each part has been as it is."""

    def __init__(self) -> None:
        self._probes: dict[tuple[str, ...], Probe] = {}
        self._parts: dict[str, PartHealth] = {}
        self._until = 0.0
        self._looking: asyncio.Task[None] | None = None

    def register(self, probe: Probe, *names: str) -> None:
        """Adds a probe of these parts; it takes the place of one of the same parts."""
        self._probes[names] = probe

    @property
    def parts(self) -> Sequence[PartHealth]:
        """As they were found last."""
        return list(self._parts.values())

    async def look(self) -> Sequence[PartHealth]:
        """How the parts do now, at most a second old; callers at the same time share one look."""
        if time.monotonic() >= self._until:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)
        return self.parts

    async def _look(self) -> None:
        found = await asyncio.gather(*(_ask(probe, names) for names, probe in self._probes.items()))
        now = datetime.now(UTC)
        for findings in found:
            for name, finding in findings.items():
                before = self._parts.get(name)
                unchanged = before is not None and before.finding.status == finding.status
                since = before.since if before is not None and unchanged else now
                self._parts[name] = PartHealth(name, finding, since)
        self._until = time.monotonic() + _GOOD_FOR_SECONDS


async def _ask(probe: Probe, names: Sequence[str]) -> Mapping[str, Finding]:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await probe()
    except TimeoutError:
        late = Finding(Status.DOWN, f"No answer within {_PROBE_SECONDS:.0f} s.")
        return dict.fromkeys(names, late)
