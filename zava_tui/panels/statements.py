"""The statements that cost most, sortable, on the screen Performance."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.message import Message
from textual.widgets import OptionList, Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList
from zava_tui.panels.slow_queries import NONE_YET
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from zava_tui.answers import SlowQueries, SlowQuery

SORTS = {"total": "total time", "mean": "mean time", "p95": "95th percentile", "calls": "calls"}
"""What statements can be sorted by, in words; the names are the server's."""
SORTED_BY = {"total": "total_ms", "mean": "mean_ms", "p95": "p95_ms", "calls": "calls"}
SHARE_WIDTH = 6
COLUMNS = (
    RowColumn("share", SHARE_WIDTH, style="$accent", needs=100),
    RowColumn("total", 8, "right"),
    RowColumn("mean", 8, "right"),
    RowColumn("p95", 8, "right"),
    RowColumn("max", 8, "right", needs=140),
    RowColumn("calls", 8, "right"),
    RowColumn("slow", 5, "right", "$warning", needs=76),
    RowColumn("errors", 6, "right", "$error", needs=100),
    RowColumn("for", 11, style="$quiet", needs=120),
    RowColumn("statement", None),
)


class StatementsPanel(Panel):
    """A row a statement; the cursor stays on its statement while the figures change."""

    DEFAULT_CSS = stylesheet("performance")
    SCOPED_CSS = False
    TITLE = "Slow queries"
    SUMMARY = (
        "The statements since the server started: yours, or everybody's for operators. Values are "
        "shown as $1, $2. p95: 95 of 100 calls were faster. share is that of all the time taken; "
        "slow counts the calls above the limit in the border."
    )
    KEYS: ClassVar = (
        ("s", "sort by another figure; so does a click on its title"),
        ("j k g G", "move through the statements"),
        ("enter", "to the plan"),
    )
    PERIOD = 2.0
    FOCUS = ("OptionList",)

    class Chosen(Message):
        """The cursor has come to another statement."""

    class SortChosen(Message):
        """Someone wants the statements sorted by this."""

        def __init__(self, sort: str) -> None:
            super().__init__()
            self.sort = sort

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sort = "total"
        self._queries: tuple[SlowQuery, ...] = ()
        self._chosen: str | None = None

    def compose(self) -> ComposeResult:
        """The table under a possible error."""
        yield from super().compose()
        yield RowList(COLUMNS, id="statements")
        yield Static(NONE_YET, classes="message", markup=False)

    def on_mount(self) -> None:
        """Nothing is known yet."""
        super().on_mount()
        self.query_one(".message").display = False

    @property
    def query_chosen(self) -> SlowQuery | None:
        """The statement with the cursor."""
        place = self.query_one(RowList).place
        if place is None or place >= len(self._queries):
            return None
        return self._queries[place]

    def show(self, answer: SlowQueries) -> None:
        """Show new statistics."""
        # For operators the server's order counts what other servers measured too.
        by = attrgetter(SORTED_BY[self.sort])
        self._queries = tuple(sorted(answer.queries, key=by, reverse=True))
        keys = [query.fingerprint for query in self._queries]
        place = keys.index(self._chosen) if self._chosen in keys else None
        rows = self.query_one(RowList)
        rows.display = bool(answer.queries)
        message = self.query_one(".message", Static)
        message.display = not answer.queries or answer.notice is not None
        message.update(NONE_YET if not answer.queries else fmt.visible(answer.notice or ""))
        rows.reshape([self._marked(column) for column in COLUMNS])
        total = sum(query.total_ms for query in answer.queries) or 1.0
        rows.show((_row(query, total) for query in self._queries), place)
        slow = sum(1 for query in answer.queries if query.slow_calls)
        limit = fmt.milliseconds(answer.threshold_ms)
        self.remark(f"! {slow} over {limit}" if slow else f"none over {limit}")
        self._note_choice()

    def _marked(self, column: RowColumn) -> RowColumn:
        return replace(column, title=f"▼ {column.title}") if column.title == self.sort else column

    @on(OptionList.OptionHighlighted)
    def _note_choice(self) -> None:
        query = self.query_chosen
        chosen = query.fingerprint if query else None
        if chosen != self._chosen:
            self._chosen = chosen
            self.post_message(self.Chosen())

    @on(RowList.HeaderClicked)
    def _header_clicked(self, event: RowList.HeaderClicked) -> None:
        title = COLUMNS[event.column].title
        if title in SORTS:
            self.post_message(self.SortChosen(title))


def _row(query: SlowQuery, total_ms: float) -> tuple[str, ...]:
    return (
        fmt.bar(query.total_ms / total_ms, SHARE_WIDTH),
        fmt.milliseconds(query.total_ms),
        fmt.milliseconds(query.mean_ms),
        fmt.milliseconds(query.p95_ms),
        fmt.milliseconds(query.max_ms),
        fmt.count(query.calls),
        f"! {query.slow_calls}" if query.slow_calls else "",
        fmt.count(query.errors) if query.errors else "",
        fmt.visible(query.operation),
        fmt.visible(" ".join(query.query.split())),
    )
