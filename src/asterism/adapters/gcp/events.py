"""Events in Bigtable: a row for each record of a stream, led by its key and a salt.

    <key> <salt> <stream> <time> <id>        event:<field> …        <a view's family>:<field> …

The salt comes of the id. So the newest events of one key are spread over `SALTS` places, no row key grows with the time
alone, and a record that comes again finds its row. Reading a key's events in order merges those places.

A cell of the stream's own family has the event's time: written again, it is the same cell. A cell that a view wrote has
its fence as time, so that the newest owner's is read, whoever is late. A cell's value is the plain text where that is
no JSON by itself, else JSON: `door-3`, `1`, `"1"`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any
from zlib import crc32

import msgspec

from asterism.adapters.gcp import table as bigtable
from asterism.adapters.gcp.access import parts
from asterism.adapters.gcp.table import Row, Table
from asterism.declare.storing import Storing
from asterism.ports.events import Cells, Event, Place

SHAPE = "bigtable://project/instance/table"
SALTS = 4
VERSIONS = 2
"""That each family keeps."""
_MILLISECOND = 1000
_EPOCH = datetime(1970, 1, 1)
_AT_ONCE = 2_000


class BigtableEvents:
    """Implements `Events`. Safe to use from several threads and processes."""

    def __init__(self, uri: str, families: Collection[str], *, opened: Callable[..., Table] = Table) -> None:
        """`uri` is `bigtable://project/instance/table`; `families` are all that will be written. Raises StateError."""
        self._table = opened(*parts(uri, SHAPE, "the event store"), families=dict.fromkeys(families, VERSIONS))

    def put(self, of: Storing, rows: Sequence[tuple[Place, Cells]]) -> None:
        """See `Events.put`: the status of every row is looked at."""
        self._table.mutate((_key(of, place), _cells(of.family, cells, _time(place))) for place, cells in rows)

    def mark(self, of: Storing, family: str, fence: int, rows: Sequence[tuple[Place, Cells]]) -> list[Place]:
        """See `Events.mark`: a check-and-mutate each."""
        condition = bigtable.every(bigtable.families(of.family), bigtable.keys_only())
        wrote = self._table.swaps(
            (_key(of, place), condition, _cells(family, cells, fence * _MILLISECOND)) for place, cells in rows
        )
        return [place for (place, _), done in zip(rows, wrote, strict=True) if not done]

    def missing(self, of: Storing, places: Sequence[Place]) -> set[Place]:
        """See `Events.missing`."""
        wanted = {_key(of, place): place for place in places}
        keys = [*wanted]
        chosen = bigtable.every(bigtable.families(of.family), bigtable.keys_only())
        for at in range(0, len(keys), _AT_ONCE):
            for row in self._table.rows(keys=keys[at : at + _AT_ONCE], chosen=chosen):
                del wanted[row.key]
        return set(wanted.values())

    def read(
        self, of: Storing, key: str, since: datetime | None = None, until: datetime | None = None,
        after: Place | None = None, limit: int = 1000,
    ) -> list[Event]:  # fmt: skip
        """See `Events.read`: as many requests as there are salts."""
        found = []
        for salt in range(SALTS):
            prefix = bigtable.encoded(key, str(salt), of.stream.name)
            first = prefix + (_text(since).encode() if since is not None else b"")
            beyond = prefix + bigtable.encoded(_text(after.at), after.id) if after is not None else b""
            until_key = prefix + _text(until).encode() if until is not None else b""
            found.append(
                self._table.rows(
                    prefix=prefix, first=first, after=beyond, until=until_key, chosen=bigtable.latest(), limit=limit
                )
            )
        events = merge(*([_event(row) for row in rows] for rows in found), key=lambda each: each.place[1:])
        return [*islice(events, limit)]

    def erase(self, of: Storing, places: Collection[Place]) -> None:
        """See `Events.erase`."""
        self._table.mutate((_key(of, place), [bigtable.erase()]) for place in places)

    def close(self) -> None:
        """See `Events.close`."""
        self._table.close()


def _key(of: Storing, place: Place) -> bytes:
    salt = str(crc32(place.id.encode()) % SALTS)
    return bigtable.encoded(place.key, salt, of.stream.name, _text(place.at), place.id)


def _event(row: Row) -> Event:
    key, _, _, at, identifier = bigtable.decoded(row.key)
    families: dict[str, dict[str, bytes]] = {}
    for cell in row.cells:
        families.setdefault(cell.family, {})[cell.column.decode()] = _json(cell.value)
    return Event(Place(key, datetime.fromisoformat(at), identifier), families)


def _cells(family: str, cells: Cells, time: int) -> list[Any]:
    return [bigtable.put(family, name.encode(), _plain(value), time) for name, value in cells.items()]


def _plain(value: bytes) -> bytes:
    """A text that could not be taken for JSON, without its quotes; all else as it is."""
    if not value.startswith(b'"'):
        return value
    text: bytes = msgspec.json.decode(value, type=str).encode()
    return value if _is_json(text) else text


def _json(value: bytes) -> bytes:
    """The inverse of `_plain`."""
    return value if _is_json(value) else msgspec.json.encode(value.decode())


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _time(place: Place) -> int:
    return max(0, int((place.at - _EPOCH).total_seconds() * 1000)) * _MILLISECOND


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
