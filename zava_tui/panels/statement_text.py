"""The chosen statement in full, under its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.answers import SlowQuery


class StatementScroll(VerticalScroll):
    """Scrolls with vim's keys as well."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "End", show=False),
    ]


class StatementPanel(Panel):
    """What the chosen statement says and cost."""

    TITLE = "Statement"
    SUMMARY = (
        "The chosen statement in full with its figures: where its time went, how its calls spread, "
        "how many rows it gave, when it ran last. The server keeps no values: they are $1, $2."
    )
    KEYS: ClassVar = (("j k g G", "scroll"),)
    HAS_AGE = False
    FOCUS = ("StatementScroll",)

    def compose(self) -> ComposeResult:
        """Figures and text, to be scrolled where they are long."""
        yield from super().compose()
        with StatementScroll():
            yield Static("", id="statement-text", markup=False)

    def show(self, query: SlowQuery | None) -> None:
        """Show a statement; None empties the panel."""
        lines = [] if query is None else [*_lines(query)]
        self.query_one("#statement-text", Static).update(Content("\n").join(lines))


def _lines(query: SlowQuery) -> Iterator[Content]:
    in_database = query.database_ms / query.total_ms if query.total_ms else 0.0
    when = query.last_seen[:16].replace("T", " ")
    figures = {
        "calls": f"{fmt.count(query.calls)}, last {when} UTC",
        "time": f"{fmt.milliseconds(query.total_ms)}, {in_database:.0%} in the database",
        "spread": f"half ≤ {fmt.milliseconds(query.p50_ms)}, "
        f"99 % ≤ {fmt.milliseconds(query.p99_ms)}",
        "longest": fmt.milliseconds(query.max_ms),
        "rows": fmt.count(query.rows),
    }
    for name, text in figures.items():
        yield Content.assemble((name.ljust(8), "$quiet"), text)
    if query.errors:
        yield Content.assemble(("errors".ljust(8), "$quiet"), (fmt.count(query.errors), "$error"))
    yield Content("")
    for line in query.query.splitlines():
        yield Content(fmt.visible(line))
