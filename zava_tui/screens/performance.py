"""Performance: the slowest statements, live, and the plan of the chosen one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.widgets import OptionList

from zava_tui.messages import OpenInQuery
from zava_tui.panels.plan import PlanPanel
from zava_tui.panels.statement_text import StatementPanel
from zava_tui.panels.statements import SORTS, StatementsPanel
from zava_tui.screens.asking import AskingScreen
from zava_tui.sent_statements import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from zava_tui.answers import Plan, SlowQueries, SlowQuery
    from zava_tui.client import Client

NARROW = 110
LOW = 30
REST_SECONDS = 0.25
"""The cursor must rest on a statement this long before its plan is asked for."""
LIST = "#statements OptionList"
OF_CALLERS = {"query", "explain"}
"""Operations whose statements callers wrote."""
VALUES_UNKNOWN = (
    "The server keeps no values of statements, and this one was not run from here. Press o to open "
    "it in Query and write values for $1, $2, …"
)


class PerformanceScreen(AskingScreen):
    """Statements on top; the plan and the text of the one with the cursor below."""

    MODE = "performance"
    KEYS: ClassVar = (
        ("tab", "to the next part"),
        ("s", "sort by another figure"),
        ("a", "run the chosen statement and measure its steps"),
        ("o", "open it in Query"),
        ("escape", "one step back: stop the run, to the statements"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "next_sort", "sort", tooltip="Sort by another figure"),
        Binding("a", "analyse", "run it", tooltip="Run the statement and measure its steps"),
        Binding("o", "open", "open in Query", tooltip="Put the statement into the editor"),
        Binding("v", "switch", "text", tooltip="The statement in place of the plan, or back"),
        Binding("y", "copy", "copy", tooltip="Copy the statement"),
        Binding("escape", "step_back", "back", tooltip="One step back"),
    ]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._rest: Timer | None = None
        self._measuring = False

    def compose_body(self) -> ComposeResult:
        """The three parts."""
        with Container(id="all-statements"):
            yield StatementsPanel(id="slow")
        with Horizontal(id="of-statement"):
            yield PlanPanel(id="plan")
            yield StatementPanel(id="statement")

    def on_resize(self, event: events.Resize) -> None:
        """Reflow for the room there is."""
        self.set_class(event.size.width < NARROW, "-narrow")
        self.set_class(event.size.height < LOW, "-low")
        self.refresh_bindings()

    @property
    def statements(self) -> StatementsPanel:
        """The statements."""
        return self.query_one(StatementsPanel)

    @property
    def plan(self) -> PlanPanel:
        """The plan of the chosen one."""
        return self.query_one(PlanPanel)

    # From the server.

    def ask(self, client: Client) -> None:
        """Keep the statements fresh."""
        self._keep_statements(client)

    def _keep_statements(self, client: Client) -> None:
        panel = self.statements

        async def ask() -> SlowQueries:
            return await client.slow_queries(sort=panel.sort)

        self.start("statements", self.keep_asking(panel, ask, self._show_statements))

    def _show_statements(self, answer: SlowQueries) -> None:
        self.statements.show(answer)
        self.query_one(StatementPanel).show(self.statements.query_chosen)
        if self.focused is None:
            self.statements.go()

    @on(StatementsPanel.Chosen)
    def _statement_chosen(self) -> None:
        self.query_one(StatementPanel).show(self.statements.query_chosen)
        self.refresh_bindings()
        if self._rest is not None:
            self._rest.stop()
        # The panel's, not the screen's: it ends with what it looks at.
        self._rest = self.statements.set_timer(REST_SECONDS, self._explain)

    def _explain(self, *, analyze: bool = False) -> None:
        if self._rest is not None:
            # Who asked for a run in the meantime wants no estimate after it.
            self._rest.stop()
        query = self.statements.query_chosen
        if query is None or self.client is None:
            return
        statement = self._statement(query)
        if statement is None:
            self.workers.cancel_group(self, "plan")
            self.plan.say(_why_none(query))
            self.plan.freshness = replace(self.plan.freshness, updated_at=self.clock())
        else:
            self.start("plan", self._plan(self.client, statement, analyze=analyze))

    def _statement(self, query: SlowQuery) -> str | None:
        """The statement with its values, if they are known and it is a caller's."""
        if query.operation not in OF_CALLERS or self.client is None:
            return None
        if not PARAMETER.search(query.query):
            return query.query
        return self.client.sent.original(query.query)

    async def _plan(self, client: Client, statement: str, *, analyze: bool) -> None:
        plan = self.plan
        plan.freshness = replace(plan.freshness, busy_since=self.clock())
        self._measuring = analyze
        self.refresh_bindings()
        try:
            answer: Plan | None = await self.answer_for(
                plan, client.explain(statement, analyze=analyze)
            )
        finally:
            self._measuring = False
            plan.freshness = replace(plan.freshness, busy_since=None)
            self.refresh_bindings()
        if answer is not None:
            plan.show(answer)

    # Keys and commands.

    @on(StatementsPanel.SortChosen)
    def _sort_chosen(self, message: StatementsPanel.SortChosen) -> None:
        self.action_sort(message.sort)

    def action_sort(self, sort: str) -> None:
        """Sort by a figure."""
        self.statements.sort = sort
        if self.client is not None:
            self._keep_statements(self.client)

    def action_next_sort(self) -> None:
        """Sort by the next figure."""
        names = list(SORTS)
        self.action_sort(names[(names.index(self.statements.sort) + 1) % len(names)])

    def action_analyse(self) -> None:
        """Run the chosen statement and measure its steps."""
        self._explain(analyze=True)

    def action_open(self) -> None:
        """Put the chosen statement into the editor."""
        query = self.statements.query_chosen
        if query is not None:
            self.post_message(OpenInQuery(self._statement(query) or query.query))

    def action_copy(self) -> None:
        """Copy the chosen statement; over SSH as well."""
        query = self.statements.query_chosen
        if query is not None:
            self.app.copy_to_clipboard(self._statement(query) or query.query)
            self.query_one(StatementPanel).remark("copied")

    def action_switch(self) -> None:
        """The statement in place of the plan where there is room for one, or back."""
        self.toggle_class("-text")
        (self.query_one(StatementPanel) if self.has_class("-text") else self.plan).go()

    @on(OptionList.OptionSelected, LIST)
    def _to_plan(self) -> None:
        self.remove_class("-text")
        self.plan.go()

    def action_step_back(self) -> None:
        """Stop the run, or go to the statements."""
        if self._measuring:
            self.workers.cancel_group(self, "plan")
            self.plan.remark("stopped")
        else:
            self.statements.go()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something here and now."""
        if not self.is_mounted:
            return True
        query = self.statements.query_chosen
        match action:
            case "analyse":
                return query is not None and self._statement(query) is not None
            case "open" | "copy":
                return query is not None
            case "switch":
                return self.has_class("-narrow")
            case "step_back":
                return self._measuring or self.focused is not self.query_one(LIST)
        return True

    def commands(self) -> Iterable[SystemCommand]:
        """The screen's actions, for the palette."""
        for name, words in SORTS.items():
            yield SystemCommand(
                f"Sort by {words}",
                "The costliest statements first",
                partial(self.action_sort, name),
            )
        yield SystemCommand(
            "Run for its plan",
            "Run the chosen statement and measure its steps",
            self.action_analyse,
        )
        yield SystemCommand(
            "Open in Query", "Put the chosen statement into the editor", self.action_open
        )
        yield SystemCommand("Copy statement", "To the clipboard, over SSH too", self.action_copy)
        yield SystemCommand(
            "Statement or plan", "Show one in place of the other", self.action_switch
        )


def _why_none(query: SlowQuery) -> str:
    if query.operation not in OF_CALLERS:
        return f"Zava itself runs this, for {query.operation}; plans are for statements of callers."
    return VALUES_UNKNOWN


SCREEN = PerformanceScreen
"""What the app makes for this mode."""
