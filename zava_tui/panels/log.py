"""The end of the server's log, as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.widgets import OptionList, Static

from zava_tui import format as fmt
from zava_tui.log_tail import LEVELS, LogLine, at_least
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

SYMBOLS = {"debug": "· debug", "info": "· info", "warning": "! warning", "error": "✖ error"}
STYLES = {SYMBOLS["warning"]: "$warning", SYMBOLS["error"]: "$error"}
ELSEWHERE = (
    "The server runs elsewhere, and its log stays there. Whoever runs it finds it in the data "
    "directory, under logs."
)
NOT_YET = "The log is shown here once the server has been started."
COLUMNS = (
    RowColumn("time", 8, style="$quiet"),
    RowColumn("level", 9, style=lambda text: STYLES.get(text, "$quiet"), needs=50),
    RowColumn("what", None, style=lambda text: "$error" if text.startswith("✖") else ""),
)


class LogPanel(Panel):
    """Lines of the log, the newest last; the cursor follows them while it is on the last."""

    TITLE = "Server log"
    SUMMARY = (
        "The end of the log of the server that this app started, the newest line last; times are "
        "UTC. While the cursor is on the last line it follows what is new. The line with the "
        "cursor is shown in full below."
    )
    KEYS: ClassVar = (
        ("l", "only what is at least this urgent: all, info, warnings, errors"),
        ("j k g G", "move through the lines; G follows what is new"),
    )
    HAS_AGE = False
    FOCUS = ("OptionList",)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.level = "info"
        self._all: Sequence[LogLine] = ()
        self._shown: list[LogLine] = []

    def compose(self) -> ComposeResult:
        """Rows, the present one in full, or why there are none."""
        yield from super().compose()
        yield RowList(COLUMNS, id="log-lines")
        yield Static("", id="log-line", markup=False)
        yield Static(NOT_YET, classes="message", markup=False)

    def on_mount(self) -> None:
        """There is nothing yet."""
        super().on_mount()
        self.say(NOT_YET)

    def say(self, sentence: str) -> None:
        """Show no lines but why there are none."""
        self._all, self._shown = (), []
        self._fill(sentence)
        self.remark("")

    def show(self, lines: Sequence[LogLine]) -> None:
        """Show the lines there are now."""
        self._all = lines
        follows = self._is_at_end
        self._shown = at_least(lines, self.level)
        least = "all" if self.level == LEVELS[0] else f"{self.level} and worse"
        if self.level == LEVELS[-1]:
            least = "errors"
        hidden = len(lines) - len(self._shown)
        self.remark(f"{least}{f', {hidden} hidden' if hidden else ''}")
        self._fill("" if self._shown else self._nothing)
        rows = self.query_one(RowList)
        rows.show(map(_row, self._shown), len(self._shown) - 1 if follows else None)
        self._tell()

    def only(self, level: str) -> None:
        """Show only what is at least this urgent."""
        self.level = level
        self.show(self._all)

    @property
    def is_empty(self) -> bool:
        """Whether no lines have come yet."""
        return not self._all

    @property
    def _nothing(self) -> str:
        if not self._all:
            return "The server has not written anything yet."
        return f"Nothing at least as urgent as {self.level}. Press l for more."

    @property
    def _is_at_end(self) -> bool:
        place = self.query_one(RowList).place
        return place is None or place >= len(self._shown) - 1

    def _fill(self, message: str) -> None:
        self.query_one(".message", Static).update(message)
        self.query_one(".message").display = bool(message)
        self.query_one(RowList).display = not message
        self.query_one("#log-line").display = not message

    @on(OptionList.OptionHighlighted)
    def _tell(self) -> None:
        place = self.query_one(RowList).place
        line = ""
        if place is not None and place < len(self._shown):
            line = fmt.visible(self._shown[place].text)
        self.query_one("#log-line", Static).update(line)


def _row(line: LogLine) -> tuple[str, ...]:
    level = SYMBOLS[line.level] if line.time else ""
    return (line.time, level, fmt.visible(line.text))
