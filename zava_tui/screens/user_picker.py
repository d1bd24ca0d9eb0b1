"""Who are you? The users that the database knows, with what each may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import OptionList, Static

from zava_tui import format as fmt
from zava_tui.panels.rows import RowColumn, RowList
from zava_tui.panels.top_bar import ROLES
from zava_tui.screens.card import Card, CardScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from zava_tui.preparation import DemoUser

COLUMNS = (
    RowColumn("who", 16),
    RowColumn("handle", 15, style="$accent", needs=66),
    RowColumn("role", 16, style="$quiet", needs=54),
    RowColumn("sees", None, style="$quiet"),
)


class UserPicker(CardScreen[str]):
    """Dismissed with the handle that was chosen."""

    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-high")]  # noqa: RUF012 (typed so by Textual)
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape", "app.quit", "quit")]

    def __init__(self, users: list[DemoUser]) -> None:
        super().__init__()
        self._users = users

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with Card("Who are you?", "↑ ↓ choose · enter start · q quit", "enter start · q quit"):
            yield Static(
                "These are the people that the database knows. Start with zava --user HANDLE to "
                "skip this question.",
                classes="lead",
                markup=False,
            )
            yield RowList(COLUMNS)

    def on_mount(self) -> None:
        """Fill in the users, the first one chosen."""
        rows = self.query_one(RowList)
        rows.show(_row(user) for user in self._users)
        rows.cursor.focus()

    @on(OptionList.OptionSelected)
    def choose(self, message: OptionList.OptionSelected) -> None:
        """Take this one."""
        self.dismiss(self._users[message.option_index].handle)


def _row(user: DemoUser) -> tuple[str, ...]:
    stores = ", ".join(user.stores)
    sees = stores if len(user.stores) <= 2 else f"{len(user.stores)} stores"
    if not user.stores:
        sees = "products only"
    return (
        fmt.visible(user.display_name),
        fmt.visible(user.handle),
        ROLES.get(user.role, user.role),
        fmt.visible(sees),
    )
