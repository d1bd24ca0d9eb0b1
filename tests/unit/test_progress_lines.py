"""Progress on a terminal is a bar a step; elsewhere a line now and then."""

from __future__ import annotations

import io

import pytest

from zava_server.infrastructure.progress import Progress
from zava_server.progress_lines import ProgressBar, ProgressLog, progress_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def test_the_output_decides() -> None:
    assert isinstance(progress_on(Terminal()), ProgressBar)
    assert isinstance(progress_on(io.StringIO()), ProgressLog)


class TestBar:
    def test_it_grows_on_its_line_and_the_next_step_gets_the_next(self) -> None:
        terminal = Terminal()
        show = ProgressBar(terminal)
        show(Progress("schema", 1.0, "7 files"))
        show(Progress("demo data", 0.25, "50,000 of 200,000 orders"))
        show(Progress("demo data", 0.5))
        show.end()
        first, second, rest = terminal.getvalue().split("\n")
        assert first == f"\r\033[Kschema       {'█' * 24} 100% 7 files"
        drawn = second.split("\r\033[K")
        assert drawn[1] == (f"demo data    {'█' * 6}{'░' * 18}  25% 50,000 of 200,000 orders")
        assert drawn[2].startswith(f"demo data    {'█' * 12}{'░' * 12}  50%")
        assert rest == ""

    def test_it_stays_within_the_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "40")
        terminal = Terminal()
        ProgressBar(terminal)(Progress("demo data", 0.5, "x" * 100))
        assert len(terminal.getvalue().removeprefix("\r\033[K")) == 39

    def test_without_a_report_there_is_no_line_to_end(self) -> None:
        terminal = Terminal()
        ProgressBar(terminal).end()
        assert terminal.getvalue() == ""


class TestLog:
    def test_it_has_a_line_for_each_step_and_one_every_three_seconds(self) -> None:
        now = 0.0
        output = io.StringIO()
        show = ProgressLog(output, lambda: now)
        show(Progress("schema", 0.0, "checking"))
        for second in range(1, 8):
            now = float(second)
            show(Progress("demo data", second / 10, f"{second} orders"))
        show.end()
        assert output.getvalue().splitlines() == [
            "schema   0% checking",
            "demo data  10% 1 orders",
            "demo data  40% 4 orders",
            "demo data  70% 7 orders",
        ]
