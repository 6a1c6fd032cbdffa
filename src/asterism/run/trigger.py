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


def consumer(trigger: Trigger) -> str:
    """The name under which a trigger reads the log."""
    return f"trigger:{trigger.field}"


def called(triggers: Sequence[Trigger], log: Log) -> list[str]:
    """The schedules that records have called for since the last time, `EVERYTHING` for all. Raises LogError.

    Delivery: at least once; a schedule that is hastened twice does no harm.
    """
    names: list[str] = []
    for trigger in triggers:
        stream, reader = trigger.stream.name, consumer(trigger)
        committed = log.standing(stream).committed.get(reader, {})
        records = log.read(stream, reader, committed, _MOST)
        shape = Shape(trigger.stream)
        for record in records:
            try:
                names.append(shape.value(shape.decode(record.body), trigger.field))
            except RecordError:
                continue  # its table sets it aside
        if records:
            log.commit(stream, reader, {**committed, **{each.partition: each.position for each in records}})
    return list(dict.fromkeys(names))
