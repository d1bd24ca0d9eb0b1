"""OpenTelemetry spans, if an exporter is configured; nothing at all otherwise.

The standard variables configure it: OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) says where
traces go, by OTLP over HTTP. FastMCP's spans of calls go there as well.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

_log = structlog.get_logger(__name__)

_NOTHING = nullcontext()
_tracer: Tracer | None = None


def span(name: str, **attributes: str | int) -> AbstractContextManager[None]:
    """A span around the body of a `with`. Errors leave their class in it, never their words."""
    if _tracer is None:
        return _NOTHING
    return _recorded(_tracer, name, attributes)


def is_configured() -> bool:
    """Whether the environment names a place for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in ("", "TRACES_"))


def start_tracing() -> Callable[[], None]:
    """Begins to send spans, if that is configured; returns what sends the last ones and ends it.

    Without the SDK it only says in the log that it is missing.
    """
    if not is_configured():
        return _do_nothing
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        _log.warning("traces are not sent", hint="pip install 'zava[tracing]'")
        return _do_nothing
    return trace_to(OTLPSpanExporter())


def trace_to(exporter: SpanExporter) -> Callable[[], None]:
    """Sends spans to `exporter` in batches; returns what ends it."""
    global _tracer
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "zava"}))
    provider.add_span_processor(BatchSpanProcessor(_wordless(exporter)))
    trace.set_tracer_provider(provider)
    _tracer = provider.get_tracer("zava")

    def end() -> None:
        global _tracer
        _tracer = None
        provider.shutdown()

    return end


def _do_nothing() -> None:
    """Nothing was begun."""


@contextmanager
def _recorded(tracer: Tracer, name: str, attributes: dict[str, str | int]) -> Iterator[None]:
    from opentelemetry.trace import Status, StatusCode

    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as recorded:
        try:
            yield
        except BaseException as error:
            recorded.set_attribute("error.type", type(error).__name__)
            recorded.set_status(Status(StatusCode.ERROR))
            raise


def _wordless(exporter: SpanExporter) -> SpanExporter:
    """An exporter of spans without events and words of errors: those quote callers' literals."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Status

    def bare(span: ReadableSpan) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=span.attributes,
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    class Wordless(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return exporter.export([bare(span) for span in spans])

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return bool(exporter.force_flush(timeout_millis))

    return Wordless()
