"""A screen that asks the server while it is the one that is shown, and for nothing otherwise."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from zava_tui.answers import DISCONNECTED, ToolError
from zava_tui.panels.panel import relinked
from zava_tui.screens.mode import ModeScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from zava_tui.client import Client
    from zava_tui.link_states import LinkState
    from zava_tui.panels.panel import Panel

Answer = TypeVar("Answer")


class AskingScreen(ModeScreen):
    """Subclasses say in `ask` what to start; it is stopped when the screen or the server goes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.client: Client | None = None
        self._shown = False
        self._asking: Client | None = None
        self._groups: set[str] = set()

    @property
    def is_shown(self) -> bool:
        """Whether this is the screen that is shown."""
        return self._shown

    def ask(self, client: Client) -> None:
        """Start asking."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Follow which screen is shown; this one is, or it would not be mounted."""
        super().on_mount()
        self._shown = True
        self.app.mode_change_signal.subscribe(self, self._mode_changed)

    def _mode_changed(self, mode: str) -> None:
        self._shown = mode == self.MODE
        self._start_or_stop()

    def link_changed(self, state: LinkState, client: Client | None) -> None:
        """Start asking whoever is there; the last answers stay, dimmed, while nobody is."""
        super().link_changed(state, client)
        self.client = client
        for panel in self.panels:
            panel.freshness = relinked(
                panel.freshness, state, connected=client is not None, now=self.clock()
            )
        self._start_or_stop()

    def _start_or_stop(self) -> None:
        wanted = self.client if self._shown else None
        if wanted is self._asking:
            return
        for group in self._groups:
            self.workers.cancel_group(self, group)
        self._asking = wanted
        if wanted is not None:
            self.ask(wanted)

    def start(self, group: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in place of what `group` was at."""
        self._groups.add(group)
        self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    async def keep_asking(
        self, panel: Panel, ask: Callable[[], Awaitable[Answer]], show: Callable[[Answer], None]
    ) -> None:
        """Refresh a panel each of its periods until the connection ends."""
        while True:
            answer = await self.answer_for(panel, ask())
            if answer is not None:
                show(answer)
            elif self.client is None:
                return
            await asyncio.sleep(panel.PERIOD or 0)

    async def answer_for(self, panel: Panel, question: Awaitable[Answer]) -> Answer | None:
        """The answer, or None after the panel has said why there is none."""
        try:
            answer = await question
        except ToolError as error:
            if error.code != DISCONNECTED:
                panel.show_trouble(error)
            return None
        panel.clear_trouble()
        panel.freshness = replace(panel.freshness, updated_at=self.clock())
        return answer
