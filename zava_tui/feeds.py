"""Keeps the panels of the overview supplied: asks the server, hands each panel its answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from zava_tui.answers import DATABASE_UNAVAILABLE, DISCONNECTED, ToolError
from zava_tui.figures import revenue_figures
from zava_tui.panels.panel import relinked
from zava_tui.panels.revenue_strip import PERIOD as STRIP_PERIOD
from zava_tui.sql import REVENUE
from zava_tui.store_feed import Choice, StoreFeed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from textual.screen import Screen

    from zava_tui.answers import PoolHealth
    from zava_tui.client import Client
    from zava_tui.configuration import Configuration
    from zava_tui.link_states import LinkState
    from zava_tui.panels.panel import Panel
    from zava_tui.panels.pool import PoolPanel
    from zava_tui.panels.query import QueryPanel
    from zava_tui.panels.revenue_strip import RevenueStrip
    from zava_tui.panels.search import SearchPanel
    from zava_tui.panels.slow_queries import SlowQueriesPanel
    from zava_tui.panels.top_bar import TopBar
    from zava_tui.store_feed import StorePanels

Answer = TypeVar("Answer")

NOT_CONNECTED = ToolError(
    DISCONNECTED, "There is no server at the moment.", "Your text is kept; run it again when it is."
)
LOST_WITH_SERVER = ToolError(
    DISCONNECTED,
    "The server stopped while this statement ran.",
    "It is being restarted; press F5 to run the statement again.",
)


RETRY_SECONDS = 1.0
"""Between two attempts to get the strip's figures while that fails."""
REFRESHED = ("strip", "stores", "slow", "pool")
"""What is asked for again and again."""
DATABASE_DOWN = "The database is down."


@dataclass(frozen=True)
class Fed:
    """The parts of the overview that show what the server knows."""

    bar: TopBar
    strip: RevenueStrip
    query: QueryPanel
    search: SearchPanel
    slow: SlowQueriesPanel
    pool: PoolPanel
    stores: StorePanels

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Those with a border."""
        return (self.query, self.search, self.slow, self.pool, *self.stores.all)


class Feeds:
    """What flows from the server into the panels, as workers of their screen.

    A worker's group is exclusive: a newer question drops the answer to an older one.
    """

    def __init__(
        self,
        screen: Screen[None],
        clock: Callable[[], float],
        fed: Fed,
        choices: Configuration,
    ) -> None:
        self._screen = screen
        self._clock = clock
        self._fed = fed
        self._client: Client | None = None
        self._has_run = False
        self._is_shown = True
        self._figures_asked = asyncio.Event()
        self._figures_due = asyncio.Event()
        self._embedded: int | None = None
        self._refresh_seconds = choices.refresh_seconds
        self._choice = Choice(choices.period)
        self._store_feed = StoreFeed(fed.stores, clock)

    @property
    def choice(self) -> Choice:
        """What the panels on sales and stock are about."""
        return self._choice

    def choose(self, choice: Choice) -> None:
        """Show another period, or another store."""
        if choice != self._choice:
            self._choice = choice
            if self._client is not None:
                self._start("stores", self._feed_stores(self._client))

    async def _feed_stores(self, client: Client) -> None:
        await self._figures_asked.wait()
        await self._store_feed.follow(client, self._choice)

    def connect(self, client: Client) -> None:
        """Start asking; the editor's statement is run only the first time."""
        self._client = client
        self._figures_asked.clear()
        for live in (self._fed.slow, self._fed.pool):
            period = self._refresh_seconds or live.PERIOD
            live.freshness = replace(live.freshness, period=period)
        if self._is_shown:
            self._keep_asking(client)
        if not self._has_run:
            self._has_run = True
            self.run_query(self.statement)
        self._fed.search.ask()

    def _keep_asking(self, client: Client) -> None:
        self._start("strip", self._feed_strip(client))
        self._start("slow", self._feed(self._fed.slow, client.slow_queries, self._fed.slow.show))
        self._start("stores", self._feed_stores(client))
        self._start("pool", self._feed(self._fed.pool, client.pool_health, self._show_pool))

    def shown(self, *, is_shown: bool) -> None:
        """Nobody looks at a screen that is not shown: it asks for nothing."""
        if is_shown == self._is_shown:
            return
        self._is_shown = is_shown
        if not is_shown:
            self._cancel(*REFRESHED)
        elif self._client is not None:
            self._keep_asking(self._client)

    def _cancel(self, *groups: str) -> None:
        for group in groups:
            self._screen.workers.cancel_group(self._screen, group)

    def disconnect(self) -> None:
        """Stop asking; the last answers stay, dimmed."""
        self._client = None
        self._cancel(*REFRESHED, "search")
        self._fed.strip.dim()

    def linked(self, state: LinkState, *, connected: bool) -> None:
        """Say in each panel how the link does."""
        for panel in self._fed.panels:
            panel.freshness = relinked(
                panel.freshness, state, connected=connected, now=self._clock()
            )

    def run_query(self, sql: str) -> None:
        """Run a statement and show what it answers."""
        if self._client is None:
            self._fed.query.show_trouble(NOT_CONNECTED)
        elif sql.strip():
            self._start("query", self._query(self._client, sql))

    @property
    def statement(self) -> str:
        """What is selected in the editor, or else all of it."""
        return self._fed.query.sql

    @property
    def is_query_running(self) -> bool:
        """Whether a statement is on its way."""
        return self._fed.query.freshness.busy_since is not None

    def stop_query(self) -> bool:
        """End the running statement, here and in the database; whether there was one."""
        if not self.is_query_running:
            return False
        self._screen.workers.cancel_group(self._screen, "query")
        self._fed.query.remark("stopped")
        return True

    def search(self, description: str) -> None:
        """Look for products, unless nobody is there to ask: the next connection asks by itself."""
        if self._client is not None:
            self._start("search", self._search(self._client, description))

    async def _query(self, client: Client, sql: str) -> None:
        panel = self._fed.query
        panel.freshness = replace(panel.freshness, busy_since=self._clock())
        self._screen.refresh_bindings()
        try:
            answer = await client.query(sql)
        except ToolError as error:
            panel.show_trouble(LOST_WITH_SERVER if error.code == DISCONNECTED else error)
            self._heed(error)
        else:
            await panel.show(answer)
            panel.freshness = replace(panel.freshness, updated_at=self._clock())
            if self._screen.focused is None and panel.display:
                panel.go()
        finally:
            panel.freshness = replace(panel.freshness, busy_since=None)
            self._screen.refresh_bindings()

    async def _search(self, client: Client, description: str) -> None:
        panel = self._fed.search
        try:
            answer = await client.search(description)
        except ToolError as error:
            if error.code != DISCONNECTED:
                panel.show_trouble(error)
            self._heed(error)
            return
        if description == panel.description:
            panel.show(answer)
            panel.freshness = replace(panel.freshness, updated_at=self._clock())

    async def _feed(
        self, panel: Panel, ask: Callable[[], Awaitable[Answer]], show: Callable[[Answer], None]
    ) -> None:
        """Refresh a panel until the connection ends; the next question waits for the answer.

        The first one waits for the strip: slow queries and pool report on the calls before them.
        """
        await self._figures_asked.wait()
        while True:
            try:
                answer = await ask()
            except ToolError as error:
                if error.code == DISCONNECTED:
                    return
                panel.show_trouble(error)
                self._heed(error)
            else:
                show(answer)
                panel.freshness = replace(panel.freshness, updated_at=self._clock())
            await asyncio.sleep(self._refresh_seconds or panel.PERIOD or 0)

    def _show_pool(self, health: PoolHealth) -> None:
        self._fed.pool.show(health)
        if health.status == "down":
            self._database_lost(health.reason or DATABASE_DOWN)
        if self._embedded is not None and health.embedded > self._embedded:
            # The index has grown: there may be better hits than those found before.
            self._fed.search.ask()
        self._embedded = health.embedded

    def _heed(self, error: ToolError) -> None:
        if error.code == DATABASE_UNAVAILABLE:
            self._database_lost(error.message)

    def _database_lost(self, sentence: str) -> None:
        """What one part has found out holds for all: say so on top, until the strip has figures.

        They are asked for at once, which also lets the server bring back a database of its own.
        """
        self._fed.bar.figures_failed(sentence)
        self._fed.strip.dim()
        self._figures_due.set()

    async def _feed_strip(self, client: Client) -> None:
        while True:
            pause = STRIP_PERIOD
            self._figures_due.clear()
            try:
                answer = await client.query(REVENUE)
            except ToolError as error:
                if error.code == DISCONNECTED:
                    return
                self._fed.bar.figures_failed(error.message)
                self._fed.strip.dim()
                pause = RETRY_SECONDS
            else:
                self._fed.strip.show(revenue_figures(answer))
                self._fed.bar.figures_arrived(self._clock())
            self._figures_asked.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._figures_due.wait()

    def _start(self, group: str, work: Coroutine[None, None, None]) -> None:
        self._screen.run_worker(work, group=group, exclusive=True, exit_on_error=False)
