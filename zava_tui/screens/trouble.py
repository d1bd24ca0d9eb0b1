"""There is no server: why, and what one can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding
from textual.widgets import Static

from zava_tui import format as fmt
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.answers import ToolError

Choice = Literal["retry", "user"]


class TroubleScreen(CardScreen[Choice]):
    """Dismissed with what to do next."""

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
        choose, user = ("u choose a user · ", "u user · ") if self._can_choose_user else ("", "")
        keys = (f"r try again · {choose}q quit", f"r again · {user}q quit")
        with Card("✖ No server", *keys, classes="-bad"):
            yield Static(fmt.visible(self._failure.message), markup=False)
            if self._failure.hint:
                yield Static(fmt.visible(self._failure.hint), classes="hint", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No choice of users where a token says who we are."""
        return action != "dismiss" or parameters != ("user",) or self._can_choose_user
