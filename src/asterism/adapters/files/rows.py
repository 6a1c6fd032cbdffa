"""Parquet objects: their columns against those that are held, and a chunk of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from asterism.adapters.files.chunk import EXTRA, LINE, OBJECT
from asterism.adapters.files.schema import quoted
from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream
from asterism.ports.parquet import Parquet

UNTYPED = '"NULL"'
"""DuckDB's name of what a column is that was never more than NULL."""
_WIDER = {
    "BIGINT": {"TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER", "UINTEGER"},
    "INTEGER": {"TINYINT", "UTINYINT", "SMALLINT", "USMALLINT"},
    "SMALLINT": {"TINYINT", "UTINYINT"},
    "UBIGINT": {"UTINYINT", "USMALLINT", "UINTEGER"},
    "UINTEGER": {"UTINYINT", "USMALLINT"},
    "USMALLINT": {"UTINYINT"},
    "DOUBLE": {"FLOAT"},
}
"""Types that hold each value of others."""


_NUMBERED = "file_row_number"
OWN = frozenset({OBJECT, LINE, EXTRA, "_part"})
"""Names that no column of a file may have: what it holds there is kept as extra."""


class Part(NamedTuple):
    """Rows of a file, `first` counted from 0, to just before `end`."""

    member: str
    path: Path
    columns: tuple[Column, ...]
    first: int
    end: int


def misfit(given: Sequence[Column], held: Sequence[Column], key: Sequence[str]) -> str:
    """Why a file's columns cannot go into those that are held; empty where they can."""
    types = {column.name.lower(): column.type for column in held}
    names = {column.name.lower() for column in given}
    if absent := [name for name in key if name.lower() not in names]:
        return f"it has no column {', '.join(absent)}, which is its key"
    if _NUMBERED in names:
        return f"it has a column {_NUMBERED}, which its reader makes itself"
    for column in given:
        wanted = types.get(column.name.lower(), column.type)
        if column.type not in {wanted, UNTYPED, *_WIDER.get(wanted, ())}:
            return f"its column {column.name} is {column.type}, and was {wanted}"
    return ""


class RowChunk:
    """Rows of Parquet files that lie on the local disk."""

    def __init__(self, reader: Parquet, key: Sequence[str]) -> None:
        self._reader = reader
        self._key = tuple(key)
        self._parts: list[Part] = []

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(part.end - part.first for part in self._parts)

    def add(self, part: Part) -> None:
        """Take rows in."""
        self._parts.append(part)

    def select(self, columns: Sequence[Column]) -> AbstractContextManager[ArrowStream]:
        """The rows, as these columns; of several with one key, the one that came last."""
        selects = [self._select(number, part, columns) for number, part in enumerate(self._parts)]
        query = " UNION ALL ".join(selects)
        if self._key:
            key = ", ".join(map(quoted, self._key))
            order = f"ORDER BY _part DESC, {LINE} DESC"
            query = f"SELECT * FROM ({query}) QUALIFY row_number() OVER (PARTITION BY {key} {order}) = 1"
        return self._reader.select([part.path for part in self._parts], f"SELECT * EXCLUDE (_part) FROM ({query})")

    def _select(self, number: int, part: Part, columns: Sequence[Column]) -> str:
        given = {column.name.lower(): column.name for column in part.columns}
        values = "".join(
            f"{quoted(c.name) if c.name.lower() in given else 'NULL'}::{c.type} AS {quoted(c.name)}, " for c in columns
        )
        beyond = [name for lower, name in given.items() if lower not in {column.name.lower() for column in columns}]
        types = {column.name: column.type for column in part.columns}
        extra = ", ".join(f"{_text(name)}, {_as_json(quoted(name), types[name])}" for name in sorted(beyond))
        missing = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in self._key)
        return (
            f"SELECT {_text(part.member)} AS {OBJECT}, file_row_number + 1 AS {LINE}, {values}"
            f"{f'json_object({extra})' if extra else 'NULL::JSON'} AS {EXTRA}, {number} AS _part FROM file_{number} "
            f"WHERE file_row_number >= {part.first} AND file_row_number < {part.end}"
            f"{f' AND {missing}' if missing else ''}"
        )


def _as_json(value: str, kind: str) -> str:
    """JSON has no number that is infinite, or none: these are texts."""
    if kind not in {"FLOAT", "DOUBLE"}:
        return value
    return f"CASE WHEN isfinite({value}) THEN to_json({value}) ELSE to_json({value}::VARCHAR) END"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
