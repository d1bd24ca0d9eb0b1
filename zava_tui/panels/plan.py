"""A statement's plan as a tree with the time of each step, and what stands out in sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.content import Content
from textual.widgets import OptionList, Static

from zava_tui import format as fmt
from zava_tui.panels.panel import Panel
from zava_tui.panels.rows import RowColumn, RowList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from zava_tui.answers import Plan, PlanStep

BAR_WIDTH = 8
STEP = RowColumn("step", None)
RAN = (
    RowColumn("time", BAR_WIDTH, style="$accent"),
    RowColumn("", 4, "right"),
    RowColumn("own time", 8, "right"),
    RowColumn("rows", 9, "right", style="$quiet"),
    STEP,
)
ESTIMATED = (
    RowColumn("cost", BAR_WIDTH, style="$accent"),
    RowColumn("", 4, "right"),
    STEP,
)
HOT = 0.3
"""The share of the whole from which on a step is marked."""
_SAYS_LITTLE = frozenset({
    "Actual Loops", "Actual Rows", "Actual Startup Time", "Actual Total Time", "Alias",
    "Async Capable", "Disabled", "Parallel Aware", "Plan Width", "Startup Cost", "Workers",
})  # fmt: skip


class PlanPanel(Panel):
    """The plan of the chosen statement."""

    TITLE = "Plan"
    SUMMARY = (
        "How PostgreSQL runs the chosen statement: each step gets its rows from those below it. It "
        "is an estimate until you run it with a; then the bars are each step's own share of the "
        "time. What stands out is said in sentences. Operators see costs without a run as well."
    )
    KEYS: ClassVar = (
        ("a", "run the statement and measure its steps; escape stops it"),
        ("o", "open it in Query"),
        ("v", "the statement in place of the plan, where there is room for one"),
        ("y", "copy the statement"),
    )
    FOCUS = ("#plan-steps OptionList",)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._steps: list[PlanStep] = []

    def compose(self) -> ComposeResult:
        """A possible error, sentences, the tree, the step with the cursor."""
        yield from super().compose()
        yield Static("", id="plan-findings", markup=False)
        yield RowList((STEP,), id="plan-steps")
        yield Static("", id="plan-details", markup=False)

    def on_mount(self) -> None:
        """Nothing is known yet."""
        super().on_mount()
        self.say("Choose a statement above to see how PostgreSQL runs it.")

    def say(self, sentence: str) -> None:
        """Show no plan but why there is none."""
        self.clear_trouble()
        self.remark("")
        self._steps = []
        self._fill(Content.styled(sentence, "$quiet"))

    def show(self, plan: Plan) -> None:
        """Show a plan in place of the one before."""
        ran = plan.execution_ms
        self.remark("estimate; a runs it" if ran is None else f"ran {fmt.milliseconds(ran)}")
        rows = list(_walk(plan.root, "", ""))
        self._steps = [step for _, step in rows]
        has_shares = any(step.share is not None for step in self._steps)
        columns = (STEP,) if not has_shares else RAN if ran is not None else ESTIMATED
        lines = [Content.styled(f"! {fmt.visible(text)}", "$warning") for text in plan.findings]
        self._fill(Content("\n").join(lines))
        steps = self.query_one("#plan-steps", RowList)
        steps.reshape(columns)
        steps.show((_row(guide, step, columns) for guide, step in rows), place=0)
        self._detail()

    def _fill(self, findings: Content) -> None:
        sentences = self.query_one("#plan-findings", Static)
        sentences.display = bool(findings)
        sentences.update(findings)
        self.query_one("#plan-steps").display = bool(self._steps)
        self.query_one("#plan-details").display = bool(self._steps)

    @on(OptionList.OptionHighlighted)
    def _detail(self) -> None:
        place = self.query_one("#plan-steps", RowList).place
        text = ""
        if place is not None and place < len(self._steps):
            text = " · ".join(_details(self._steps[place]))
        self.query_one("#plan-details", Static).update(Content.styled(text, "$quiet"))


def _walk(step: PlanStep, first: str, rest: str) -> Iterator[tuple[str, PlanStep]]:
    """Each step with the lines that lead to it."""
    yield first, step
    for place, child in enumerate(step.children, start=1):
        last = place == len(step.children)
        yield from _walk(
            child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
        )


def _row(guide: str, step: PlanStep, columns: tuple[RowColumn, ...]) -> tuple[str, ...]:
    share = step.share or 0.0
    name = f"{step.node} on {step.on}" if step.on else step.node
    text = guide + ("! " if share >= HOT else "") + fmt.visible(name)
    figures = (fmt.bar(share, BAR_WIDTH), "" if step.share is None else f"{share:.0%}")
    match len(columns):
        case 1:
            return (text,)
        case 3:
            return (*figures, text)
    return (
        *figures,
        "" if step.time_ms is None else fmt.milliseconds(step.time_ms),
        "" if step.rows is None else fmt.count(step.rows),
        text,
    )


def _details(step: PlanStep) -> Iterator[str]:
    for name, value in step.details.items():
        if value and name not in _SAYS_LITTLE:
            yield f"{name.lower()}: {fmt.visible(_written(value))}"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_written(part) for part in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)
