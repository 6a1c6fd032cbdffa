"""Given rows: a log in memory that says when its records came, and tables of sources that stand as if pulled."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from asterism.declare.case import Row, Shaped
from asterism.declare.table import Column, Table
from asterism.ports.log import Entry, Logged, Offsets, Standing
from asterism.run.records import ID, RECEIVED_AT

_EPOCH = datetime(1970, 1, 1)
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "BOOLEAN"),
    (int, "BIGINT"),
    (float, "DOUBLE"),
    (str, "VARCHAR"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
    (time, "TIME"),
)


class GivenLog:
    """Implements `Log` for one thread and one case. What is appended came at `moment`, or at the time in `came`."""

    PARTITION = "given"
    dedupes = True
    numbered = True

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.came: dict[str, datetime] = {}
        """When records came, by their ids, where that is given."""
        self.records: dict[str, list[Logged]] = defaultdict(list)
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._committed: dict[str, dict[str, Offsets]] = defaultdict(dict)

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:  # noqa: ARG002 - of the port
        """See `Log.append`. Ids are remembered for good."""
        fresh = []
        for entry in entries:
            fresh.append(entry.id not in self._ids[stream])
            if fresh[-1]:
                self._ids[stream].add(entry.id)
                at = (self.came.get(entry.id, self.moment) - _EPOCH) // timedelta(microseconds=1)
                position = len(self.records[stream]) + 1
                self.records[stream].append(Logged(self.PARTITION, position, entry.id, entry.key, at, entry.body))
        return fresh

    def read(self, stream: str, consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:  # noqa: ARG002 - of the port
        """See `Log.read`. Waits for nothing."""
        begin = after.get(self.PARTITION, 0)
        return self.records[stream][begin : begin + limit]

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """See `Log.commit`."""
        self._committed[stream][consumer] = offsets

    def standing(self, stream: str) -> Standing:
        """See `Log.standing`. The warehouse has always read everything: no view waits for it."""
        end = {self.PARTITION: len(self.records[stream])}
        return Standing(end, {**self._committed[stream], "warehouse": end}, len(self.records[stream]))

    def trim(self, stream: str, consumers: Collection[str], before: datetime, keep_bytes: int | None = None) -> int:  # noqa: ARG002 - of the port
        """Nothing is dropped."""
        return 0

    def erase(self, stream: str, ids: Collection[str]) -> int:  # noqa: ARG002 - of the port
        """Nothing is erased."""
        return 0

    def close(self) -> None:
        """There is nothing to let go of."""


def record(row: Row) -> bytes:
    """A given row of a stream as the JSON of its record; what is NULL is left out."""
    own = {name: value for name, value in row.items() if name not in {ID, RECEIVED_AT} and value is not None}
    return json.dumps(own, default=_spelled, ensure_ascii=False).encode()


def lines(rows: Sequence[Row], table: Table) -> bytes:
    """Given rows of a source's table, as lines of its columns."""
    texts = [{name: row.get(name) for name in table.column_names} for row in rows]
    return "\n".join(json.dumps(each, default=_spelled, ensure_ascii=False) for each in texts).encode()


def described(name: str, rows: Sequence[Row], shaped: Shaped, declared: Table | None) -> Table:
    """The table of a source that given rows belong to: as the source declares it, else as its values look."""
    columns = {column.name: column.type for column in declared.columns} if declared else {}
    for row in rows:
        for column, value in row.items():
            if value is not None:
                columns.setdefault(column, _type(value))
    columns |= {column: "VARCHAR" for row in rows for column in row if column not in columns} | dict(shaped.types)
    key = shaped.key or (declared.key if declared else _key(rows, tuple(columns)))
    return Table(name, tuple(Column(column, kind) for column, kind in columns.items()), key)


def _key(rows: Sequence[Row], columns: tuple[str, ...]) -> tuple[str, ...]:
    first = [_hashable(row.get(columns[0])) for row in rows] if columns else []
    return columns[:1] if None not in first and len(set(first)) == len(first) else columns


def _hashable(value: Any) -> Any:
    return json.dumps(value, default=_spelled) if isinstance(value, list | Mapping) else value


def _type(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "JSON")


def _spelled(value: Any) -> str:
    """A time of TOML in JSON."""
    return str(value.isoformat())
