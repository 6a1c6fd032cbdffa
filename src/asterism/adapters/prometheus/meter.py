"""Counts and times in Prometheus' text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector

from asterism.ports.meter import Measure
from asterism.ports.tracer import Fact, Span

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ROWS = {"rows": "read", "added": "added", "removed": "removed"}
_LABELS = ("step", "subject")


class _Facts:
    """Implements `Span`."""

    def __init__(self, facts: dict[str, Fact]) -> None:
        self.facts = facts

    def note(self, **facts: Fact) -> None:
        """See `Span.note`."""
        self.facts |= facts


class PrometheusMeter:
    """Implements `Meter`. `namespace` begins the names of the process's own figures, which several may show in one."""

    def __init__(self, namespace: str) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(namespace=namespace, registry=registry)
        self._seconds = Histogram(
            f"{namespace}_step_seconds", "How long a step took.", _LABELS, registry=registry, buckets=_SECONDS
        )
        self._errors = Counter(f"{namespace}_errors", "Steps that failed.", _LABELS, registry=registry)
        self._rows = Counter(
            f"{namespace}_rows", "Rows read by a step, and rows that it changed.", (*_LABELS, "kind"), registry=registry
        )
        self._bytes = Counter(f"{namespace}_bytes", "Bytes that a step wrote.", _LABELS, registry=registry)
        self._requests = Counter(
            f"{namespace}_requests", "Answered requests.", ("route", "method", "status"), registry=registry
        )

    @contextmanager
    def span(self, step: str, subject: str, **facts: Fact) -> Iterator[Span]:
        """See `Tracer.span`."""
        span, began = _Facts(facts), perf_counter()
        try:
            yield span
        except BaseException:
            self._errors.labels(step, subject).inc()
            raise
        finally:
            self._seconds.labels(step, subject).observe(perf_counter() - began)
            self._count(step, subject, span.facts)

    def text(self, measures: Iterable[Measure] = ()) -> bytes:
        """See `Meter.text`."""
        shown = CollectorRegistry()
        shown.register(_Now(measures))
        return generate_latest(self._registry) + generate_latest(shown)

    def close(self) -> None:
        """See `Tracer.close`."""

    def _count(self, step: str, subject: str, facts: dict[str, Fact]) -> None:
        for fact, kind in _ROWS.items():
            if count := facts.get(fact):
                self._rows.labels(step, subject, kind).inc(float(count))
        if size := facts.get("bytes"):
            self._bytes.labels(step, subject).inc(float(size))
        if "status" in facts:
            self._requests.labels(subject, str(facts.get("method", "")), str(facts["status"])).inc()


class _Now:
    """A collector of values that were measured just now."""

    def __init__(self, measures: Iterable[Measure]) -> None:
        self._measures = measures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, each with its values."""
        families: dict[str, GaugeMetricFamily] = {}
        for each in self._measures:
            if each.name not in families:
                families[each.name] = GaugeMetricFamily(each.name, each.help, labels=[*each.labels])
            families[each.name].add_metric([*each.labels.values()], each.value)
        yield from families.values()
