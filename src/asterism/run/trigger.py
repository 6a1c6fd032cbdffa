"""Triggers: records of a stream that make pulls and reports due."""

from __future__ import annotations

from collections.abc import Sequence

from asterism.declare.stream import Trigger
from asterism.errors import RecordError
from asterism.ports.log import Log
from asterism.run.records import Shape

EVERYTHING = ""
"""Called for where a record names nothing."""
_MOST = 1000


def called(triggers: Sequence[Trigger], log: Log) -> list[str]:
    """The schedules that records have called for since the last time, `EVERYTHING` for all. Raises LogError.

    Delivery: at least once; a schedule that is hastened twice does no harm.
    """
    names: list[str] = []
    for trigger in triggers:
        stream, consumer = trigger.stream.name, f"trigger:{trigger.field}"
        committed = log.standing(stream).committed.get(consumer, {})
        records = log.read(stream, consumer, committed, _MOST)
        shape = Shape(trigger.stream)
        for record in records:
            try:
                names.append(shape.value(shape.decode(record.body), trigger.field))
            except RecordError:
                continue  # its table sets it aside
        if records:
            log.commit(stream, consumer, {**committed, **{each.partition: each.position for each in records}})
    return list(dict.fromkeys(names))
