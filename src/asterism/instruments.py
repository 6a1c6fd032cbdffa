"""What tells of the work of a process: counts, traces, lineage and log lines, each by its adapter.

Imported where they are asked for, as in wire.py: few processes have all of them.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from asterism.errors import UsageError
from asterism.ports.logger import Form, Logger
from asterism.ports.meter import Meter
from asterism.ports.tracer import Tracer

_TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LINEAGE = ("OPENLINEAGE_URL",)


def meter(namespace: str) -> Meter:
    """Counts what this process does, under names that begin with `namespace`."""
    from asterism.adapters.prometheus.meter import PrometheusMeter

    return PrometheusMeter(namespace)


def tracers(platform: str, stage: str) -> list[Tracer]:
    """Where the environment wants the work of this process told of. Raises UsageError where the extra is missing."""
    made: list[Tracer] = []
    for names, make in ((_TRACES, _traces), (_LINEAGE, _lineage)):
        wanted = next((name for name in names if os.environ.get(name)), None)
        try:
            made += [make(platform, stage)] if wanted else []
        except ImportError as error:
            remedy = "Install asterism[telemetry], or unset it."
            raise UsageError(str(wanted), f"is set, and {error.name} is not installed", remedy) from error
    return made


def _traces(platform: str, stage: str) -> Tracer:
    from asterism.adapters.opentelemetry.tracer import OpenTelemetryTracer

    return OpenTelemetryTracer(platform, {"deployment.environment.name": stage})


def _lineage(platform: str, stage: str) -> Tracer:
    from asterism.adapters.openlineage.tracer import OpenLineageTracer

    return OpenLineageTracer(f"{platform}/{stage}")


def logger(form: Form, **bound: Any) -> Logger:
    """Tells of events on stderr; `bound` stands in every line. What libraries log is told there in the same form."""
    from asterism.adapters.structlog.logger import StructuredLogger, handler

    logging.basicConfig(handlers=[handler(form, **bound)], level=logging.WARNING, force=True)
    return StructuredLogger(form, **bound)
