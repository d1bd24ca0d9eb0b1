"""The plan of a statement, over the screen that asked for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import ModalScreen

from zava_tui.answers import Plan, ToolError
from zava_tui.panels.plan import PlanPanel

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType


class AskedPlan(PlanPanel):
    """It was asked for once and does not age."""

    HAS_AGE = False


class PlanScreen(ModalScreen[None]):
    """A plan, to be measured by running the statement."""

    CSS_PATH = "../styles/cards.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "measure", "run it and measure"),
        Binding("escape,q,f6", "dismiss", "close"),
    ]

    def __init__(self, plan: Plan, measured: Callable[[], Awaitable[Plan]]) -> None:
        super().__init__()
        self._plan = plan
        self._measured = measured

    def compose(self) -> ComposeResult:
        """The panel as on the screen Performance."""
        yield AskedPlan()

    def on_mount(self) -> None:
        """Show it."""
        panel = self.query_one(PlanPanel)
        panel.border_subtitle = "a run and measure · escape close"
        panel.show(self._plan)
        panel.go()

    def action_measure(self) -> None:
        """Run the statement and show the time of each step."""
        self.query_one(PlanPanel).remark("◐ running; escape stops it")
        self.run_worker(self._measure(), exclusive=True, exit_on_error=False)

    async def _measure(self) -> None:
        panel = self.query_one(PlanPanel)
        try:
            plan = await self._measured()
        except ToolError as error:
            panel.show_trouble(error)
        else:
            panel.clear_trouble()
            panel.show(plan)
