"""Triggers: records of a stream that make pulls and reports due, and notifications of what changed at a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from asterism.declare.source import Pull
from asterism.declare.stream import Trigger
from asterism.errors import RecordError
from asterism.ports.log import Log, Logged, Offsets
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


class Calls:
    """What records of trigger streams call for. Used by one thread.

    Delivery: at least once. A record is noted as read when all that was called for has been done: whoever dies before
    is called for the same again.
    """

    def __init__(self, log: Callable[[], Log]) -> None:
        self._log = log  # asked for each time: a connection may be opened anew
        self._read: dict[tuple[str, str], Offsets] = {}
        self._open: set[str] = set()

    def new(self, triggers: Sequence[Trigger]) -> list[str]:
        """The schedules that are called for since the last time, `EVERYTHING` for all. Raises LogError."""
        names: list[str] = []
        for trigger in triggers:
            shape = Shape(trigger.stream)
            for record in self._records(trigger.stream.name, consumer(trigger)):
                try:
                    names.append(shape.value(shape.decode(record.body), trigger.field))
                except RecordError:
                    continue  # its table sets it aside
        return list(dict.fromkeys(names))

    def expect(self, names: Iterable[str]) -> None:
        """These are to be done; where nothing is, what was read is noted. Raises LogError."""
        self._open.update(names)
        self._note()

    def awaits(self, name: str) -> bool:
        """Whether it was called for and is not done."""
        return name in self._open

    def done(self, name: str) -> None:
        """It has been done. Raises LogError."""
        self._open.discard(name)
        self._note()

    def _records(self, stream: str, reader: str) -> Sequence[Logged]:
        start = self._read.get((stream, reader)) or self._log().standing(stream).committed.get(reader, {})
        records = self._log().read(stream, reader, start, _MOST)
        if records:
            self._read[stream, reader] = _behind(start, records)
        return records

    def _note(self) -> None:
        if not self._open:
            for (stream, reader), offsets in self._read.items():
                self._log().commit(stream, reader, offsets)
            self._read.clear()


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
        log.commit(stream, reader, _behind(committed, records))
    return records


def _behind(start: Offsets, records: Sequence[Logged]) -> Offsets:
    return {**start, **{each.partition: each.position for each in records}}
