"""Semantic search: a customer's words in, products of the catalogue out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Input, Static

from zava_tui import format as fmt
from zava_tui.messages import SearchRequested
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import Row, RowColumn, RowList
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from zava_tui.answers import Hit, SearchHits

DEBOUNCE_SECONDS = 0.25
EXAMPLE = "something to stop a dripping tap"
BAR_WIDTH = 5
COLUMNS = (
    RowColumn("match", BAR_WIDTH, style="$accent"),
    RowColumn("", 4, "right"),
    RowColumn("product", None),
    RowColumn("category", 18, style="$quiet", needs=84),
    RowColumn("price", 9, "right"),
    RowColumn("stock", 6, "right"),
)


class SearchField(Input):
    """The field to describe a product in; arrow down goes to the hits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,enter", "screen.focus_hits", "to the hits", show=False),
    ]


class SearchPanel(Panel):
    """A field, and the products that come nearest to what is in it."""

    DEFAULT_CSS = stylesheet("search")
    SCOPED_CSS = False
    TITLE = "Search"
    SUMMARY = (
        "Describe what a customer needs in plain words; products appear as you type, best match "
        "first, with their price and the stock of your stores. ~ marks a weak match."
    )
    FOCUS: ClassVar[tuple[str, ...]] = ("#hits OptionList", "#search-field")
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("/", "go to the field"),
        ("↓", "go to the hits"),
        ("escape", "leave"),
    )
    START: ClassVar = EXAMPLE
    """What is in the field at first."""
    COLUMNS: ClassVar[tuple[RowColumn, ...]] = COLUMNS

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._pause: Timer | None = None
        self._message = Static("", classes="message", markup=False)
        self._message.display = False

    def compose(self) -> ComposeResult:
        """Field, a possible message, hits."""
        yield SearchField(
            self.START,
            placeholder="describe what the customer needs",
            id="search-field",
            compact=True,
        )
        yield from super().compose()
        yield RowList(self.COLUMNS, id="hits")
        yield self._message

    @property
    def description(self) -> str:
        """What is in the field."""
        return self.query_one(SearchField).value.strip()

    @on(Input.Changed, "#search-field")
    def wait_for_a_pause(self) -> None:
        """Ask only once the typing has paused."""
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(DEBOUNCE_SECONDS, self.ask)

    def ask(self) -> None:
        """Ask for what is in the field, or show what it is for when that is nothing."""
        if self.description:
            self.post_message(SearchRequested(self.description))
        else:
            self.clear_trouble()
            self._show_message(f"Describe a product, for example: {EXAMPLE}", [])
            self.remark("")

    def show(self, answer: SearchHits) -> None:
        """Show new hits."""
        self.clear_trouble()
        self.remark(f"{len(answer.hits)} products · {fmt.milliseconds(answer.elapsed_ms)}")
        notice = fmt.visible(answer.notice) if answer.notice else ""
        if not answer.hits:
            notice = notice or self.nothing
        self._show_message(notice, self.rows_of(answer.hits))

    @property
    def nothing(self) -> str:
        """What to say when there are no hits."""
        return "Nothing in the catalogue comes near. Try other words."

    def rows_of(self, hits: Sequence[Hit]) -> list[Row]:
        """The rows for hits."""
        return [hit_row(hit, mark="~" if hit.weak else "") for hit in hits]

    def _show_message(self, text: str, rows: list[Row]) -> None:
        self._message.update(text)
        self._message.display = bool(text)
        hits = self.query_one(RowList)
        hits.display = bool(rows)
        hits.show(rows)


def hit_row(hit: Hit, mark: str = "") -> tuple[str, ...]:
    """A hit as a row of the columns above."""
    similarity = hit.similarity
    stock = "" if hit.stock is None else fmt.count(hit.stock) if hit.stock else "! 0"
    return (
        "" if similarity is None else fmt.bar(similarity, BAR_WIDTH),
        "" if similarity is None else mark + f"{similarity:.2f}".removeprefix("0"),
        fmt.visible(hit.name),
        fmt.visible(hit.category),
        fmt.money(hit.price),
        stock,
    )
