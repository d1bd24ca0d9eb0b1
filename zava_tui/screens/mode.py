"""What the screens one switches between share: the first and the last line, and the link."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from zava_tui.messages import WorkFailed
from zava_tui.panels.key_line import KeyLine
from zava_tui.panels.panel import Panel
from zava_tui.panels.top_bar import TopBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult, SystemCommand

    from zava_tui.client import Client
    from zava_tui.link_states import LinkState


class ModeScreen(Screen[None]):
    """A screen with a key of its own. Subclasses compose the body and take the client."""

    AUTO_FOCUS = ""
    MODE: ClassVar[str]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Its keys and what they do, for the help screen."""

    def __init_subclass__(cls) -> None:
        """Names the screen's keys, so that they can be chosen in the configuration."""
        if "BINDINGS" in cls.__dict__:
            cls.BINDINGS = [
                replace(binding, id=binding.id or f"{cls.MODE}.{binding.action}")
                if isinstance(binding, Binding)
                else binding
                for binding in cls.BINDINGS
            ]
        super().__init_subclass__()

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.clock = clock

    def compose(self) -> ComposeResult:
        """The body between the first and the last line."""
        yield TopBar(self.MODE)
        yield from self.compose_body()
        yield KeyLine()

    def compose_body(self) -> ComposeResult:
        """What makes the screen."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Let the ages grow."""
        self.set_interval(1.0, self._tick)

    @property
    def panels(self) -> list[Panel]:
        """The panels in their order."""
        return list(self.query(Panel))

    def link_changed(self, state: LinkState, client: Client | None) -> None:
        """Show the link's state; subclasses ask for data while there is a client."""
        self.query_one(TopBar).link_changed(state, self.clock())

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        return ()

    def about(self) -> Iterable[tuple[str, str, tuple[tuple[str, str], ...]]]:
        """Title, text and keys of each part, for the help screen."""
        yield ("Keys", "", self.KEYS)
        for panel in self.panels:
            yield (panel.title, panel.SUMMARY, panel.KEYS)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell the app of a worker that failed."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.post_message(WorkFailed(event.worker.error))

    def _tick(self) -> None:
        now = self.clock()
        self.query_one(TopBar).tick(now)
        for panel in self.panels:
            panel.tick(now)
