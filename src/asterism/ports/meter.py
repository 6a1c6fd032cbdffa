"""Meter: a tracer that counts, and shows its counts to who asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from asterism.ports.tracer import Tracer


class Measure(NamedTuple):
    """A value as it is now. Those of one name have labels of the same names."""

    name: str
    """Ends with its unit: `asterism_freshness_seconds`."""
    help: str
    labels: dict[str, str]
    value: float


class Meter(Tracer, Protocol):
    """Counts what is told, by step and subject."""

    def text(self, measures: Iterable[Measure] = ()) -> bytes:
        """The counts, and `measures` beside them, in Prometheus' text format 0.0.4."""
        ...
