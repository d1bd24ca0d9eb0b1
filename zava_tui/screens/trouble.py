"""There is no server: why, and what one can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from zava_tui import format as fmt

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.answers import ToolError

Choice = Literal["retry", "user"]


class TroubleScreen(ModalScreen[Choice]):
    """Dismissed with what to do next."""

    CSS_PATH = "../styles/cards.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,enter", "dismiss('retry')", "try again"),
        Binding("u", "dismiss('user')", "choose another user"),
        Binding("q,escape", "app.quit", "quit"),
    ]

    def __init__(self, failure: ToolError, *, can_choose_user: bool) -> None:
        super().__init__()
        self._failure = failure
        self._can_choose_user = can_choose_user

    def compose(self) -> ComposeResult:
        """What happened, the server's hint, the keys."""
        with Vertical(classes="card -bad") as card:
            card.border_title = "✖ No server"
            choose = "u choose a user · " if self._can_choose_user else ""
            card.border_subtitle = f"r try again · {choose}q quit"
            yield Static(fmt.visible(self._failure.message), markup=False)
            if self._failure.hint:
                yield Static(fmt.visible(self._failure.hint), classes="hint", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No choice of users where a token says who we are."""
        return action != "dismiss" or parameters != ("user",) or self._can_choose_user
