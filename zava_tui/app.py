"""The app: its screens and commands, and the one worker that holds the link to the server."""

from __future__ import annotations

import asyncio
import gc
import importlib
import signal
import time
import traceback
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.worker import Worker, WorkerState

from zava_tui.configuration import Configuration
from zava_tui.heavy import load
from zava_tui.messages import LinkChanged, WorkFailed
from zava_tui.modes import HOME, MODES, SENTENCES
from zava_tui.screens.mode import ModeScreen
from zava_tui.screens.overview import OverviewScreen
from zava_tui.setup_log import SetupLog
from zava_tui.themes import DARK, THEMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.screen import Screen

    from zava_tui.answers import SetupProgress, ToolError
    from zava_tui.backend import Backend
    from zava_tui.client import Client
    from zava_tui.link import Link
    from zava_tui.link_states import LinkState
    from zava_tui.messages import OpenInQuery
    from zava_tui.preparation import DemoUser
    from zava_tui.screens.first_start import FirstStartScreen

PATIENCE_SECONDS = 1.2
"""How long the database may take to be ready before that is shown."""
ENDING_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""They end the app as `q` does, so that the shell gets its screen back and the server ends."""
QUIT_SECONDS = 1.5
"""How long quitting waits for the server to end; the screen is the shell's again by then."""


_NOTHING_CHOSEN = Configuration()


class ZavaApp(App[None]):
    """Four live panels under the revenue of your stores."""

    TITLE = "Zava"
    CSS_PATH = "styles/overview.tcss"
    DEFAULT_MODE = HOME
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+p", "command_palette", "commands", show=False, priority=True, id="app.commands"
        ),
        Binding(
            "f1", "help", "help", tooltip="What this screen shows, and its keys", id="app.help"
        ),
        Binding("q", "quit", "quit", tooltip="Leave Zava", id="app.quit"),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True),
        *(
            Binding(str(place), f"mode('{name}')", title, show=False, id=f"app.{name}")
            for place, (name, title) in enumerate(MODES.items(), start=1)
        ),
    ]

    def __init__(
        self,
        backend: Backend,
        *,
        user: str | None = None,
        theme: str = DARK.name,
        choices: Configuration = _NOTHING_CHOSEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`theme` is in force whatever the user's `choices` say of it."""
        super().__init__()
        self._backend = backend
        self._user = user
        self._choices = choices
        self.overview = OverviewScreen(clock, choices)
        self._clock = clock
        self._waiting_since = 0.0
        self._setup: SetupLog | None = None
        self._card: FirstStartScreen | None = None
        self._has_been_live = False
        self._session_ended = asyncio.Event()
        self._session_ended.set()
        self._link: Link | None = None
        self._linked: tuple[LinkState, Client | None] | None = None
        self._opened: dict[str, ModeScreen] = {HOME: self.overview}
        self.add_mode(HOME, lambda: self.overview)
        for ours in THEMES.values():
            self.register_theme(ours)
        self.theme = theme
        self.set_keymap(choices.keys)

    def on_mount(self) -> None:
        """Paint first; whatever takes long comes after."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        # `cli.main` turned collections off: they are a fifth of the time to the first paint.
        gc.freeze()
        gc.enable()
        for number in ENDING_SIGNALS:
            with suppress(NotImplementedError):  # elsewhere than on POSIX
                asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self.run_worker(self._session(), group="session", exit_on_error=False)
        self.run_worker(self.overview.furnish(), group="furnish", exit_on_error=False)
        self._name_unknown_keys("app", type(self).BINDINGS)
        self._name_unknown_keys(HOME, self.overview.BINDINGS)

    async def on_unmount(self) -> None:
        """The session's worker has been cancelled: let it end the server."""
        for number in ENDING_SIGNALS:
            with suppress(NotImplementedError):
                asyncio.get_running_loop().remove_signal_handler(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIT_SECONDS):
                await self._session_ended.wait()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The app's own workers, as its screens do for theirs."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.post_message(WorkFailed(event.worker.error))

    def on_work_failed(self, message: WorkFailed) -> None:
        """A mistake of ours: keep the details, say so, go on."""
        from zava_tui.child import open_log

        with open_log("app.log") as log:
            log.write("".join(traceback.format_exception(message.error)).encode())
            where = str(log.name)
        self.notify(
            f"Part of the app has failed. Restart it; the details are in {where}.",
            severity="error",
            timeout=30,
            markup=False,
        )

    # The session: from nobody to a live link, and again when that has failed.

    async def _session(self) -> None:
        self._session_ended.clear()
        try:
            while True:
                failure = await self._attempt()
                self._hide_card()
                await self._ask_what_next(failure)
        finally:
            self._session_ended.set()

    async def _attempt(self) -> ToolError:
        """Choose a user if there is none, then hold the link until it fails for good."""
        from zava_tui.answers import ToolError
        from zava_tui.link_states import Live

        async with AsyncExitStack() as held:
            self._waiting_since = self._clock()
            if self._user is None and self._backend.asks_for_user:
                try:
                    preparation = await held.enter_async_context(self._backend.preparation())
                    users = await preparation.users(self._show_progress)
                except ToolError as error:
                    return error
                self._hide_card()
                self._user = await self._choose_among(users)
                self._waiting_since = self._clock()
            self._link = link = self._backend.link(self._user)

            def report(state: LinkState) -> None:
                if isinstance(state, Live):
                    # The server holds the database itself now.
                    self.run_worker(held.aclose(), group="release", exit_on_error=False)
                self.post_message(LinkChanged(state, link.client))

            return await link.run(report)

    async def _choose_among(self, users: list[DemoUser]) -> str:
        from zava_tui.screens.user_picker import UserPicker

        # While someone reads, import what the link will need.
        self.run_worker(load("mcp"), group="load", exit_on_error=False)
        return await self.push_screen_wait(UserPicker(users))

    async def _ask_what_next(self, failure: ToolError) -> None:
        from zava_tui.screens.trouble import TroubleScreen

        choice = await self.push_screen_wait(
            TroubleScreen(failure, can_choose_user=self._backend.asks_for_user)
        )
        if choice == "user":
            self._user = None

    def on_link_changed(self, message: LinkChanged) -> None:
        """Tell the overview, and show or hide how far the database is."""
        from zava_tui.link_states import Live, Preparing

        if isinstance(message.state, Preparing):
            self._show_progress(message.state.progress)
        elif isinstance(message.state, Live):
            self._has_been_live = True
            self._hide_card()
        self._linked = (message.state, message.client)
        for screen in self._opened.values():
            screen.link_changed(message.state, message.client)

    def on_reopen_requested(self) -> None:
        """Open the link anew; while one waits for something else there is none to open."""
        if self._link is not None:
            self._link.reopen()

    async def on_open_in_query(self, message: OpenInQuery) -> None:
        """Put a statement into a tab of the screen Query and go there."""
        await self.action_mode("query")
        from zava_tui.screens.query import QueryScreen

        screen = self._opened.get(QueryScreen.MODE)
        if isinstance(screen, QueryScreen):
            await screen.open_statement(message.sql)

    # The screens.

    async def action_mode(self, name: str) -> None:
        """Show another screen; what lies over one has to be answered first."""
        if self.screen.is_modal or self._shown is self._opened.get(name):
            return
        screen = self._opened.get(name)
        if screen is not None:
            await self.switch_mode(name)
            return
        screen = await self._made(name)
        if name in self._opened:
            return
        self._opened[name] = screen
        self.add_mode(name, lambda: screen)
        await self.switch_mode(name)
        self._name_unknown_keys(name, screen.BINDINGS)
        if self._linked is not None:
            screen.link_changed(*self._linked)

    def _name_unknown_keys(self, place: str, bindings: Iterable[BindingType]) -> None:
        """Says which of the keys chosen for this screen, or for the app, are of nothing there."""
        known = {binding.id for binding in bindings if isinstance(binding, Binding) and binding.id}
        chosen = {name for name in self._choices.keys if name.partition(".")[0] == place}
        for name in sorted(chosen - known):
            # Nobody waits for it who has made no mistake.
            from difflib import get_close_matches

            (near,) = get_close_matches(name, sorted(known), n=1, cutoff=0)
            self.notify(
                f"[keys] in your configuration names {name}, which is nothing. "
                f"Did you mean {near}?",
                severity="warning",
                timeout=15,
                markup=False,
            )

    async def _made(self, name: str) -> ModeScreen:
        module = f"zava_tui.screens.{name}"
        await load(module)
        make = importlib.import_module(module).SCREEN
        screen: ModeScreen = make(self._clock)
        return screen

    @property
    def _shown(self) -> Screen[object]:
        return self.screen_stack[0]

    # The first-start card, shown only to those who have to wait. Who has data on the screen keeps
    # them in sight: the first line and the panels say that the database is being recovered.

    def _show_progress(self, progress: SetupProgress) -> None:
        if self._has_been_live:
            return
        if self._setup is None:
            self._setup = SetupLog(self._waiting_since)
            self.set_timer(PATIENCE_SECONDS, self._show_card)
        self._setup.record(progress, self._clock())
        if self._card is not None:
            self._card.show()

    def _show_card(self) -> None:
        if self._setup is not None and self._card is None:
            from zava_tui.screens.first_start import FirstStartScreen

            self._card = FirstStartScreen(self._setup, self._clock)
            self.push_screen(self._card)

    def _hide_card(self) -> None:
        self._setup = None
        if self._card is not None:
            self._card.dismiss()
            self._card = None

    # Commands.

    def action_help(self) -> None:
        """Say what the screen shows and which keys it has."""
        from zava_tui.screens.help import HelpScreen

        if isinstance(self._shown, ModeScreen) and not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self._shown, self._choices.keys))

    def get_key_display(self, binding: Binding) -> str:
        """`ctrl+p` rather than `^p`."""
        shown = binding.key_display or super().get_key_display(binding).replace("^", "ctrl+")
        return shown.upper() if shown[:1] == "f" and shown[1:].isdigit() else shown

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action, in a sentence, for the palette."""
        if isinstance(screen, ModeScreen):
            yield from screen.commands()
            for name, title in MODES.items():
                if name != screen.MODE:
                    yield SystemCommand(
                        f"Screen: {title}", SENTENCES[name], partial(self.action_mode, name)
                    )
        yield SystemCommand("Help", "What this screen shows, and its keys", self.action_help)
        for name in THEMES:
            title = f"Theme: {name.removeprefix('zava-')}"
            yield SystemCommand(
                title, "Change the colours", lambda name=name: setattr(self, "theme", name)
            )
        yield SystemCommand("Quit", "Leave Zava and end its server", self.action_quit)
