"""Keeps the panels about sales and stock supplied, for a chosen period and store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zava_tui.answers import DISCONNECTED, ToolError
from zava_tui.period_names import PERIODS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from zava_tui.client import Client
    from zava_tui.panels.categories import CategoriesPanel
    from zava_tui.panels.insights import InsightsPanel
    from zava_tui.panels.panel import Panel
    from zava_tui.panels.sellers import SellersPanel
    from zava_tui.panels.stock import StockPanel
    from zava_tui.panels.trend import TrendPanel

OF_YEAR = frozenset({"12m"})
"""Compared with a year before, rather than with the time before."""
REFRESH_SECONDS = 30.0
SELLERS = 50
ALERTS_OF_A_KIND = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """A period, and a store's name; None for all of one's stores together."""

    period: str = "12m"
    store: str | None = None

    @property
    def title(self) -> str:
        """As the chart is headed."""
        where = f" of {self.store}" if self.store else ""
        return f"Revenue{where}, {PERIODS[self.period]}"

    def next_period(self) -> Choice:
        """With the period that comes after."""
        names = list(PERIODS)
        return replace(self, period=names[(names.index(self.period) + 1) % len(names)])


@dataclass(frozen=True)
class StorePanels:
    """The panels that show how stores do."""

    trend: TrendPanel
    insights: InsightsPanel
    categories: CategoriesPanel
    sellers: SellersPanel
    stock: StockPanel

    @property
    def all(self) -> tuple[Panel, ...]:
        """In no particular order."""
        return (self.trend, self.insights, self.categories, self.sellers, self.stock)


class StoreFeed:
    """Asks again and again; each panel has its own answer or its own error."""

    def __init__(self, panels: StorePanels, clock: Callable[[], float]) -> None:
        self._panels = panels
        self._clock = clock

    async def follow(self, client: Client, choice: Choice) -> None:
        """Refreshes the panels until cancelled, or until the connection ends."""
        there = True
        while there:
            there = await self._refresh(client, choice)
            await asyncio.sleep(REFRESH_SECONDS)

    async def _refresh(self, client: Client, choice: Choice) -> bool:
        panels = self._panels
        return (
            await self._ask(
                (panels.trend, panels.insights, panels.categories),
                lambda: self._show_performance(client, choice),
            )
            and await self._ask((panels.stock,), lambda: self._show_stock(client, choice))
            and await self._ask((panels.sellers,), lambda: self._show_sellers(client, choice))
        )

    async def _ask(self, panels: tuple[Panel, ...], show: Callable[[], Awaitable[None]]) -> bool:
        """Whether there is still somebody to ask."""
        try:
            await show()
        except ToolError as error:
            if error.code == DISCONNECTED:
                return False
            for panel in panels:
                panel.show_trouble(error)
        else:
            for panel in panels:
                panel.freshness = replace(panel.freshness, updated_at=self._clock())
        return True

    async def _show_performance(self, client: Client, choice: Choice) -> None:
        performance = await client.performance(choice.period, choice.store)
        trend = await client.trend(choice.period, choice.store, None)
        of_year = choice.period in OF_YEAR
        before = performance.last_year if of_year else performance.previous
        behind = await client.trend(before, choice.store, trend.step)
        panels = self._panels
        panels.trend.show(choice.title, performance, trend, behind, of_year=of_year)
        panels.insights.show(performance.insights)
        panels.categories.show(performance.categories)

    async def _show_stock(self, client: Client, choice: Choice) -> None:
        self._panels.stock.show(await client.stock_alerts(choice.store, ALERTS_OF_A_KIND))

    async def _show_sellers(self, client: Client, choice: Choice) -> None:
        self._panels.sellers.show(await client.best_sellers(choice.period, choice.store, SELLERS))
