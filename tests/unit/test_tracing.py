"""Spans exist where an exporter is configured, and never hold the words of errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from zava_server.infrastructure.tracing import is_configured, span

_TRACED = """
import json
from zava_server.infrastructure.tracing import span, start_tracing
end = start_tracing()
with span("zava.outer", texts=2):
    try:
        with span("zava.query"):
            raise ValueError("invalid: 'jane@example.com'")
    except ValueError:
        pass
from fastmcp.server.telemetry import server_span
try:
    with server_span("tools/call x", "tools/call", "zava", "tool", "x"):
        raise ValueError("invalid: 'jane@example.com'")
except ValueError:
    pass
end()
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A stand-in for an OpenTelemetry collector: its URL and what was posted to it."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_go_to_the_collector_without_the_words_of_errors(
    collector: tuple[str, list[bytes]],
) -> None:
    url, bodies = collector
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    subprocess.run([sys.executable, "-c", _TRACED], env=environment, check=True, timeout=60)
    assert bodies
    assert all(b"jane" not in body for body in bodies)
    spans = {
        recorded.name: recorded
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for recorded in scope.spans
    }
    assert set(spans) == {"zava.outer", "zava.query", "tools/call x"}
    assert spans["zava.query"].parent_span_id == spans["zava.outer"].span_id
    attributes = {a.key: a.value.string_value for a in spans["zava.query"].attributes}
    assert attributes == {"error.type": "ValueError"}
    for failed in ("zava.query", "tools/call x"):
        assert (spans[failed].status.code, spans[failed].status.message) == (2, "")


def test_without_an_exporter_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import json, sys; from zava_server.infrastructure.tracing import span, start_tracing; "
        "end = start_tracing()\nwith span('x'): pass\nend()\n"
        "print(json.dumps([m for m in sys.modules if 'opentelemetry' in m]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("environment", "configured"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_configure_it(
    environment: dict[str, str], configured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_configured() is configured


def test_a_span_that_goes_nowhere_changes_nothing() -> None:
    with pytest.raises(KeyError), span("zava.query"):
        raise KeyError
