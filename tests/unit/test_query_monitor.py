"""The query monitor keeps figures a statement and user, in bounded memory."""

from __future__ import annotations

import pytest

from zava_server.infrastructure import query_monitor
from zava_server.infrastructure.query_monitor import Execution, QueryMonitor


def run(
    fingerprint: str, ms: float, *, user: str = "seattle", error: str | None = None
) -> Execution:
    return Execution(user, fingerprint, f"SELECT {fingerprint}", "SELECT", 0.0, ms, 0.0, 2, error)


def test_figures_of_one_statement_add_up() -> None:
    monitor = QueryMonitor(slow_seconds=0.1)
    for ms in range(1, 201):
        monitor.record(run("a", float(ms), error="QUERY_TIMEOUT" if ms == 200 else None))
    (figures,) = monitor.figures("seattle")
    assert (figures.calls, figures.errors, figures.rows) == (200, 1, 400)
    assert (figures.min_ms, figures.max_ms, figures.mean_ms) == (1.0, 200.0, 100.5)
    assert figures.slow_calls == 101
    for percent in (50, 95, 99):
        assert figures.percentile_ms(percent) == pytest.approx(2 * percent, rel=0.02)


def test_a_user_sees_only_their_own_statements() -> None:
    monitor = QueryMonitor(slow_seconds=1)
    monitor.record(run("a", 1, user="seattle"))
    monitor.record(run("a", 1, user="tacoma"))
    monitor.record(run("b", 1, user="tacoma"))
    assert [f.fingerprint for f in monitor.figures("seattle")] == ["a"]
    assert len(list(monitor.figures(None))) == 3


def test_the_statement_that_ran_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_monitor, "_MOST_FINGERPRINTS", 2)
    monitor = QueryMonitor(slow_seconds=1)
    for fingerprint in ("a", "b", "a", "c"):
        monitor.record(run(fingerprint, 1))
    assert [f.fingerprint for f in monitor.figures(None)] == ["a", "c"]
