"""The pool of connections: gauges, the last minute, how connections came and went."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content

from zava_tui import format as fmt
from zava_tui.panels.pool import LABEL_WIDTH, PoolPanel, PoolText, replica_lines, status_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from zava_tui.answers import PoolHealth

FULL = 0.9
"""The share in use from which on it is marked."""
REASONS = {
    "idle": "unused",
    "lost": "lost",
    "silent": "no answer",
    "too_much": "too much data",
    "unclean": "could not be cleaned",
    "expired": "old",
    "stopped": "server stopped",
}
"""Why connections are closed, in words."""


class ConnectionsText(PoolText):
    """Gauges, courses, waits and ends."""

    def lines(self, health: PoolHealth, width: int) -> list[Content]:
        """A line each, cut where there is no room."""
        return [line.truncate(width, ellipsis=True) for line in connection_lines(health, width)]


def connection_lines(health: PoolHealth, width: int) -> Iterator[Content]:
    """What to say about the pool where there is room for all of it."""
    most = health.max_size or 1
    gauge = max(6, min(20, width - LABEL_WIDTH - 20))
    course = max(10, min(60, width - LABEL_WIDTH - 12))
    yield Content.assemble(
        _label("in use"),
        (
            fmt.gauge(health.in_use / most, gauge),
            "$warning" if health.in_use / most >= FULL else "$accent",
        ),
        f" {health.in_use} of {health.max_size}",
    )
    yield Content.assemble(
        _label("open"),
        (fmt.gauge(health.size / most, gauge), "$quiet"),
        f" {health.size}",
        (f", {health.idle} idle", "$quiet"),
    )
    yield Content.assemble(
        _label("last min"),
        (fmt.sparkline(health.in_use_history, course, floor=0), "$accent 70%"),
        (f"  most {max(health.in_use_history, default=0)}", "$quiet"),
    )
    queue = max(health.waiting_history, default=0)
    yield Content.assemble(
        _label("waiting"),
        (fmt.sparkline(health.waiting_history, course, floor=0), "$warning" if queue else "$quiet"),
        (
            f"  ! {health.waiting} now, most {queue}" if queue else "  nobody",
            "$warning" if queue else "$quiet",
        ),
    )
    yield Content.assemble(
        _label("wait"),
        f"{fmt.milliseconds(health.wait_p50_ms)} half, {fmt.milliseconds(health.wait_p95_ms)} 95 %",
    )
    ends = ", ".join(
        f"{fmt.count(count)} {REASONS.get(name, name)}"
        for name, count in health.closed_because.items()
    )
    yield Content.assemble(
        _label("so far"),
        f"{fmt.count(health.opened)} opened",
        (f", closed: {ends}" if ends else ", none closed", "$quiet"),
    )
    yield status_line(
        "database",
        health.status,
        health.reason or f"PostgreSQL {health.server_version}, {health.database}",
    )
    yield from replica_lines(health)


class ConnectionsPanel(PoolPanel):
    """The pool in full."""

    TITLE = "Connections"
    SUMMARY = (
        "The server's connections to the database: how many are in use and open now, the course of "
        "both over the last minute, how long calls waited for one, and why connections were closed."
    )
    KEYS: ClassVar = ()

    def compose(self) -> ComposeResult:
        """The text under a possible error."""
        yield self._trouble
        yield ConnectionsText("", markup=False, id="pool-text")


def _label(text: str) -> Content:
    return Content.styled(text.ljust(LABEL_WIDTH), "$quiet")
