"""A backend that does what a test tells it to: fixed answers, and a link that breaks on command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual._context import visible_screen_stack
from textual.widgets import Input, TextArea

from tests.ui.scripted_operations import HEALTH, PLAN, POOL, SLOW
from tests.ui.scripted_products import ABOUT_A_KIT, LIKE_A_KIT, page_about
from tests.ui.scripted_stores import ALERTS, PERFORMANCE, SELLERS, TREND, TREND_BEFORE
from tests.ui.scripted_tables import ROWS, page_of
from zava_tui.answers import (
    Column,
    Filter,
    Hit,
    Identity,
    Page,
    Plan,
    PoolHealth,
    ResultTable,
    SearchFilters,
    SearchHits,
    ServerHealth,
    SetupProgress,
    SlowQueries,
    ToolError,
)
from zava_tui.app import ZavaApp
from zava_tui.configuration import Configuration
from zava_tui.link_states import Failed, LinkState, Live, Starting
from zava_tui.preparation import DemoUser
from zava_tui.sent_statements import SentStatements
from zava_tui.sql import REVENUE, ROW_COUNT
from zava_tui.store_answers import Performance, Seller, StockAlert, Trend

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from zava_tui.client import Client
    from zava_tui.link import Link, Report
    from zava_tui.preparation import Preparation
    from zava_tui.screens.overview import OverviewScreen

NOTHING_CHOSEN = Configuration()
MAYA = Identity("seattle", "Maya Lindqvist", "store_manager", ("Seattle",))
USERS = [
    DemoUser("bellevue", "Daniel Park", "store_manager", ("Bellevue",)),
    DemoUser("seattle", "Maya Lindqvist", "store_manager", ("Seattle",)),
    DemoUser(
        "puget-sound", "Carol Nakamura", "regional_manager", ("Bellevue", "Everett", "Tacoma")
    ),
    DemoUser("catalogue-agent", "Catalogue agent", "viewer", ()),
]

_DAYS = (6412.5, 7120.0, 5880.25, 6790.4, 8015.1, 9230.0, 4782.75)
REVENUE_ROWS = [
    [
        days_ago,
        _DAYS[days_ago % 7] * (1 - days_ago / 400),
        {0: 6412.5, 7: 5705.0, 30: 5100.0}.get(days_ago, 0),
        {0: 41, 7: 36, 30: 33}.get(days_ago, 0),
    ]
    for days_ago in range(60)
]

BEST_SELLERS = ResultTable(
    columns=(
        Column("product", "text"),
        Column("units", "int8"),
        Column("revenue", "numeric"),
        Column("note", "text"),
        Column("product_id", "int8"),
    ),
    rows=[
        ["Deck Stain, Cedar, 5 gal", 1038, 14940.0, None, 100201],
        ["20V Cordless Drill/Driver Kit, 1/2 in", 221, 12154.78, "", 100202],
        ["All-Purpose Latex Primer, 1 gal", 388, 9302.12, "promoted", 100203],
        ["Faucet Washer Assortment, 120-Piece", 512, 3573.76, None, 100204],
        ["[bold]Markup[/] stays markup", 12, 120.0, "\x1b[31mescape\x1b[0m", 100205],
        ["漢字 and a line\nbreak", 7, -33.5, "\u202ereordered", 100206],
    ],
    truncated=False,
    elapsed_ms=4.2,
)
DRIPPING_TAP = SearchHits(
    hits=(
        Hit("PL-1", "Faucet Washer Kit", "plumbing", 6.49, 0.71, 34, weak=False),
        Hit("PL-2", "Valve Seat Wrench", "plumbing", 14.99, 0.66, 6, weak=False),
        Hit("PL-3", "Pipe Thread Tape 1/2 in", "plumbing", 2.19, 0.58, 210, weak=False),
        Hit("PL-4", "Compression Sleeve Puller", "plumbing", 1024.5, 0.41, 0, weak=True),
    ),
    notice=None,
    elapsed_ms=8.0,
)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedClient:
    """Answers from fixed values; a test may replace what the `on_…` ones do."""

    def __init__(self) -> None:
        self.sent = SentStatements()
        self.statements: list[str] = []
        self.most_rows: list[int] = []
        self.searches: list[str] = []
        self.filters: list[SearchFilters | None] = []
        self.similar_to: list[str] = []
        self.sorts: list[str] = []
        self.explained: list[tuple[str, bool]] = []
        self.health_asked = 0
        self.slow = SLOW
        self.pool = POOL
        self.health = HEALTH
        self.on_figures: Callable[[str], Awaitable[ResultTable]] | None = None
        self.on_explain: Callable[[str], Awaitable[Plan]] | None = None
        self.on_health: Callable[[], Awaitable[ServerHealth]] | None = None
        self.on_query: Callable[[str], Awaitable[ResultTable]] | None = None
        self.on_revenue: Callable[[str], Awaitable[ResultTable]] | None = None
        self.on_search: Callable[[str], Awaitable[SearchHits]] | None = None
        self.on_browse: Callable[[str], Awaitable[Page]] | None = None
        self.on_performance: Callable[[], Awaitable[Performance]] | None = None
        self.asked_about: list[tuple[str, str | None]] = []
        self.browsed: list[tuple[str, tuple[Filter, ...], str | None, str | None]] = []

    async def whoami(self, report: Callable[[SetupProgress], None]) -> Identity:
        return MAYA

    async def query(self, sql: str, max_rows: int = 1000) -> ResultTable:
        if sql == REVENUE:
            if self.on_revenue:
                return await self.on_revenue(sql)
            return ResultTable((), REVENUE_ROWS, truncated=False, elapsed_ms=3.0)
        if sql.startswith("WITH product AS"):
            return await self.on_figures(sql) if self.on_figures else ABOUT_A_KIT
        if counted := next((t for t in ROWS if sql == ROW_COUNT.format(table=t)), None):
            rows = [[len(ROWS[counted])]]
            return ResultTable((Column("rows", "int8"),), rows, truncated=False, elapsed_ms=1.0)
        self.statements.append(sql)
        self.most_rows.append(max_rows)
        return await self.on_query(sql) if self.on_query else BEST_SELLERS

    async def explain(self, sql: str, *, analyze: bool = False) -> Plan:
        self.explained.append((sql, analyze))
        return await self.on_explain(sql) if self.on_explain else PLAN

    async def search(
        self, description: str, max_rows: int = 20, filters: SearchFilters | None = None
    ) -> SearchHits:
        self.searches.append(description)
        self.filters.append(filters)
        return await self.on_search(description) if self.on_search else DRIPPING_TAP

    async def similar(self, sku: str, max_rows: int = 5) -> SearchHits:
        self.similar_to.append(sku)
        return LIKE_A_KIT

    async def browse(
        self,
        table: str,
        filters: Sequence[Filter] = (),
        sort: str | None = None,
        cursor: str | None = None,
    ) -> Page:
        self.browsed.append((table, tuple(filters), sort, cursor))
        if self.on_browse:
            return await self.on_browse(table)
        if table == "products" and filters and filters[0].column == "sku":
            return page_about(filters[0].value) or page_of(table, filters, sort, cursor)
        return page_of(table, filters, sort, cursor)

    async def slow_queries(self, limit: int = 50, sort: str = "total") -> SlowQueries:
        self.sorts.append(sort)
        return self.slow

    async def pool_health(self) -> PoolHealth:
        return self.pool

    async def server_health(self) -> ServerHealth:
        self.health_asked += 1
        return await self.on_health() if self.on_health else self.health

    async def columns_by_table(self) -> dict[str, tuple[str, ...]]:
        return {
            "orders": ("store_id", "order_id", "customer_id", "order_date", "total_amount"),
            "products": ("product_id", "sku", "name", "base_price"),
        }

    async def performance(self, period: str, store: str | None) -> Performance:
        self.asked_about.append((period, store))
        return await self.on_performance() if self.on_performance else PERFORMANCE

    async def trend(self, period: str, store: str | None, step: str | None) -> Trend:
        return TREND_BEFORE if ".." in period else TREND

    async def best_sellers(self, period: str, store: str | None, limit: int) -> tuple[Seller, ...]:
        return SELLERS

    async def stock_alerts(self, store: str | None, limit: int) -> tuple[StockAlert, ...]:
        return ALERTS


class ScriptedLink:
    """A link that a test makes live and breaks."""

    def __init__(self, script: tuple[LinkState | ToolError, ...]) -> None:
        self.client: Client | None = None
        self.scripted = ScriptedClient()
        self.script = script
        self._report: Report | None = None
        self.started = False
        self.reopened = 0

    async def run(self, report: Report) -> ToolError:
        self._report = report
        self.started = True
        for step in self.script:
            if isinstance(step, ToolError):
                report(Failed())
                return step
            self.become(step)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    def reopen(self) -> None:
        self.reopened += 1

    def become(self, state: LinkState) -> None:
        """Report a state."""
        assert self._report is not None
        self.client = self.scripted if isinstance(state, Live) else None
        self._report(state)


class ScriptedPreparation:
    """A database that reports what it was told to and is then ready."""

    def __init__(self) -> None:
        self.script: tuple[SetupProgress | ToolError, ...] = ()
        self.people = USERS
        self.left = False

    async def __aenter__(self) -> Preparation:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.left = True

    async def users(self, report: Callable[[SetupProgress], None]) -> list[DemoUser]:
        for step in self.script:
            if isinstance(step, ToolError):
                raise step
            report(step)
        return self.people


class ScriptedBackend:
    """The whole backend."""

    asks_for_user = True

    def __init__(self, *script: LinkState | ToolError) -> None:
        self.scripted_link = ScriptedLink(script or (Starting(), Live(MAYA)))
        self.scripted_preparation = ScriptedPreparation()
        self.linked_as: list[str | None] = []

    def preparation(self) -> Preparation:
        return self.scripted_preparation

    def link(self, user: str | None) -> Link:
        self.linked_as.append(user)
        return self.scripted_link


def scripted_app(
    *script: LinkState | ToolError,
    user: str | None = "seattle",
    theme: str = "zava-dark",
    choices: Configuration = NOTHING_CHOSEN,
) -> tuple[ZavaApp, ScriptedBackend, Clock]:
    """An app on a backend that follows `script`; live at once without one."""
    clock = Clock()
    backend = ScriptedBackend(*script)
    app = ZavaApp(backend, user=user, theme=theme, choices=choices, clock=clock)
    return app, backend, clock


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until `condition` holds; fails after `seconds` with what is on the screen."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await pilot.pause(0.01)
    except TimeoutError:
        raise AssertionError(f"it never came to that:\n{text_of(pilot)}") from None
    await pilot.pause()


def text_of(pilot: Pilot[Any]) -> str:
    """What is on the screen, as lines of text."""
    # The screen has no public way to its text. What it draws here is drawn no more: a card without
    # the screens behind it would stay without them.
    visible_screen_stack.set(pilot.app._background_screens)
    return "\n".join(line.text for line in pilot.app.screen._compositor.render_strips())


async def until_shown(pilot: Pilot[Any], *texts: str, seconds: float = 15) -> None:
    """Wait until all of `texts` are on the screen."""
    await until(pilot, lambda: all(text in text_of(pilot) for text in texts), seconds)


async def until_gone(pilot: Pilot[Any], text: str) -> None:
    """Wait until `text` is not on the screen."""
    await until(pilot, lambda: text not in text_of(pilot))


async def until_live(pilot: Pilot[Any]) -> None:
    """Wait until every part of the overview has its data."""
    overview = overview_of(pilot)
    await until(pilot, lambda: overview.query("#results DataTable, #results .message"))
    await until(pilot, lambda: all(panel.freshness.updated_at for panel in overview.panels))
    for field in overview.query("Input, TextArea"):
        assert isinstance(field, Input | TextArea)
        field.cursor_blink = False
    await pilot.pause()


def overview_of(pilot: Pilot[Any]) -> OverviewScreen:
    """The app's home screen."""
    app = pilot.app
    assert isinstance(app, ZavaApp)
    return app.overview
