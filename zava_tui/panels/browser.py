"""The browser: a filter line over the rows of a table, and the present row as a card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Static

from zava_tui import format as fmt
from zava_tui.answers import Column, Filter
from zava_tui.filters import completions, examples
from zava_tui.panels.browsed_grid import BrowsedGrid
from zava_tui.panels.cells import cell_format, cell_text
from zava_tui.panels.panel import Panel
from zava_tui.panels.replacing import replace_content
from zava_tui.styles import stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from zava_tui.answers import BrowsedColumn, Page, RowLink

NO_ROWS = "No row fits. Change the filter with / or empty it; backspace goes back."
TIME = "timestamptz"
MINUTES = len("2026-11-30T12:00")
SHOWN_EXAMPLES = 3
PLACEHOLDER = "filter: a word, or conditions on columns"


@dataclass(slots=True)
class View:
    """One look at a table: what was asked, what has come so far, where the cursor is."""

    table: str
    title: str
    given: tuple[Filter, ...] = ()
    """Conditions of the way here, which the filter line does not show."""
    text: str = ""
    filters: tuple[Filter, ...] = ()
    sort: str | None = None
    page: Page | None = None
    rows: list[list[Any]] = field(default_factory=list)
    cursor: str | None = None
    place: tuple[int, int] = (0, 0)

    @property
    def columns(self) -> tuple[BrowsedColumn, ...]:
        """All columns of the table, none before the first page."""
        return self.page.columns if self.page else ()

    @property
    def links(self) -> tuple[RowLink, ...]:
        """Where one can go on from a row."""
        return self.page.links if self.page else ()

    def take(self, page: Page) -> None:
        """The next page, or the first one."""
        if self.page is None:
            self.page = page
        self.rows.extend(page.rows)
        self.cursor = page.cursor

    def start_over(self) -> None:
        """What has come is of another question."""
        self.page, self.rows, self.cursor, self.place = None, [], None, (0, 0)


class ColumnSuggester(Suggester):
    """Completes the names of columns."""

    def __init__(self, columns: Sequence[BrowsedColumn]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._columns = columns

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word completed."""
        return completions(value, self._columns)


class BrowserPanel(Panel):
    """The rows of one table."""

    DEFAULT_CSS = stylesheet("browse")
    SCOPED_CSS = False
    TITLE = "Orders"
    SUMMARY = (
        "The rows of a table that you may see, more as you go down. The line above filters: "
        "status:pending, total>500, date:2026-11, or a word alone. enter goes on from a row, from "
        "an order to its lines to a product; backspace goes back."
    )
    KEYS: ClassVar = (
        ("/", "filter; enter applies it, escape leaves the line"),
        ("enter", "go on from the row"),
        ("o", "the other way on, where there are two"),
        ("backspace", "go back"),
        ("s", "sort by the column, once more turns it round"),
        ("t", "the next table; T the one before"),
    )
    FOCUS = ("BrowsedGrid", "#filter-field")

    def compose(self) -> ComposeResult:
        """Filter, a possible error, rows."""
        yield Input(placeholder=PLACEHOLDER, id="filter-field", compact=True)
        yield from super().compose()
        yield Container(id="browsed")

    @property
    def grid(self) -> BrowsedGrid | None:
        """The grid, if there are rows."""
        newest = self.query_one("#browsed").children[-1:]
        return newest[0] if newest and isinstance(newest[0], BrowsedGrid) else None

    async def show(self, view: View, *, narrow: bool) -> None:
        """Put a view in place of the one before."""
        self.clear_trouble()
        line = self.query_one("#filter-field", Input)
        line.value = view.text
        line.suggester = ColumnSuggester(view.columns)
        line.placeholder = _placeholder(view)
        area = self.query_one("#browsed")
        content: BrowsedGrid | Static
        if view.rows:
            places = shown_columns(view, narrow=narrow)
            content = BrowsedGrid(
                [view.columns[place] for place in places],
                shown_cells(view, view.rows, places),
                area.size.width,
            )
        else:
            content = Static(NO_ROWS, classes="message", markup=False)
        await replace_content(area, content)
        if isinstance(content, BrowsedGrid):
            content.move_cursor(row=view.place[0], column=view.place[1])
        if self.screen.focused is None:
            self.go()
        self.describe(view)

    def append(self, view: View, rows: Sequence[Sequence[Any]], *, narrow: bool) -> None:
        """Add the rows of another page."""
        places = shown_columns(view, narrow=narrow)
        if self.grid is not None:
            self.grid.add_rows(shown_cells(view, rows, places))
        self.describe(view)

    def describe(self, view: View) -> None:
        """How many rows there are, and how they are sorted."""
        self.remark(" · ".join(_remarks(view)))


class RowCard(Panel):
    """Every value of the present row, and where one can go on from it."""

    TITLE = "Row"
    SUMMARY = "All there is about the row with the cursor, and the ways on from it."
    HAS_AGE = False

    def compose(self) -> ComposeResult:
        """The text, to be scrolled where it is long."""
        yield from super().compose()
        with VerticalScroll(can_focus=False):
            yield Static("", id="row-text", markup=False)

    def show(self, view: View, row: Sequence[Any] | None) -> None:
        """The values of a row; none for None."""
        lines = [] if row is None else card_lines(view, row)
        self.query_one("#row-text", Static).update(Content("\n").join(lines))


def shown_columns(view: View, *, narrow: bool) -> list[int]:
    """Places of the columns worth a place in the grid.

    Ids are for programs, and what is the same in every row by the way one came says nothing.
    """
    fixed = {condition.column for condition in view.given if condition.operator == "="}
    stores = {
        row[place] for place, c in enumerate(view.columns) if c.name == "store" for row in view.rows
    }
    hidden = fixed | ({"store"} if len(stores) < 2 else set())
    hidden |= {"time_zone", "description"} if narrow else set()
    return [
        place
        for place, column in enumerate(view.columns)
        if column.type != "uuid" and column.name not in hidden
    ]


def shown_cells(
    view: View, rows: Sequence[Sequence[Any]], places: Sequence[int]
) -> list[list[Any]]:
    """The cells of the columns at `places`; times to the minute, as the store's clock showed."""
    return [[_plain(view.columns[place], row[place]) for place in places] for row in rows]


def _plain(column: BrowsedColumn, value: Any) -> Any:
    if column.type == TIME and isinstance(value, str):
        return value[:MINUTES].replace("T", " ")
    return value


def card_lines(view: View, row: Sequence[Any]) -> list[Content]:
    """A line for each value that there is, then the ways on."""
    width = max((cell_len(column.label) for column in view.columns), default=0)
    lines = [
        Content.assemble(
            (f"{fmt.visible(column.label).rjust(width)}  ", "$quiet"),
            cell_text(
                _plain(column, value), cell_format(Column(column.name, column.type), [value])
            ),
        )
        for column, value in zip(view.columns, row, strict=True)
        if value is not None
    ]
    for key, link in zip(("enter", "o"), view.links, strict=False):
        lines.append(Content.assemble((f"\n{key.rjust(width)}  ", "$accent"), link.label))
    return lines


def sorted_by(view: View) -> tuple[str, bool]:
    """The column the rows are sorted by, and whether the largest comes first."""
    name, _, way = (view.page.sort if view.page else "").partition(" ")
    return name, way == "desc"


def next_sort(view: View, column: BrowsedColumn) -> str | None:
    """The sort after the key on a column: up, then down; None where it cannot be sorted by."""
    if not column.sortable:
        return None
    name, descending = sorted_by(view)
    return f"{column.name} {'asc' if name != column.name or descending else 'desc'}"


def _placeholder(view: View) -> str:
    """What the filter line could say of these rows."""
    places = shown_columns(view, narrow=False)
    row = view.rows[0] if view.rows else [None] * len(view.columns)
    shown = examples([view.columns[place] for place in places], [row[place] for place in places])
    word = any("contains" in column.filters for column in view.columns)
    return f"filter: {' '.join(shown[:SHOWN_EXAMPLES])}{', or just a word' if word else ''}"


def _remarks(view: View) -> list[str]:
    page = view.page
    if page is None:
        return []
    amount = fmt.count(len(view.rows))
    if view.cursor is not None:
        more = "more"
        if page.total is not None:
            more = fmt.count(page.total) + ("" if page.total_is_exact else "+")
        amount = f"{amount} of {more}"
    name, descending = sorted_by(view)
    label = next((c.label for c in view.columns if c.name == name), name)
    rows = "row" if amount == "1" else "rows"
    return [f"{amount} {rows}", f"{'▼' if descending else '▲'} {label.lower()}"]


def drilled(view: View, link: RowLink, row: Sequence[Any], title: str) -> View:
    """The view that a link of a row leads to."""
    places = {column.name: place for place, column in enumerate(view.columns)}
    given = tuple(Filter(theirs, "=", row[places[ours]]) for theirs, ours in link.filters)
    return View(link.table, title, given)
