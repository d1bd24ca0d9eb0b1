"""Browse: orders, customers, products and stock, row by row, without SQL."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from zava_tui import format as fmt
from zava_tui.answers import DISCONNECTED, ToolError
from zava_tui.filters import BadFilter, parsed
from zava_tui.panels.browsed_grid import BrowsedGrid
from zava_tui.panels.browser import BrowserPanel, RowCard, View, drilled, next_sort
from zava_tui.panels.panel import relinked
from zava_tui.screens.mode import ModeScreen
from zava_tui.sql import ROW_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.client import Client
    from zava_tui.link_states import LinkState

TABLES = {
    "orders": "Orders",
    "order_items": "Order lines",
    "customers": "Customers",
    "products": "Products",
    "inventory": "Stock",
}
"""Titles by the server's names, the most used first."""
NAMING = ("product", "name", "customer", "last_name", "order_date")
"""The columns that name a row in the way one came, the first that there is."""
TABLES_WIDTH = 19
"""Cells for a title and a count."""
MILLION = 1_000_000
NARROW, WIDE = 100, 132
LOW = 30
NOT_CONNECTED = ToolError(DISCONNECTED, "There is no server at the moment.", "It is being started.")


class BrowseScreen(ModeScreen):
    """Tables on the left, rows in the middle, the present row as a card."""

    MODE = "browse"
    KEYS: ClassVar = (
        ("t T", "the next table, the one before"),
        ("/", "to the filter line"),
        ("escape", "leave the filter line; one step back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "follow(0)", "go on", tooltip="From the row to what belongs to it"),
        Binding("o", "follow(1)", "other way", tooltip="The second way on from the row"),
        Binding("backspace", "go_back", "back", tooltip="To where one came from"),
        Binding("slash", "filter", "filter", key_display="/", tooltip="Say which rows to show"),
        Binding("s", "sort", "sort", tooltip="Sort by the column of the cursor"),
        Binding("t", "next_table(1)", "table", tooltip="The next table"),
        Binding("T", "next_table(-1)", "table before", show=False),
        Binding("r", "reload", "reload", tooltip="Ask again"),
        Binding("escape", "leave", "leave", show=False),
    ]

    def __init__(self, clock: Callable[[], float], today: Callable[[], date] = date.today) -> None:
        super().__init__(clock)
        self._today = today
        self._client: Client | None = None
        self._way: list[View] = [View("orders", TABLES["orders"])]
        self._loading = False

    def compose_body(self) -> ComposeResult:
        """List, rows, card."""
        with Horizontal(id="browse"):
            yield OptionList(
                *(Option(title, id=name) for name, title in TABLES.items()),
                id="tables",
                markup=False,
                compact=True,
            )
            yield BrowserPanel(id="browser")
            yield RowCard(id="row-card")

    def on_mount(self) -> None:
        """Mark the table that is shown first."""
        super().on_mount()
        self.query_one("#tables", OptionList).highlighted = 0
        self._name_the_way()

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        self.set_class(event.size.width < NARROW, "-narrow")
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height < LOW, "-low")

    @property
    def view(self) -> View:
        """What is shown."""
        return self._way[-1]

    @property
    def browser(self) -> BrowserPanel:
        """The rows."""
        return self.query_one(BrowserPanel)

    # The link.

    def link_changed(self, state: LinkState, client: Client | None) -> None:
        """Ask once somebody is there."""
        super().link_changed(state, client)
        came = client is not None and client is not self._client
        self._client = client
        for panel in self.panels:
            panel.freshness = relinked(
                panel.freshness, state, connected=client is not None, now=self.clock()
            )
        if came and self.view.page is None:
            self._load()
        if came and client is not None:
            self.run_worker(self._count(client), group="count", exclusive=True, exit_on_error=False)

    async def _count(self, client: Client) -> None:
        """Say beside each table how many rows of it one may see."""
        for place, (name, title) in enumerate(TABLES.items()):
            with suppress(ToolError):
                counted = await client.query(ROW_COUNT.format(table=name), 1)
                tables = self.query_one("#tables", OptionList)
                label = _counted(title, int(counted.rows[0][0]))
                tables.replace_option_prompt_at_index(place, label)

    def _load(self) -> None:
        """The first page of the present view."""
        self._start(self._first_page(self.view))

    async def _first_page(self, view: View) -> None:
        if await self._ask_until_rows(view):
            await self.browser.show(view, narrow=self.has_class("-narrow"))
            self._show_row()
            self.refresh_bindings()

    async def _next_page(self, view: View) -> None:
        before = len(view.rows)
        if await self._ask_until_rows(view):
            self.browser.append(view, view.rows[before:], narrow=self.has_class("-narrow"))

    async def _ask_until_rows(self, view: View) -> bool:
        """Whether a page has come; pages of a rare condition may be empty and yet not the last."""
        before = len(view.rows)
        while await self._ask(view, view.cursor):
            if len(view.rows) > before or view.cursor is None:
                return True
        return False

    async def _ask(self, view: View, cursor: str | None) -> bool:
        """Whether a page has come; else the browser says why not."""
        browser = self.browser
        if self._client is None:
            browser.show_trouble(NOT_CONNECTED)
            return False
        browser.freshness = replace(browser.freshness, busy_since=self.clock())
        self._loading = True
        try:
            page = await self._client.browse(
                view.table, (*view.given, *view.filters), view.sort, cursor
            )
        except ToolError as error:
            browser.show_trouble(error)
            return False
        finally:
            self._loading = False
            browser.freshness = replace(browser.freshness, busy_since=None)
        view.take(page)
        browser.clear_trouble()
        browser.freshness = replace(browser.freshness, updated_at=self.clock())
        return True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, group="browse", exclusive=True, exit_on_error=False)

    @on(BrowsedGrid.NearEnd)
    def load_more(self) -> None:
        """There is more below."""
        if self.view.cursor is not None and not self._loading:
            self._loading = True
            self._start(self._next_page(self.view))

    # Where one is.

    @on(BrowsedGrid.CellHighlighted)
    def _show_row(self) -> None:
        grid = self.browser.grid
        if grid is None or not self.view.rows:
            self.query_one(RowCard).show(self.view, None)
            return
        self.view.place = (grid.cursor_row, grid.cursor_column)
        if grid.cursor_row < len(self.view.rows):
            self.query_one(RowCard).show(self.view, self.view.rows[grid.cursor_row])

    @on(OptionList.OptionSelected, "#tables")
    def _table_chosen(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.action_table(event.option_id)

    @on(BrowsedGrid.HeaderSelected)
    def _header_clicked(self, event: BrowsedGrid.HeaderSelected) -> None:
        self._sort_by(event.column_index)

    @on(Input.Submitted, "#filter-field")
    def _filter_entered(self, event: Input.Submitted) -> None:
        view = self.view
        try:
            filters = parsed(event.value, view.columns, self._today())
        except BadFilter as error:
            self.browser.show_trouble(ToolError("VALIDATION_ERROR", str(error)))
            return
        view.text, view.filters = event.value, tuple(filters)
        view.start_over()
        self.browser.go()
        self._load()

    # Keys and commands.

    def action_table(self, name: str) -> None:
        """Show a table from its beginning."""
        self._way = [View(name, TABLES[name])]
        self.query_one("#tables", OptionList).highlighted = list(TABLES).index(name)
        self._name_the_way()
        self._load()

    def action_next_table(self, step: int) -> None:
        """The next table, or the one before."""
        names = list(TABLES)
        self.action_table(names[(names.index(self._way[0].table) + step) % len(names)])

    def action_follow(self, number: int) -> None:
        """From the row with the cursor to what belongs to it."""
        grid, view = self.browser.grid, self.view
        if grid is None or number >= len(view.links) or grid.cursor_row >= len(view.rows):
            return
        link, row = view.links[number], view.rows[grid.cursor_row]
        self._way.append(drilled(view, link, row, f"{self._named(row)} › {TABLES[link.table]}"))
        self._name_the_way()
        self._load()

    async def action_go_back(self) -> None:
        """To where one came from, as it was."""
        if len(self._way) > 1:
            self._way.pop()
            self._name_the_way()
            await self.browser.show(self.view, narrow=self.has_class("-narrow"))
            self._show_row()

    def action_filter(self) -> None:
        """To the filter line."""
        self.query_one("#filter-field").focus()

    def action_leave(self) -> None:
        """Out of the filter line, or one step back."""
        if isinstance(self.focused, Input):
            self.browser.go()
        elif len(self._way) > 1:
            self.run_worker(self.action_go_back(), exit_on_error=False)

    def action_sort(self) -> None:
        """Sort by the column with the cursor."""
        if self.browser.grid is not None:
            self._sort_by(self.browser.grid.cursor_column)

    def action_reload(self) -> None:
        """Ask again."""
        self.view.start_over()
        self._load()

    def _sort_by(self, place: int) -> None:
        grid = self.browser.grid
        if grid is None:
            return
        column = grid.columns_shown[place]
        sort = next_sort(self.view, column)
        if sort is None:
            self.browser.remark(f"cannot be sorted by {column.label.lower()}")
            return
        self.view.sort = sort
        self.view.start_over()
        self._load()

    def _named(self, row: list[Any]) -> str:
        """A row in a few words."""
        values = dict(zip((c.name for c in self.view.columns), row, strict=True))
        name = next((str(values[n]) for n in NAMING if values.get(n)), "row")
        return name[:16].replace("T", " ") if name[:4].isdigit() else name[:32]

    def _name_the_way(self) -> None:
        self.browser.title = " › ".join(view.title for view in self._way)
        self.browser.redraw_title()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        match action, parameters:
            case "follow", (int(number),):
                return self.is_mounted and number < len(self.view.links)
            case "go_back", _:
                return len(self._way) > 1
        return True

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        for name, title in TABLES.items():
            yield SystemCommand(
                f"Browse {title.lower()}", "From its beginning", lambda n=name: self.action_table(n)
            )
        yield SystemCommand("Filter", "Say which rows to show", self.action_filter)
        yield SystemCommand("Sort", "By the column with the cursor", self.action_sort)
        yield SystemCommand("Reload", "Ask the server again", self.action_reload)


def _counted(title: str, rows: int) -> Content:
    """A table's title, and its rows at the right."""
    amount = fmt.count(rows) if rows < MILLION else f"{rows / MILLION:.2f}M"
    room = TABLES_WIDTH - len(title)
    return Content.assemble(title, (f" {amount}".rjust(room), "$quiet"))


SCREEN = BrowseScreen
"""What the app makes for this mode."""
