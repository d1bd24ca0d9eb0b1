"""The server's health, a line a check."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import TONE_STYLES, Panel
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.answers import HealthCheck, ServerHealth

STATUS = {
    "ok": fmt.Note("● ok", "good"),
    "degraded": fmt.Note("◐ degraded", "warning"),
    "down": fmt.Note("✖ down", "bad"),
}
WORSE = {"degraded": 1, "down": 2}
NAME_WIDTH, STATUS_WIDTH = 12, 11
SINCE_WIDTH = 12
WHY = {
    "database": "PostgreSQL answers, and calls get a connection",
    "schema": "every migration of this version is there",
    "identity key": "the database believes who the server says you are",
    "embedder": "all products can be found by meaning",
    "cache": "answers are kept, and changes are told",
    "replicas": "they answer queries and are close behind",
    "disk": "there is room where the data directory lies",
}
"""What it means that a check is well."""


class ChecksScroll(VerticalScroll):
    """Scrolls with vim's keys as well."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "End", show=False),
    ]


class ChecksPanel(Panel):
    """What the server leans on, how it is, and since when."""

    DEFAULT_CSS = stylesheet("health")
    SCOPED_CSS = False
    TITLE = "Health"
    SUMMARY = (
        "What the server leans on, a line each: how it is and since when, and where it is not well "
        "why. Since is at most since the server started. Operators see figures and versions too."
    )
    KEYS: ClassVar = (("j k g G", "scroll"),)
    PERIOD = 2.0
    FOCUS = ("ChecksScroll",)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._health: ServerHealth | None = None

    def compose(self) -> ComposeResult:
        """A possible error, the lines."""
        yield from super().compose()
        with ChecksScroll():
            yield Static("", id="checks", markup=False)

    def on_resize(self, _: object) -> None:
        """Lay the lines out for the new width."""
        self._draw_border()
        self._draw()

    def show(self, health: ServerHealth) -> None:
        """Show a new state."""
        self._health = health
        self.remark(f"{STATUS[health.status].text} · up {fmt.age(health.uptime_seconds)}")
        self._draw()

    def _draw(self) -> None:
        if self._health is not None:
            width = self.size.width - 1
            lines = [*health_lines(self._health, width, datetime.now(UTC))]
            self.query_one("#checks", Static).update(Content("\n").join(lines))


def health_lines(health: ServerHealth, width: int, now: datetime) -> Iterator[Content]:
    """A line a check in `width` cells, the worst first, with the reason below if there is one."""
    for check in sorted(health.checks, key=lambda check: -WORSE.get(check.status, 0)):
        note = STATUS.get(check.status, fmt.Note(f"◌ {check.status}", "muted"))
        line = Content.assemble(
            (fmt.fit(note.text, STATUS_WIDTH), TONE_STYLES[note.tone]),
            fmt.fit(fmt.visible(check.name), NAME_WIDTH) + " ",
            (fmt.fit(_since(check, now), SINCE_WIDTH), "$quiet"),
        )
        figures = " · ".join(_figures(check))
        if check.reason:
            yield line
            yield Content.styled(
                " " * STATUS_WIDTH + fmt.visible(check.reason),
                "$error" if check.status == "down" else "$warning",
            )
        else:
            text = figures or WHY.get(check.name, "")
            room = width - line.cell_length - 2
            fits = room >= 12
            more = "  " + fmt.fit(text, room).rstrip() if fits else ""
            yield line + Content.styled(more, "$quiet")
    if health.versions:
        versions = " · ".join(f"{name} {number}" for name, number in health.versions.items())
        yield Content.styled("\n" + fmt.visible(versions), "$quiet")


def _since(check: HealthCheck, now: datetime) -> str:
    """`since 14:02`, with the day where that is another."""
    try:
        at = datetime.fromisoformat(check.since)
    except ValueError:
        return ""
    here, today = at.astimezone(), now.astimezone()
    return f"since {here:%H:%M}" if here.date() == today.date() else f"since {here:%d %b}"


def _figures(check: HealthCheck) -> Iterator[str]:
    """An operator's figures in a few words each."""
    for name, value in check.details.items():
        if value is None:
            continue
        words = name.replace("_", " ")
        match name, value:
            case "answered_ms", float() | int():
                yield fmt.milliseconds(value)
            case (("kind" | "name" | "model" | "version" | "changes"), _):
                yield fmt.visible(str(value))
            case _, int() | float() if name.endswith("bytes") or "bytes" in name:
                yield f"{words.replace('bytes', '').strip()} {size(value)}"
            case _, int() | float():
                yield f"{words} {fmt.count(value)}"
            case _:
                yield f"{words} {fmt.visible(str(value))}"


def size(count: float) -> str:
    """Bytes in the unit that fits: `540 MB`, `53.6 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
