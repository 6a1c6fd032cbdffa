"""Transforms: a function of each record of one stream gives records of another."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from asterism.declare.stream import Transform
from asterism.errors import RecordError
from asterism.ports.log import Log, Logged
from asterism.run.lineage import append_made
from asterism.run.quarantine import Refused, set_aside
from asterism.run.records import Admitted, Shape

MOST_RECORDS = 5_000
"""In one step."""
_SECONDS = 0.5
"""Of one step: what a slow function made is kept soon, and who stops the worker need not wait for all that was read."""


def consumer(transform: str) -> str:
    """The name under which a transform reads the log."""
    return f"transform:{transform}"


class TransformWorker:
    """One transform at work. Used by one thread at a time.

    Delivery: each record's results are appended once: their ids are made from the record's, and the log drops what it
    has taken within the stream's `dedupe`. A record on which the function raises is set aside, and the next goes on.
    """

    def __init__(self, transform: Transform, log: Log) -> None:
        self.transform = transform
        self.consumer = consumer(transform.name)
        self._log = log
        self._shape = Shape(transform.stream)
        self._into = Shape(transform.into)

    def step(self, wait: float = 0.0) -> int:
        """Work off what has come, waiting for it so many seconds; answer how many records. Raises LogError."""
        name = self.transform.stream.name
        committed = self._log.standing(name).committed.get(self.consumer, {})
        records = self._log.read(name, self.consumer, committed, MOST_RECORDS, wait)
        if records:
            if self._log.numbered:  # else what was read and not worked off would be long in coming again
                records = records[: self.work(records, time.monotonic() + _SECONDS)]
            else:
                self.work(records)
            self._log.commit(name, self.consumer, {**committed, **{each.partition: each.position for each in records}})
        return len(records)

    def work(self, records: Sequence[Logged], until: float | None = None) -> int:
        """Work records off, wherever they were read; answer how many: those begun before `until`, one at least.

        Raises LogError: then they are to come again.
        """
        made: list[tuple[str, int, Admitted]] = []
        refused: list[Refused] = []
        done = 0
        for record in records:
            if done and until is not None and time.monotonic() >= until:
                break
            done += 1
            try:
                made += [*self._results(record)]  # all of them, or none
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function may raise anything
                refused.append(self._refused(record, error))
        self._append(made)
        set_aside(self._log, refused)
        return done

    def take(self, record: Logged) -> None:
        """One record by itself, once more. Raises what the function raises, RecordError and LogError."""
        self._append([*self._results(record)])

    def _append(self, made: Iterable[tuple[str, int, Admitted]]) -> None:
        append_made(self._log, self.transform.name, self.transform.stream, self.transform.into, made)

    def _results(self, record: Logged) -> Iterator[tuple[str, int, Admitted]]:
        given = self.transform.function(self._shape.decode(record.body))
        for number, each in enumerate(given if isinstance(given, list | tuple | Iterator) else [given]):
            if each is not None:
                yield record.id, number, self._into.admit(msgspec.json.encode(each))

    def _refused(self, record: Logged, error: BaseException) -> Refused:
        reason = error.fact if isinstance(error, RecordError) else f"{type(error).__name__}: {error}"
        name = self.transform.name
        return Refused(
            self.transform.stream.name, f"transform {name}", reason, record.body, f"{name}/{record.id}", record.id
        )
