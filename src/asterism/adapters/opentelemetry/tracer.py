"""Traces by OTLP over HTTP, to where OTEL_EXPORTER_OTLP_ENDPOINT says.

The other variables of https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ hold as well:
headers, sampling, the service's name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from asterism.ports.tracer import Fact, Span

_SERVICE = "OTEL_SERVICE_NAME"
_FAREWELL = 5_000
"""Milliseconds for what is left at the end."""
_FAULT = 500
_NAMES = {"method": "http.request.method", "status": "http.response.status_code"}
"""Facts that have a name of their own: https://opentelemetry.io/docs/specs/semconv/http/http-spans/."""


class _Noted:
    """Implements `Span`."""

    def __init__(self, span: OpenSpan) -> None:
        self._span = span

    def note(self, **facts: Fact) -> None:
        """See `Span.note`."""
        self._span.set_attributes(_named(facts))
        if int(facts.get("status", 0)) >= _FAULT:
            self._span.set_status(Status(StatusCode.ERROR))


class OpenTelemetryTracer:
    """Implements `Tracer`. The fact `traceparent`, a header of W3C Trace Context, sets a span into a client's trace."""

    def __init__(self, service: str, resource: Mapping[str, str]) -> None:
        """`service` names the platform where the environment does not."""
        name = {} if os.environ.get(_SERVICE) else {"service.name": service}
        self._provider = TracerProvider(resource=Resource.create({**resource, **name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("asterism")
        self._incoming = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, step: str, subject: str, **facts: Fact) -> Iterator[Span]:
        """See `Tracer.span`."""
        parent = facts.pop("traceparent", "")
        context = self._incoming.extract({"traceparent": str(parent)}) if parent else None
        kind = SpanKind.SERVER if step == "request" else SpanKind.INTERNAL
        attributes = {"asterism.step": step, "asterism.subject": subject, **_named(facts)}
        if step == "request":
            attributes["http.route"] = subject
        with self._tracer.start_as_current_span(f"{step} {subject}", context, kind, attributes) as span:
            yield _Noted(span)

    def close(self) -> None:
        """See `Tracer.close`."""
        self._provider.force_flush(_FAREWELL)
        self._provider.shutdown()


def _named(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {_NAMES.get(name, f"asterism.{name}"): value for name, value in facts.items()}
