r"""Events in a DynamoDB table: an item for each record of a stream, and one beside it for each view that writes there.

    pk  <stream>/<key>      sk  <time>#<id>               the event
                            sk  <time>#<id>\0<family>      what a view wrote beside it

DynamoDB spreads keys by itself, and by the beginning of `sk` where one is busy, so there is no salt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby, islice
from typing import Any

import msgspec

from asterism.adapters.aws.service import Service, speaking
from asterism.adapters.aws.table import Item, RefusedError, Table, batches, sortable
from asterism.declare.storing import Storing
from asterism.errors import StateError
from asterism.ports.events import Cells, Event, Place

_AT_ONCE, _BYTES = 49, 3_000_000
"""Marks of one transaction, each an action and a condition; DynamoDB takes a hundred, and 4 MB."""
_CELLS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class DynamoEvents:
    """Implements `Events`. `dynamodb://table?region=…`; the table is made where it is not there and that is allowed."""

    def __init__(self, uri: str) -> None:
        """Raises UsageError; whether the table can be had is seen when it is first asked."""
        self._table = Table(Service.of(uri))
        self._subject = f"the events in the DynamoDB table {self._table.name}"

    def put(self, of: Storing, rows: Sequence[tuple[Place, Cells]]) -> None:
        """See `Events.put`."""
        items = {(place.key, _sort(place)): _item(of, place, cells) for place, cells in rows}
        with self._speaking():
            self._table.write(items.values())

    def mark(self, of: Storing, family: str, fence: int, rows: Sequence[tuple[Place, Cells]]) -> list[Place]:
        """See `Events.mark`: some in one transaction, and one by one where that is refused."""
        absent: list[Place] = []
        with self._speaking():
            for some in batches(dict(rows).items(), _AT_ONCE, _size, _BYTES):
                try:
                    self._table.transact([action for each in some for action in _marking(of, family, fence, *each)])
                except RefusedError:
                    absent += [each[0] for each in some if not self._mark_one(of, family, fence, *each)]
        return absent

    def missing(self, of: Storing, places: Sequence[Place]) -> set[Place]:
        """See `Events.missing`."""
        wanted = {(_partition(of, place.key), _sort(place)): place for place in places}
        with self._speaking():
            for item in self._table.get([_key(of, place) for place in wanted.values()]):
                wanted.pop((item["pk"]["S"], item["sk"]["S"]))
        return set(wanted.values())

    def read(
        self, of: Storing, key: str, since: datetime | None = None, until: datetime | None = None,
        after: Place | None = None, limit: int = 1000,
    ) -> list[Event]:  # fmt: skip
        """See `Events.read`."""
        begin = max(_text(since) if since is not None else "", _sort(after) if after is not None else "")
        end = _text(until) if until is not None else ""
        with self._speaking():
            return [*islice(self._read(of, key, begin, end, after, limit), limit)]

    def erase(self, of: Storing, places: Collection[Place]) -> None:
        """See `Events.erase`: the event first, so that nothing is written beside it any more."""
        with self._speaking():
            self._table.delete(_key(of, place) for place in places)
            for place in places:
                beside = self._table.query(
                    _partition(of, place.key), "begins_with(sk, :value)", {"S": f"{_sort(place)}\0"}
                )
                self._table.delete([{"pk": item["pk"], "sk": item["sk"]} for item in beside])

    def close(self) -> None:
        """Connections are the process's own."""

    def _mark_one(self, of: Storing, family: str, fence: int, place: Place, cells: Cells) -> bool:
        """Whether the row is there; a newer owner's mark stays."""
        try:
            self._table.transact(_marking(of, family, fence, place, cells))
        except RefusedError:
            return bool([*self._table.get([_key(of, place)])])
        return True

    def _read(self, of: Storing, key: str, begin: str, end: str, after: Place | None, limit: int) -> Iterator[Event]:
        found = self._table.query(
            _partition(of, key),
            "sk >= :value" if begin else "",
            {"S": begin} if begin else None,
            Limit=min(limit * 3, 3_000),
        )
        for sort, items in groupby(found, key=lambda item: item["sk"]["S"].partition("\0")[0]):
            if end and sort >= end:
                return
            families: dict[str, Cells] = {}
            identifier = ""
            for item in items:
                families[item["f"]["S"]] = _unpacked(item["c"]["S"])
                identifier = item["id"]["S"]
            place = Place(key, datetime.fromisoformat(sort.partition("#")[0]), identifier)
            if of.family in families and place != after:
                yield Event(place, families)

    def _speaking(self) -> AbstractContextManager[None]:
        return speaking(StateError, self._subject)


def _size(row: tuple[Place, Cells]) -> int:
    """Bytes that a mark takes, about."""
    place, cells = row
    return 2_000 + len(place.key.encode()) + sum(len(name.encode()) + len(value) for name, value in cells.items())


def _marking(of: Storing, family: str, fence: int, place: Place, cells: Cells) -> list[Item]:
    """A mark, if the event is there and no newer owner has written."""
    item = {**_item(of, place, cells), "sk": {"S": f"{_sort(place)}\0{family}"}, "f": {"S": family}}
    newest = {"ConditionExpression": "attribute_not_exists(fence) OR fence <= :fence"}
    values = {"ExpressionAttributeValues": {":fence": {"N": str(fence)}}}
    return [
        {"ConditionCheck": {"Key": _key(of, place), "ConditionExpression": "attribute_exists(pk)"}},
        {"Put": {"Item": item | {"fence": {"N": str(fence)}}, **newest, **values}},
    ]


def _item(of: Storing, place: Place, cells: Cells) -> dict[str, Any]:
    told = {"id": {"S": place.id}, "f": {"S": of.family}, "c": {"S": _packed(cells)}}
    return {**_key(of, place), **told}


def _key(of: Storing, place: Place) -> dict[str, Any]:
    return {"pk": {"S": _partition(of, place.key)}, "sk": {"S": _sort(place)}}


def _partition(of: Storing, key: str) -> str:
    return f"{of.stream.name}/{key}"


def _sort(place: Place) -> str:
    return f"{_text(place.at)}#{sortable(place.id)}"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _packed(cells: Cells) -> str:
    return msgspec.json.encode({name: msgspec.Raw(value) for name, value in cells.items()}).decode()


def _unpacked(text: str) -> Cells:
    return {name: bytes(value) for name, value in _CELLS.decode(text).items()}
