"""Triggers: records of a stream that make pulls and reports due, and notifications of what changed at a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asterism.declare.source import Pull
from asterism.declare.stream import Trigger
from asterism.errors import RecordError
from asterism.ports.log import Log, Logged
from asterism.ports.source import Notified, Source
from asterism.run.records import Shape

EVERYTHING = ""
"""Called for where a record names nothing."""
_MOST = 1000


def consumer(trigger: Trigger) -> str:
    """The name under which a trigger reads the log."""
    return f"trigger:{trigger.field}"


def listener(pull: Pull) -> str:
    """The name under which a pull reads the notifications of its source."""
    return f"notified:{pull.into}"


def called(triggers: Sequence[Trigger], log: Log) -> list[str]:
    """The schedules that records have called for since the last time, `EVERYTHING` for all. Raises LogError.

    Delivery: at least once; a schedule that is hastened twice does no harm.
    """
    names: list[str] = []
    for trigger in triggers:
        shape = Shape(trigger.stream)
        for record in _new(log, trigger.stream.name, consumer(trigger)):
            try:
                names.append(shape.value(shape.decode(record.body), trigger.field))
            except RecordError:
                continue  # its table sets it aside
    return list(dict.fromkeys(names))


def notified(pulls: Sequence[Pull], log: Log, source: Callable[[Pull], Source]) -> list[str]:
    """The pulls of whose sources notifications have told since the last time, each told to its source. Raises LogError.

    Delivery: at most once. What is lost, as when the process dies, is found by the source's next full look.
    """
    found = []
    for pull in pulls:
        records = _new(log, pull.notified.name, listener(pull)) if pull.notified is not None else []
        if not records:
            continue
        asked = source(pull)
        told = [asked.told(each.body) for each in records] if isinstance(asked, Notified) else [True]
        if any(told):
            found.append(pull.into)
    return found


def _new(log: Log, stream: str, reader: str) -> list[Logged]:
    """What a consumer has not read yet; it is noted as read."""
    committed = log.standing(stream).committed.get(reader, {})
    records = log.read(stream, reader, committed, _MOST)
    if records:
        log.commit(stream, reader, {**committed, **{each.partition: each.position for each in records}})
    return records
