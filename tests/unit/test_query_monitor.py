"""The query monitor keeps figures a statement and user, in bounded memory."""

from __future__ import annotations

import math

import pytest
import structlog

from zava_server.infrastructure import query_monitor
from zava_server.infrastructure.query_monitor import Durations, Execution, QueryMonitor


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


@pytest.mark.parametrize("calls", [1, 2, 3, 10, 19, 20, 101])
@pytest.mark.parametrize("percent", [50, 95, 99])
def test_a_percentile_is_the_run_that_so_many_stay_at_or_below(calls: int, percent: int) -> None:
    durations = Durations()
    for ms in range(1, calls + 1):
        durations.add(run("a", float(ms)), slow=False)
    nearest_rank = math.ceil(percent * calls / 100)
    assert durations.percentile_ms(percent) == pytest.approx(nearest_rank, rel=0.01)
    assert durations.percentile_ms(percent) <= durations.max_ms


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


def test_the_user_with_most_statements_loses_one_when_it_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(query_monitor, "_MOST_FINGERPRINTS", 10)
    monitor = QueryMonitor(slow_seconds=1)
    monitor.record(run("old", 1, user="seattle"))
    for number in range(100):
        monitor.record(run(f"new{number}", 1, user="agent"))
    assert [f.fingerprint for f in monitor.figures("seattle")] == ["old"]
    assert len(list(monitor.figures(None))) == 10


def test_operations_are_summed_up_and_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_monitor, "_MOST_FINGERPRINTS", 1)
    monitor = QueryMonitor(slow_seconds=0.1)
    for number in range(20):
        monitor.record(run(f"f{number}", 3.0))
    monitor.record(run("late", 200.0, error="QUERY_TIMEOUT"))
    (figures,) = monitor.operations()
    assert (figures.operation, figures.calls, figures.slow_calls) == ("SELECT", 21, 1)
    assert figures.outcomes == {"ok": 20, "QUERY_TIMEOUT": 1}
    by_end = dict(zip(query_monitor.BUCKETS_MS, figures.buckets, strict=False))
    assert (by_end[5], by_end[250]) == (20, 1)


def test_a_duration_is_the_sum_of_its_parts() -> None:
    monitor = QueryMonitor(slow_seconds=1)
    monitor.record(Execution("a", "f", "SELECT 1", "query", 1.0, 2.0, 4.0, 1, received=100))
    (figures,) = monitor.figures("a")
    assert figures.total_ms == figures.pool_ms + figures.database_ms + figures.encode_ms == 7.0
    assert figures.received == 100


def test_figures_of_several_users_are_put_together() -> None:
    monitor = QueryMonitor(slow_seconds=1)
    for user in ("a", "b"):
        for ms in range(1, 101):
            monitor.record(run("f", float(ms), user=user))
    together = Durations()
    for figures in monitor.figures(None):
        together.merge(figures)
    assert (together.calls, together.min_ms, together.max_ms) == (200, 1.0, 100.0)
    assert together.percentile_ms(95) == pytest.approx(95, rel=0.02)


def test_a_slow_statement_is_logged_once_an_occurrence() -> None:
    monitor = QueryMonitor(slow_seconds=0.1)
    with structlog.testing.capture_logs() as lines:
        for ms in (50.0, 150.0, 250.0):
            monitor.record(run("f", ms))
    assert [line["database_ms"] for line in lines] == [150.0, 250.0]
    assert {line["event"] for line in lines} == {"slow query"}
