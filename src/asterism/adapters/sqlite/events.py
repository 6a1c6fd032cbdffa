"""Events in a SQLite file: rows of streams by key and time."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from asterism.adapters.sqlite.database import Database
from asterism.declare.storing import Storing
from asterism.errors import StateError
from asterism.ports.events import Cells, Event, Place

_PLACE = "stream = ? AND key = ? AND at = ? AND id = ?"
_CELLS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class SqliteEvents:
    """Implements `Events` in one SQLite file, the newest versions alone. A call that writes is one transaction."""

    def __init__(self, path: Path) -> None:
        """Open the file, made where it is not there. Raises StateError."""
        schema = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
        self._database = Database(path, "the event store", schema, StateError)

    def put(self, of: Storing, rows: Sequence[tuple[Place, Cells]]) -> None:
        """See `Events.put`."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells",
                [(*_address(of, place), _packed(cells)) for place, cells in rows],
            )

    def mark(self, of: Storing, family: str, fence: int, rows: Sequence[tuple[Place, Cells]]) -> list[Place]:
        """See `Events.mark`."""
        with self._database.writing() as connection:
            absent = self._missing(connection, of, [place for place, _ in rows])
            connection.executemany(
                "INSERT INTO beside VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "fence = excluded.fence, cells = excluded.cells WHERE excluded.fence >= fence",
                [(*_address(of, place), family, fence, _packed(cells)) for place, cells in rows if place not in absent],
            )
        return [place for place, _ in rows if place in absent]

    def missing(self, of: Storing, places: Sequence[Place]) -> set[Place]:
        """See `Events.missing`."""
        with self._database.reading() as connection:
            return self._missing(connection, of, places)

    def read(
        self, of: Storing, key: str, since: datetime | None = None, until: datetime | None = None,
        after: Place | None = None, limit: int = 1000,
    ) -> list[Event]:  # fmt: skip
        """See `Events.read`."""
        conditions, bound = ["stream = ? AND key = ?"], [of.stream.name, key]
        for condition, moment in (("at >= ?", since), ("at < ?", until)):
            if moment is not None:
                conditions.append(condition)
                bound.append(_text(moment))
        if after is not None:
            conditions.append("(at, id) > (?, ?)")
            bound += [_text(after.at), after.id]
        chosen = f"SELECT * FROM events WHERE {' AND '.join(conditions)} ORDER BY at, id LIMIT ?"
        found: dict[tuple[str, str], dict[str, Cells]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT e.at, e.id, e.cells, b.family, b.cells FROM ({chosen}) AS e LEFT JOIN beside AS b "
                "USING (stream, key, at, id) ORDER BY e.at, e.id",
                [*bound, limit],
            )
            for at, identifier, cells, family, beside in rows:
                families = found.setdefault((at, identifier), {of.family: _unpacked(cells)})
                if family is not None:
                    families[family] = _unpacked(beside)
        return [Event(Place(key, datetime.fromisoformat(at), ident), each) for (at, ident), each in found.items()]

    def erase(self, of: Storing, places: Collection[Place]) -> None:
        """See `Events.erase`: nothing is left of them in the file, either."""
        addresses = [_address(of, place) for place in places]
        with self._database.writing() as connection:
            for table in ("beside", "events"):
                connection.executemany(f"DELETE FROM {table} WHERE {_PLACE}", addresses)
        if addresses:
            self._database.rewrite()

    def close(self) -> None:
        """See `Events.close`."""
        self._database.close()

    @staticmethod
    def _missing(connection: sqlite3.Connection, of: Storing, places: Sequence[Place]) -> set[Place]:
        sql = f"SELECT 1 FROM events WHERE {_PLACE}"
        return {place for place in places if connection.execute(sql, _address(of, place)).fetchone() is None}


def _address(of: Storing, place: Place) -> tuple[str, str, str, str]:
    return of.stream.name, place.key, _text(place.at), place.id


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _packed(cells: Cells) -> bytes:
    return msgspec.json.encode({name: msgspec.Raw(value) for name, value in cells.items()})


def _unpacked(packed: Any) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in _CELLS.decode(packed).items()}
