"""The server's database connections: how many are in use, who waits, and what they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel, styled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from zava_tui.answers import PoolHealth

GAUGE_WIDTH = 10
STATUS = {
    "ok": fmt.Note("● ok", "good"),
    "indexing": fmt.Note("◐ indexing", "warning"),
    "degraded": fmt.Note("◐ degraded", "warning"),
    "down": fmt.Note("✖ down", "bad"),
}
LABEL_WIDTH = 10


class PoolPanel(Panel):
    """A gauge, the last minute, and a line for each thing the server leans on."""

    TITLE = "Pool"
    SUMMARY = (
        "The server's connections to the database: how many are in use now and over the last "
        "minute, how long calls wait for one, and whether database and search are well."
    )
    PERIOD = 2.0
    FOCUS = ("#pool-text",)

    def compose(self) -> ComposeResult:
        """The text under a possible error."""
        yield from super().compose()
        yield PoolText("", markup=False, id="pool-text")

    def show(self, health: PoolHealth) -> None:
        """Show a new state."""
        self.clear_trouble()
        self.query_one(PoolText).health = health


class PoolText(Static, can_focus=True):
    """The panel's text, laid out anew for every width."""

    _health: PoolHealth | None = None

    @property
    def health(self) -> PoolHealth | None:
        """What is shown; None before the first answer."""
        return self._health

    @health.setter
    def health(self, value: PoolHealth) -> None:
        if value != self._health:
            self._health = value
            self.refresh()

    def render(self) -> Content:
        """The lines for the present width."""
        if self._health is None:
            return Content("")
        return Content("\n").join(self.lines(self._health, self.size.width))

    def lines(self, health: PoolHealth, width: int) -> list[Content]:
        """What to say in lines of `width` cells."""
        return pool_lines(health, width)


def pool_lines(health: PoolHealth, width: int) -> list[Content]:
    """What to say about the pool in lines of `width` cells."""
    share = health.in_use / health.max_size if health.max_size else 0.0
    busy = "$warning" if share >= 0.9 else "$accent"
    waiting = "$warning" if health.waiting else "$quiet"
    gauge = Content.assemble(
        _label("in use"),
        (fmt.gauge(share, GAUGE_WIDTH), busy),
        f" {health.in_use} of {health.max_size}",
    )
    waits = Content.assemble(
        (f"{'! ' if health.waiting else ''}{health.waiting} waiting", waiting),
        (f"   wait p95 {fmt.milliseconds(health.wait_p95_ms)}", "$quiet"),
    )
    side_by_side = gauge.cell_length + waits.cell_length + 3 <= width
    lines = (
        [Content.assemble(gauge, "   ", waits)]
        if side_by_side
        else [gauge, Content.assemble(_label(""), waits)]
    )
    course = fmt.sparkline(health.in_use_history, max(10, min(60, width - LABEL_WIDTH)), floor=0)
    indexed = fmt.count(health.products)
    if health.embedded < health.products:
        indexed = f"{fmt.count(health.embedded)} of {indexed}"
    lines += [
        Content.assemble(_label("last min"), (course, "$accent 70%")),
        status_line(
            "database",
            health.status,
            health.reason or f"PostgreSQL {health.server_version}, {health.database}",
        ),
        *replica_lines(health),
        status_line(
            "search",
            "ok" if health.embedded >= health.products else "indexing",
            f"{indexed} products · {health.embedder}, {health.dimensions}-d",
        ),
    ]
    return lines


def replica_lines(health: PoolHealth) -> Iterator[Content]:
    """How the replicas are, in a line, where there are any."""
    if (replicas := health.replicas) is not None:
        behind = replicas.behind_seconds
        far = "" if behind is None else f"{fmt.milliseconds(behind * 1000)} behind, "
        in_use = f"{replicas.in_use} of {replicas.max_size} in use"
        yield status_line("replicas", replicas.status, replicas.reason or far + in_use)


def _label(text: str) -> Content:
    return Content.styled(text.ljust(LABEL_WIDTH), "$quiet")


def status_line(name: str, status: str, detail: str) -> Content:
    """How a part is, in a symbol, a word and a few more."""
    note = STATUS.get(status, fmt.Note(f"◌ {status}", "muted"))
    return Content.assemble(_label(name), styled(note), (f"  {fmt.visible(detail)}", "$quiet"))
