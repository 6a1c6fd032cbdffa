"""Reviewing the quarantine: list, show, replay, drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asterism.declare.stream import Transform
from asterism.errors import RecordError, UsageError, printable
from asterism.ports.log import Entry, Log, Logged
from asterism.run.consume import take_lines
from asterism.run.quarantine import STREAM, Quarantined
from asterism.run.records import Shape
from asterism.run.remove import forget_lists, remove, remove_landed
from asterism.run.session import quote
from asterism.run.store import PLACE as STORE
from asterism.run.streams import TABLE, Streams
from asterism.run.transform import TransformWorker
from asterism.run.warehouse import Warehouse

_COLUMNS = "_id, _received_at, stream, place, reason, record_id, received_at, body, encoding"


@dataclass(frozen=True, slots=True)
class Item:
    """Something in quarantine."""

    id: str
    at: datetime
    stream: str
    place: str
    reason: str
    record_id: str
    received_at: datetime | None
    body: str
    encoding: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: ids that were taken, and ids that were refused again, with the reason."""

    taken: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


class Review:
    """The quarantine of one stage. Used by the thread that has the warehouse."""

    def __init__(self, warehouse: Warehouse, streams: Streams, transforms: Sequence[Transform], log: Log) -> None:
        self._warehouse = warehouse
        self._streams = streams
        self._transforms = transforms
        self._log = log

    def items(self, stream: str = "", limit: int = 100) -> list[Item]:
        """What is in quarantine, the latest first; of one stream where that is given."""
        where = "WHERE stream = $1" if stream else ""
        return self._read(f"{where} ORDER BY _received_at DESC, _id LIMIT {int(limit)}", [stream] if stream else [])

    def item(self, identifier: str) -> Item:
        """One of them. Raises UsageError where there is none."""
        return self._named([identifier])[0]

    def replay(self, identifiers: list[str]) -> Replayed:
        """Let items try the door again, by the declarations as they are now; who passes leaves the quarantine.

        First the log has the record, under the id it came with or that of the item, then the item goes: dying in
        between repeats it, and the record is taken once.
        """
        taken: list[str] = []
        refused: list[tuple[str, str]] = []
        doors: dict[str, list[Entry]] = {}
        for item in self._named(identifiers):
            try:
                entry = self._again(item)
            except RecordError as error:
                refused.append((item.id, error.fact))
                continue
            taken.append(item.id)
            if entry is not None:
                doors.setdefault(item.stream, []).append(entry)
        for name, entries in doors.items():
            self._log.append(name, entries, self._shape(name).stream.dedupe)
        self.drop(taken)
        return Replayed(tuple(taken), tuple(refused))

    def drop(self, identifiers: list[str]) -> int:
        """Let items go for good; answer how many there were."""
        return drop(self._warehouse, self._streams, self._log, identifiers)

    def _again(self, item: Item) -> Entry | None:
        """Let an item try again where it was refused: its other readers have had it. At the door, answer its entry."""
        shape = self._shape(item.stream)
        body = Quarantined(
            stream=item.stream, place=item.place, reason=item.reason, body=item.body,
            encoding="base64" if item.encoding == "base64" else "text",
        ).original()  # fmt: skip
        kind, _, name = item.place.partition(" ")
        if kind == "view":
            raise RecordError(item.place, "a view takes nothing that is too late: rebuild it to count all")
        if item.place == STORE:
            raise RecordError(item.place, "its table has it, and a row by key and time it cannot have: drop it")
        if kind == "transform":
            self._transform(name, Logged("", 0, item.record_id, "", 0, body))
            return None
        admitted = shape.admit(body)
        if item.place == TABLE:
            at = int(((item.received_at or item.at) - datetime(1970, 1, 1)) / timedelta(microseconds=1))
            record = Logged("", 0, item.record_id, admitted.key, at, admitted.body)
            take_lines(self._warehouse, self._streams, shape, [record])
            return None
        return Entry(admitted.id or item.record_id or item.id, admitted.key, admitted.body)

    def _shape(self, stream: str) -> Shape:
        shape = next((each for each in self._streams.shapes.values() if each.stream.name == stream), None)
        if shape is None:
            raise RecordError(stream, "it is no stream: ask its source for it again")
        return shape

    def _transform(self, name: str, record: Logged) -> None:
        transform = next((each for each in self._transforms if each.name == name), None)
        if transform is None:
            raise RecordError(f"transform {name}", "it is no transform of this platform any more")
        try:
            TransformWorker(transform, self._log).take(record)
        except RecordError:
            raise
        except (Exception, SystemExit) as error:
            raise RecordError(f"transform {name}", f"{type(error).__name__}: {printable(error)}") from error

    def _named(self, identifiers: list[str]) -> list[Item]:
        """Items by their ids, in that order. Raises UsageError where one is not there."""
        found = (
            {item.id: item for item in self._read(f"WHERE {_one_of(identifiers)}", identifiers)} if identifiers else {}
        )
        for identifier in identifiers:
            if identifier not in found:
                raise UsageError(identifier, "is not in quarantine", "`asterism quarantine list` shows what is.")
        return [found[identifier] for identifier in identifiers]

    def _read(self, rest: str, values: list[Any]) -> list[Item]:
        if STREAM.table not in self._warehouse.raw_tables():
            return []
        rows = self._warehouse.session.rows(f"SELECT {_COLUMNS} FROM {quote(STREAM.table)} {rest}", values)
        return [Item(*row) for row in rows]


def drop(warehouse: Warehouse, streams: Streams, log: Log, identifiers: Sequence[str]) -> int:
    """Let items of the quarantine go for good, from log, landing zone and table; answer how many the table had.

    The table is the last, so that dying anywhere leaves what can be dropped again.
    """
    if not identifiers:
        return 0
    log.erase(STREAM.name, identifiers)
    remove_landed(warehouse, streams, STREAM.name, frozenset(identifiers))
    removed = remove(warehouse, Shape(STREAM), _one_of(identifiers), identifiers).removed
    forget_lists(warehouse, STREAM.name)
    return removed


def _one_of(identifiers: Sequence[str]) -> str:
    return f"_id IN ({', '.join(f'${place}' for place in range(1, len(identifiers) + 1))})"
