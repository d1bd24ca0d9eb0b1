"""The overview: the revenue strip above live panels on sales, stock and the server itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Container

from zava_tui.heavy import load
from zava_tui.layout import EXTRA, PANELS, TABS, Layout
from zava_tui.messages import OpenInQuery, QuerySubmitted, SearchRequested
from zava_tui.modes import MODES
from zava_tui.panels.panel import Panel
from zava_tui.panels.revenue_strip import FigureCard, RevenueStrip
from zava_tui.panels.tab_line import TabLine
from zava_tui.panels.top_bar import TopBar
from zava_tui.screens.mode import ModeScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.client import Client
    from zava_tui.configuration import Configuration
    from zava_tui.feeds import Feeds
    from zava_tui.link_states import LinkState

KEYS = (
    ("tab", "to the next part; shift+tab goes back"),
    ("e", "to the SQL editor"),
    ("/", "to the search field"),
    ("F5", "run the statement in the editor"),
    ("p", "the next period of chart, categories and best sellers"),
    ("s", "choose one of your stores, or all of them"),
    ("z", "give the panel all the room, or show all again"),
    ("o", "the whole screen that the panel is a part of"),
    ("[ ]", "the panel before, the next panel"),
    ("escape", "one step back: stop, leave the field, show all"),
)
STRIP = (
    "Revenue of your stores from completed orders, today in each store's own time zone. Today is "
    "compared with the same weekday last week up to this time of day; 7 and 30 days, which include "
    "today so far, with the same length before. A basket is revenue per order."
)
WHOLE = {"query": "query", "search": "search", "slow": "performance", "pool": "health"}
"""The screens that panels are a part of."""
FIELDS = ("sql-editor", "search-field")
"""Where keys are text."""


class PanelFrame(Panel):
    """A panel's frame while what goes into it is still being imported."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.title = PANELS[name]
        self.set_class(name in EXTRA, "-extra")

    def compose(self) -> ComposeResult:
        """Nothing yet."""
        return ()


class OverviewScreen(ModeScreen):
    """Home."""

    MODE = "overview"
    KEYS: ClassVar = KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "editor", "editor", tooltip="Write SQL"),
        Binding("slash", "search", "search", key_display="/", tooltip="Find a product"),
        Binding("f5", "run_query", "run", tooltip="Run the statement in the editor"),
        Binding("p", "next_period", "period", tooltip="7, 30 or 90 days, or 12 months"),
        Binding("s", "choose_store", "store", tooltip="One of your stores, or all"),
        Binding("z", "zoom", "maximise", tooltip="One panel, or all of them"),
        Binding("o", "open_screen", "open", show=False),
        Binding("right_square_bracket,ctrl+pagedown", "next_panel(1)", "next panel", show=False),
        Binding("left_square_bracket,ctrl+pageup", "next_panel(-1)", "last panel", show=False),
        Binding("escape", "step_back", "back", tooltip="One step back"),
    ]

    def __init__(self, clock: Callable[[], float], choices: Configuration) -> None:
        super().__init__(clock)
        self._choices = choices
        self._state: LinkState | None = None
        self._client: Client | None = None
        self._feeds: Feeds | None = None
        self._stores: tuple[str, ...] = ()
        self._current = next(iter(PANELS))

    def compose_body(self) -> ComposeResult:
        """The frame of everything, from widgets that are quick to import."""
        yield RevenueStrip()
        yield TabLine(TABS)
        with Container(id="panels"):
            for name in PANELS:
                yield PanelFrame(name)

    def on_mount(self) -> None:
        """Let the ages grow."""
        super().on_mount()
        self._mark_current(self._current)
        self.app.mode_change_signal.subscribe(self, self._mode_changed)

    def _mode_changed(self, mode: str) -> None:
        if self._feeds is not None:
            self._feeds.shown(is_shown=mode == self.MODE)

    async def furnish(self) -> None:
        """Put the panels into their frames, once their libraries are imported."""
        await load(
            *(f"zava_tui.panels.{name}" for name in ("trend", "pool", "search", "query")),
            "zava_tui.feeds",
        )
        from zava_tui.feeds import Fed, Feeds
        from zava_tui.panels.categories import CategoriesPanel
        from zava_tui.panels.insights import InsightsPanel
        from zava_tui.panels.pool import PoolPanel
        from zava_tui.panels.query import QueryPanel
        from zava_tui.panels.search import SearchPanel
        from zava_tui.panels.sellers import SellersPanel
        from zava_tui.panels.slow_queries import SlowQueriesPanel
        from zava_tui.panels.stock import StockPanel
        from zava_tui.panels.trend import TrendPanel
        from zava_tui.store_feed import StorePanels

        fed = Fed(
            bar=self.query_one(TopBar),
            strip=self.query_one(RevenueStrip),
            query=QueryPanel(id="query"),
            search=SearchPanel(id="search"),
            slow=SlowQueriesPanel(id="slow"),
            pool=PoolPanel(id="pool"),
            stores=StorePanels(
                trend=TrendPanel(id="trend"),
                insights=InsightsPanel(id="insights"),
                categories=CategoriesPanel(id="categories"),
                sellers=SellersPanel(id="sellers"),
                stock=StockPanel(id="stock"),
            ),
        )
        panels = {panel.id: panel for panel in fed.panels}
        for name in EXTRA:
            panels[name].add_class("-extra")
        area = self.query_one("#panels")
        with self.app.batch_update():
            await area.remove_children()
            await area.mount(*(panels[name] for name in PANELS))
        self._mark_current(self._current)
        self._feeds = Feeds(self, self.clock, fed, self._choices)
        if self._state is not None:
            self._feeds.linked(self._state, connected=self._client is not None)
        if self._client is not None:
            self._feeds.connect(self._client)

    @property
    def panels(self) -> list[Panel]:
        """The panels in their order."""
        return list(self.query_one("#panels").query_children(Panel))

    # From the server.

    def link_changed(self, state: LinkState, client: Client | None) -> None:
        """Show the link's state, and ask for data while it is live."""
        from zava_tui.link_states import Live

        super().link_changed(state, client)
        if isinstance(state, Live):
            self._stores = state.identity.stores
        changed = client is not self._client
        self._state, self._client = state, client
        if self._feeds is None:
            return
        self._feeds.linked(state, connected=client is not None)
        if client is not None and changed:
            self._feeds.connect(client)
        elif changed:
            self._feeds.disconnect()

    @on(QuerySubmitted)
    def run_submitted(self, message: QuerySubmitted) -> None:
        """Run what a panel submitted."""
        if self._feeds is not None:
            self._feeds.run_query(message.sql)

    @on(SearchRequested)
    def search_requested(self, message: SearchRequested) -> None:
        """Look for what a panel wants."""
        if self._feeds is not None:
            self._feeds.search(message.description)

    # Layout: all panels, or one at a time.

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        layout = Layout.of(*event.size)
        self.set_class(layout.tabs, "-tabs")
        self.set_class(layout.wide, "-wide")
        self.set_class(layout.slim, "-slim")
        self.set_class(layout.low, "-low")
        for card in self.query(FigureCard):
            card.set_class(layout.low, "-line")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The panel with the focus is the one that stays when there is room for one."""
        for ancestor in event.widget.ancestors_with_self:
            if isinstance(ancestor, Panel) and ancestor.id is not None:
                self._mark_current(ancestor.id)

    def _mark_current(self, name: str) -> None:
        self._current = name
        for panel in self.panels:
            panel.set_class(panel.id == name, "-current")
        self.query_one(TabLine).mark(name)

    def action_show_panel(self, name: str) -> None:
        """Go to a panel; one that has no place beside the others gets all the room."""
        self._mark_current(name)
        alone = self.has_class("-tabs") or self.has_class("-zoomed")
        if not alone and name in EXTRA and not self.has_class("-wide"):
            self.add_class("-zoomed")
        self.query_one(f"#{name}", Panel).go()

    def action_next_panel(self, step: int) -> None:
        """Go to the next panel, or the one before."""
        names = list(PANELS)
        self.action_show_panel(names[(names.index(self._current) + step) % len(names)])

    def action_zoom(self) -> None:
        """Give the present panel all the room, or take it back."""
        self.toggle_class("-zoomed")
        self.refresh_bindings()

    # Which period, and whose.

    def action_next_period(self) -> None:
        """Show another period."""
        if self._feeds is not None:
            self._feeds.choose(self._feeds.choice.next_period())

    def action_choose_store(self) -> None:
        """Ask which store, of those who have several."""
        self.run_worker(self._choose_store(), group="choose", exclusive=True)

    async def _choose_store(self) -> None:
        from zava_tui.screens.store_picker import StorePicker

        if self._feeds is None:
            return
        choice = self._feeds.choice
        store = await self.app.push_screen_wait(StorePicker(self._stores, choice.store))
        self._feeds.choose(replace(choice, store=store))

    # Keys and commands.

    async def action_open_screen(self) -> None:
        """Show the whole screen that the present panel is a part of."""
        name = WHOLE.get(self._current)
        if name == "query" and self._feeds is not None:
            self.post_message(OpenInQuery(self._feeds.statement))
        elif name in MODES:
            await self.run_action(f"app.mode('{name}')")

    def action_editor(self) -> None:
        """Go to the SQL editor."""
        self._mark_current("query")
        self.query("#sql-editor").focus()

    def action_search(self) -> None:
        """Go to the search field."""
        self._mark_current("search")
        self.query("#search-field").focus()

    def action_focus_hits(self) -> None:
        """From the search field to what it found."""
        self.query("#hits OptionList").focus()

    def action_run_query(self) -> None:
        """Run the statement in the editor, or what is selected of it."""
        if self._feeds is not None:
            self._feeds.run_query(self._feeds.statement)

    @property
    def _is_typing(self) -> bool:
        return self.focused is not None and self.focused.id in FIELDS

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        if action == "search":
            return not self._is_typing
        if action == "open_screen":
            return self._current in WHOLE
        if action == "choose_store":
            return len(self._stores) > 1
        if action == "step_back":
            running = self._feeds is not None and self._feeds.is_query_running
            return running or self._is_typing or self.has_class("-zoomed")
        return True

    def action_step_back(self) -> None:
        """One step back: stop what runs, leave the field, show all panels again."""
        if self._feeds is not None and self._feeds.stop_query():
            return
        if self._is_typing:
            self.set_focus(None)
            self.action_show_panel(self._current)
        else:
            self.remove_class("-zoomed")
            self.refresh_bindings()

    def about(self) -> Iterable[tuple[str, str, tuple[tuple[str, str], ...]]]:
        """As every screen, with the strip."""
        keys, *panels = super().about()
        yield from (keys, ("The strip", STRIP, ()), *panels)

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        yield SystemCommand("Editor", "Write SQL in the query panel", self.action_editor)
        yield SystemCommand("Run query", "Run the statement in the editor", self.action_run_query)
        yield SystemCommand("Search products", "Find products by a description", self.action_search)
        yield SystemCommand(
            "Next period",
            "Chart, categories and best sellers of another period",
            self.action_next_period,
        )
        if len(self._stores) > 1:
            yield SystemCommand(
                "Choose a store", "Show one of your stores, or all", self.action_choose_store
            )
        yield SystemCommand(
            "Maximise panel", "Give the present panel all the room, or show all", self.action_zoom
        )
        for name, title in PANELS.items():
            yield SystemCommand(
                f"Go to {title.lower()}",
                f"Put the focus on the panel {title}",
                partial(self.action_show_panel, name),
            )
