"""Gauges: how fresh, how far behind and how full everything is at this moment. Times are naive UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from asterism.declare.platform import Platform
from asterism.ports.log import Log
from asterism.ports.meter import Measure
from asterism.run.incidents import Incident
from asterism.run.queues import queues
from asterism.run.status import PublicationStatus


def fresh(as_of: Mapping[str, datetime], read: Mapping[str, datetime], at: datetime) -> Iterator[Measure]:
    """How old each model's data are, and how long ago each source was read to its end."""
    for model, moment in sorted(as_of.items()):
        yield _seconds("asterism_freshness", "How old the data of a model are.", {"model": model}, at - moment)
    for source, moment in sorted(read.items()):
        text = "How long ago a source was last read to its end."
        yield _seconds("asterism_source_lag", text, {"source": source}, at - moment)


def queued(platform: Platform, log: Log) -> Iterator[Measure]:
    """How far behind each consumer of each stream is, in records and seconds. Raises LogError."""
    for stream in queues(platform, log):
        for each in stream.readers:
            labels = {"stream": each.stream, "consumer": each.consumer}
            yield Measure("asterism_queue_records", "Records that a consumer has not read yet.", labels, each.behind)
            yield Measure("asterism_lag_seconds", "How long a consumer's next record has waited.", labels, each.seconds)


def published(publications: Iterable[PublicationStatus]) -> Iterator[Measure]:
    """How far behind publications are."""
    for each in publications:
        if each.behind is not None:
            text, labels = "Refreshes that a publication has not got yet.", {"publication": each.publication}
            yield Measure("asterism_publication_behind", text, labels, each.behind)


def troubled(incidents: Iterable[Incident], disks: Mapping[Path, tuple[int, int]]) -> Iterator[Measure]:
    """Incidents that last, and how full the disks are."""
    lasting = [each.kind for each in incidents if each.over_at is None]
    for kind in ("step", "freshness", "quarantine", "disk"):
        yield Measure("asterism_incidents", "Incidents that last.", {"kind": kind}, lasting.count(kind))
    for path, (used, total) in disks.items():
        yield Measure("asterism_disk_used_ratio", "How much of a disk is in use.", {"path": str(path)}, used / total)


def _seconds(name: str, text: str, labels: dict[str, str], age: timedelta) -> Measure:
    return Measure(f"{name}_seconds", text, labels, max(0.0, age.total_seconds()))
