"""Health: the server's checks, connections and log; reconnect and restart."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Container, Horizontal

from zava_tui.answers import ToolError
from zava_tui.log_tail import LEVELS, LogTail
from zava_tui.messages import ReopenRequested
from zava_tui.panels.checks import ChecksPanel
from zava_tui.panels.connections import ConnectionsPanel
from zava_tui.panels.log import ELSEWHERE, LogPanel
from zava_tui.screens.asking import AskingScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.client import Client
    from zava_tui.link_states import LinkState

LOW = 30
LOG_SECONDS = 1.0
RESTART = "Restart the server?"
CONSEQUENCE = (
    "Calls under way are ended; data, texts and tabs stay. The server, and the database if it is "
    "the server's own, are back in a few seconds."
)


class HealthScreen(AskingScreen):
    """Checks and connections side by side, the log below."""

    MODE = "health"
    KEYS: ClassVar = (
        ("tab", "to the next part"),
        ("r", "reconnect now; while connected, ask for everything again"),
        ("R", "restart the server that this app started"),
        ("l", "filter the log by level"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reconnect", "reconnect", tooltip="Connect now, or ask again"),
        Binding("R", "restart", "restart", tooltip="Restart the server that this app started"),
        Binding("l", "next_level", "log level", tooltip="Filter the log by level"),
    ]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._tail: LogTail | None = None
        self._is_elsewhere = False

    def compose_body(self) -> ComposeResult:
        """The three parts."""
        with Horizontal(id="vital"):
            yield ChecksPanel(id="health")
            yield ConnectionsPanel(id="pool")
        with Container(id="logs"):
            yield LogPanel(id="log")

    def on_mount(self) -> None:
        """Follow the log, server or no server."""
        super().on_mount()
        self.log_panel.go()
        self.set_interval(LOG_SECONDS, self._follow_log)

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        self.set_class(event.size.height < LOW, "-low")

    @property
    def log_panel(self) -> LogPanel:
        """The log."""
        return self.query_one(LogPanel)

    # From the server, and from its log.

    def link_changed(self, state: LinkState, client: Client | None) -> None:
        """Find the log of a new server; that of one that is gone may say why."""
        from zava_tui.link_states import Live

        super().link_changed(state, client)
        if isinstance(state, Live):
            self._is_elsewhere = state.log is None
            if state.log is None:
                self._tail = None
                self.log_panel.say(ELSEWHERE)
            elif self._tail is None or self._tail.name != state.log:
                self._tail = LogTail(state.log)
        self._follow_log()
        self.refresh_bindings()

    def ask(self, client: Client) -> None:
        """Keep checks and connections fresh."""
        checks, pool = self.query_one(ChecksPanel), self.query_one(ConnectionsPanel)
        self.start("checks", self.keep_asking(checks, client.server_health, checks.show))
        self.start("pool", self.keep_asking(pool, client.pool_health, pool.show))

    def _follow_log(self) -> None:
        if self._tail is not None and self.is_shown:
            self.start("log", self._read_log(self._tail))

    async def _read_log(self, tail: LogTail) -> None:
        try:
            # The disk may be slow.
            is_new = await asyncio.to_thread(tail.read)
        except OSError as error:
            reason = error.strerror or "no reason given"
            self.log_panel.show_trouble(
                ToolError("NOT_FOUND", f"The log cannot be read: {reason}.", tail.name)
            )
            return
        if is_new or self.log_panel.is_empty:
            self.log_panel.clear_trouble()
            self.log_panel.show(tuple(tail.lines))

    # Keys and commands.

    def action_reconnect(self) -> None:
        """Connect now; a server of our own that answers is only asked again."""
        if self.client is None or self._is_elsewhere:
            self.post_message(ReopenRequested())
        else:
            self.ask(self.client)
            self._follow_log()

    def action_restart(self) -> None:
        """Restart the server, after a question."""
        self.run_worker(self._restart(), group="restart", exclusive=True, exit_on_error=False)

    async def _restart(self) -> None:
        from zava_tui.screens.confirm import ConfirmScreen

        if await self.app.push_screen_wait(ConfirmScreen(RESTART, CONSEQUENCE, "restart")):
            self.post_message(ReopenRequested())

    def action_level(self, level: str) -> None:
        """Show only what is at least this urgent in the log."""
        self.log_panel.only(level)

    def action_next_level(self) -> None:
        """Only what is more urgent, and after the errors all again."""
        self.action_level(LEVELS[(LEVELS.index(self.log_panel.level) + 1) % len(LEVELS)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A server elsewhere is not ours to restart, and has its log there."""
        return action not in {"restart", "next_level"} or not self._is_elsewhere

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        yield SystemCommand("Reconnect", "Connect now, or ask again", self.action_reconnect)
        if not self._is_elsewhere:
            yield SystemCommand(
                "Restart server", "End the server and start another", self.action_restart
            )
            for level in LEVELS:
                yield SystemCommand(
                    f"Log: {level}",
                    "Show what is at least so urgent",
                    partial(self.action_level, level),
                )


SCREEN = HealthScreen
"""What the app makes for this mode."""
