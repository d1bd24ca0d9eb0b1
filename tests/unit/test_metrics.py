"""Metrics have the names that dashboards rely on, and are made only when they are asked for."""

from __future__ import annotations

import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

from zava_server.business.metric_sources import error_metrics, query_metrics
from zava_server.infrastructure.error_counts import ErrorCounts
from zava_server.infrastructure.metrics import Metrics
from zava_server.infrastructure.query_monitor import Execution, QueryMonitor


def samples(metrics: Metrics) -> dict[str, float]:
    text, _ = metrics.exposition()
    return {
        f"{s.name}{sorted(s.labels.items())}" if s.labels else s.name: s.value
        for family in text_string_to_metric_families(text.decode())
        for s in family.samples
    }


def test_statements_are_counted_by_type_and_status_with_their_durations() -> None:
    monitor = QueryMonitor(slow_seconds=1)
    for ms, error in ((3.0, None), (40.0, None), (2000.0, "QUERY_TIMEOUT")):
        monitor.record(Execution("a", "f", "SELECT 1", "query", 0.0, ms, 0.0, 1, error))
    metrics = Metrics()
    metrics.register(query_metrics(monitor))
    found = samples(metrics)
    assert found["zava_query_total[('status', 'ok'), ('type', 'query')]"] == 2
    assert found["zava_query_total[('status', 'QUERY_TIMEOUT'), ('type', 'query')]"] == 1
    bucket = "zava_query_duration_seconds_bucket[('le', '{}'), ('type', 'query')]"
    assert [found[bucket.format(end)] for end in ("0.0025", "0.005", "0.05", "+Inf")] == [
        *(0, 1, 2, 3)
    ]
    assert found["zava_query_duration_seconds_sum[('type', 'query')]"] == 2.043
    assert found["process_resident_memory_bytes"] > 0


def test_errors_are_counted_by_operation_and_code_and_their_names_are_bounded() -> None:
    errors = ErrorCounts()
    for number in range(2000):
        errors.add(f"tool{number}", "RATE_LIMITED")
    errors.add("tool0", "RATE_LIMITED")
    metrics = Metrics()
    metrics.register(error_metrics(errors))
    found = samples(metrics)
    assert found["zava_errors_total[('code', 'RATE_LIMITED'), ('operation', 'tool0')]"] == 2
    assert found["zava_errors_total[('code', 'RATE_LIMITED'), ('operation', 'other')]"] > 1000
    assert len([name for name in found if name.startswith("zava_errors_total")]) <= 501


def test_serving_imports_neither_prometheus_nor_the_tracing_sdk() -> None:
    code = (
        "import sys, zava_server.app, zava_server.protocol.server; "
        "print([m for m in sys.modules if m.startswith(('prometheus_client', "
        "'opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
