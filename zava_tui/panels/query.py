"""The query panel: an SQL editor and what its statement answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.binding import Binding
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from zava_tui import format as fmt
from zava_tui.messages import QuerySubmitted
from zava_tui.panels.grid import ResultView
from zava_tui.panels.panel import Panel
from zava_tui.sql import BEST_SELLERS
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.answers import ResultTable

SYNTAX = {
    "keyword": "syntax-keyword",
    "keyword.operator": "syntax-keyword",
    "conditional": "syntax-keyword",
    "type.qualifier": "syntax-keyword",
    "storageclass": "syntax-keyword",
    "attribute": "syntax-keyword",
    "boolean": "syntax-number",
    "number": "syntax-number",
    "float": "syntax-number",
    "string": "syntax-string",
    "comment": "syntax-comment",
    "function.call": "syntax-function",
    "type.builtin": "syntax-function",
}
"""Token kinds of the SQL grammar, and the theme's variables for them."""


class SqlEditor(TextArea):
    """An editor for one statement."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+enter", "run", "run", show=False),
    ]

    def __init__(self, text: str = BEST_SELLERS, *, id: str | None = "sql-editor") -> None:  # noqa: A002
        super().__init__(text, language="sql", soft_wrap=False, compact=True, id=id)

    def on_mount(self) -> None:
        """Take the colours of the theme, now and whenever it changes."""
        self._take_colours()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._take_colours())

    def _take_colours(self) -> None:
        """The SQL colours of the app's theme; another theme than ours goes without."""
        variables = self.app.theme_variables
        styles = {
            kind: Style(color=variables[name], italic=kind == "comment")
            for kind, name in SYNTAX.items()
            if name in variables
        }
        name = f"sql-{self.app.theme}"
        self.register_theme(TextAreaTheme(name, syntax_styles=styles))
        self.theme = name

    def action_run(self) -> None:
        """Run what is selected, or else all of it."""
        self.post_message(QuerySubmitted(self.selected_text or self.text))


class QueryPanel(Panel):
    """An editor above its results."""

    DEFAULT_CSS = stylesheet("query")
    SCOPED_CSS = False
    TITLE = "Query results"
    SUMMARY = (
        "Write a SELECT over the retail schema and run it; the rows appear below. It sees the "
        "stores that you may see, and cannot change anything."
    )
    FOCUS = ("#results DataTable", "#sql-editor")
    KEYS: ClassVar = (
        ("e", "go to the editor"),
        ("F5", "run the statement"),
        ("escape", "stop a running statement, leave the editor"),
        ("↑ ↓ ← →", "move through the rows"),
    )

    def compose(self) -> ComposeResult:
        """Editor, a possible error, results."""
        yield SqlEditor()
        yield from super().compose()
        yield ResultView(id="results")

    @property
    def sql(self) -> str:
        """What is selected in the editor, or else all of it."""
        editor = self.query_one(SqlEditor)
        return editor.selected_text or editor.text

    async def show(self, answer: ResultTable) -> None:
        """Show a result in place of the one before."""
        self.clear_trouble()
        rows = fmt.count(len(answer.rows))
        amount = f"first {rows} of more" if answer.truncated else f"{rows} rows"
        if len(answer.rows) == 1 and not answer.truncated:
            amount = "1 row"
        old = fmt.staleness(answer.behind_seconds)
        took = fmt.milliseconds(answer.elapsed_ms)
        self.remark(f"{amount} · {took}{old}", f"{amount}{old}")
        await self.query_one(ResultView).show(answer)
