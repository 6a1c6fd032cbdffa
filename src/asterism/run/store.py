"""Store: records of a stream go into their rows of the event store, and views write beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import msgspec

from asterism.declare.storing import Storing
from asterism.declare.view import View
from asterism.errors import RecordError
from asterism.ports.events import Cells, Event, Events, Place
from asterism.ports.log import Log, Logged
from asterism.run.quarantine import Refused, set_aside
from asterism.run.records import Shape

CONSUMER = "events"
"""The name of the store's reader in the log."""
PLACE = "the event store"
"""The place of what it could not hold."""
MOST_RECORDS = 5_000
_LONGEST = 1_500
"""Bytes of a key, and of an id: row keys end at 4 KB."""
_PATIENCE, _BROKERS_PATIENCE = 3600.0, 30.0
"""Seconds after which a view no longer waits for a row: it was erased, where the log could not let go of its record.

A broker without numbers brings again what was under way when a view was made anew, as an erasure does: of the erased
there is no row, and they must not hold up the others for long.
"""
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Places:
    """Where the records of one stream have their rows. Safe to use from several threads."""

    def __init__(self, of: Storing) -> None:
        self.of = of
        self._shape = Shape(of.stream)

    def place(self, record: Logged) -> Place:
        """Raises RecordError for a record that can have no row, whose fact is the reason."""
        decoded = self._shape.decode(record.body)
        subject, at = f"stream {self.of.stream.name}", getattr(decoded, self.of.at)
        if at is None:
            raise RecordError(subject, f"it has no {self.of.at}, by which events are stored")
        key = self._shape.value(decoded, self.of.stream.key)
        if max(len(key.encode()), len(record.id.encode())) > _LONGEST:
            raise RecordError(subject, f"its key or its id has more than {_LONGEST} bytes, too many for a row's key")
        try:
            return Place(key, naive(at), record.id)
        except OverflowError as error:
            raise RecordError(subject, f"its time, {at.isoformat()}, lies beyond what can be told") from error

    def known(self, records: Sequence[Logged]) -> dict[int, Place]:
        """Those of records that can have a row, by their index."""
        found = {}
        for index, each in enumerate(records):
            try:
                found[index] = self.place(each)
            except RecordError:  # the store's reader has set it aside
                continue
        return found


class StoreWorker:
    """Takes one stream into the event store. Used by one thread at a time.

    Delivery: a record that is read again is written again, into the same row. What cannot have a row is set aside with
    the reason, and the next goes on.
    """

    def __init__(self, of: Storing, log: Log, events: Events) -> None:
        self.of, self._log, self._events = of, log, events
        self._places = Places(of)

    def step(self, wait: float = 0.0) -> int:
        """Store what has come, waiting for it so many seconds; answer how many records. Raises LogError, StateError."""
        name = self.of.stream.name
        committed = self._log.standing(name).committed.get(CONSUMER, {})
        records = self._log.read(name, CONSUMER, committed, MOST_RECORDS, wait)
        if records:
            self.work(records)
            self._log.commit(name, CONSUMER, {**committed, **{each.partition: each.position for each in records}})
        return len(records)

    def work(self, records: Sequence[Logged]) -> None:
        """Store records, wherever they were read. Raises LogError and StateError: then they are to come again."""
        rows: list[tuple[Place, Cells]] = []
        refused: list[Refused] = []
        for each in records:
            try:
                rows.append((self._places.place(each), cells(each.body)))
            except RecordError as error:
                name = self.of.stream.name
                refused.append(Refused(name, PLACE, error.fact, each.body, f"events/{name}/{each.id}", each.id))
        self._events.put(self.of, rows)
        set_aside(self._log, refused)


class Beside:
    """What one view writes beside the records that it folds. Used by one thread at a time."""

    def __init__(self, of: Storing, family: str, events: Events) -> None:
        self._of, self._family, self._events = of, family, events
        self._places = Places(of)

    def standing(
        self, records: Sequence[Logged], folded: AbstractSet[int] = frozenset(), *, numbered: bool = True
    ) -> int:
        """How many of these, from the first on, have their row, or are waited for no longer. Raises StateError.

        `folded` are those, by their index, that need none; `numbered` says whether the log numbers its records.
        """
        patience = _PATIENCE if numbered else _BROKERS_PATIENCE
        places, due = self._places.known(records), (time.time() - patience) * 1_000_000
        missing = self._events.missing(self._of, [*places.values()])
        lacking = (index for index, place in places.items() if place in missing and index not in folded)
        awaited = (index for index in lacking if records[index].at > due)
        return min(awaited, default=len(records))

    def write(self, fence: int, left: Sequence[tuple[Logged, bytes]]) -> None:
        """Write the states that records left; one without a row was erased meanwhile. Raises StateError."""
        places = self._places.known([record for record, _ in left])
        rows = [(place, cells(left[index][1])) for index, place in places.items()]
        self._events.mark(self._of, self._family, fence, rows)


def beside(view: View, storings: Sequence[Storing], events: Events | None) -> Beside | None:
    """Where a view writes beside its records; None: nowhere on this stage."""
    of = next((each for each in storings if each.stream.name == view.stream.name), None)
    if view.family is None or of is None or events is None:
        return None
    return Beside(of, view.family, events)


def read(
    events: Events, of: Storing, key: str, since: datetime | None, until: datetime | None, limit: int,
    after: Place | None = None,
) -> list[Event]:  # fmt: skip
    """Events of one key, with times of any zone. Raises StateError."""
    return events.read(of, key, _bound(since), _bound(until), after, limit)


def as_json(event: Event) -> dict[str, object]:
    """An event as answers tell it: `id`, `at`, and its families."""
    families = {
        name: {column: msgspec.json.decode(value) for column, value in of.items()}
        for name, of in event.families.items()
    }
    return {"id": event.place.id, "at": event.place.at.isoformat(), **families}


def _bound(moment: datetime | None) -> datetime | None:
    """One end of what is asked for; beyond what can be told nothing is stored."""
    if moment is None:
        return None
    try:
        return naive(moment)
    except OverflowError:
        return moment.replace(tzinfo=None)  # within a day of the first or the last that can be told


def cells(body: bytes) -> dict[str, bytes]:
    """The fields of a JSON object, as they came."""
    return {name: bytes(value) for name, value in _FIELDS.decode(body).items()}


def naive(moment: datetime) -> datetime:
    """A time in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
