"""A chunk of what is to be read: rows of one or several objects, put down on the local disk until they are landed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from asterism.adapters.files.lines import Line
from asterism.adapters.files.schema import Schema, quoted
from asterism.declare.table import Column, Table
from asterism.ports.arrow import ArrowStream
from asterism.ports.lines import Lines

OBJECT, LINE, EXTRA = "_object", "_line", "_extra"
"""Columns of every table of files: where a row came from, and what it holds beside the other columns, as JSON."""
_PLACE = "_place"


def table(name: str, columns: Sequence[Column], key: Sequence[str]) -> Table:
    """The table that objects become."""
    own = (Column(OBJECT, "VARCHAR", nullable=False), Column(LINE, "BIGINT", nullable=False))
    return Table(name, (*own, *columns, Column(EXTRA, "JSON")), tuple(key) or (OBJECT, LINE))


class TextChunk:
    """Checked lines in a temporary file, each beside its place."""

    def __init__(self, folder: Path, reader: Lines, key: Sequence[str]) -> None:
        self._path = folder / "lines.json"
        self._file = self._path.open("wb")
        self._reader = reader
        self._key = tuple(key)
        self._keys: set[Any] = set()
        self.rows = 0
        self.bytes = 0

    def add(self, member: str, lines: Sequence[Line]) -> None:
        """Put lines of an object down."""
        head = b'{"_object":%b,"_line":' % msgspec.json.encode(member)
        together = b"\n".join(
            [
                b'%b%d,"_place":%d%b,"_record":%b}'
                % (head, line.number, place, b',"_extra":' + line.extra if line.extra else b"", line.body)
                for place, line in enumerate(lines, self.rows)
            ]
        )
        self._file.write(together + b"\n" if together else b"")
        self.rows += len(lines)
        self.bytes += len(together)
        if self._key:
            self._keys.update([line.key for line in lines])

    def close(self) -> None:
        """Write what is left; nothing can be added any more."""
        self._file.close()

    def select(self, schema: Schema) -> AbstractContextManager[ArrowStream]:
        """The rows; of several with one key, the one that came last."""
        columns = [Column(OBJECT, "VARCHAR"), Column(LINE, "BIGINT"), Column(_PLACE, "BIGINT"), Column(EXTRA, "JSON")]
        if schema.fields:
            columns.append(Column("_record", schema.structure()))
        values = ", ".join(
            f"{'.'.join(map(quoted, ('_record', *field.path)))}"
            f"{'::TIMESTAMP' if field.type == 'TIMESTAMP' else ''} AS {quoted(field.name)}"
            for field in schema.fields
        )
        listed = ", ".join(part for part in (OBJECT, LINE, values, EXTRA) if part)
        query = f"SELECT {listed} FROM lines"
        if len(self._keys) < self.rows and self._key:
            key = ", ".join(map(quoted, self._key))
            last = f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {_PLACE} DESC) = 1"
            query = f"SELECT * EXCLUDE ({_PLACE}) FROM (SELECT {listed}, {_PLACE} FROM lines {last})"
        return self._reader.select([self._path], columns, query)


def all_lines(reader: Lines, folder: Path, objects: Iterator[tuple[str, int]]) -> AbstractContextManager[ArrowStream]:
    """The object and number of every line there is, in objects with so many lines each."""
    path = folder / "objects.json"
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode({"o": member, "n": count}) + b"\n" for member, count in objects)
    columns = [Column("o", "VARCHAR"), Column("n", "BIGINT")]
    query = f"SELECT o AS {OBJECT}, unnest(range(1, n + 1)) AS {LINE} FROM lines"
    return reader.select([path], columns, query)


def no_rows(reader: Lines, folder: Path, columns: Sequence[Column]) -> AbstractContextManager[ArrowStream]:
    """No row at all, of a table with these columns."""
    path = folder / "nothing.json"
    path.touch()
    listed = ", ".join(f"NULL::{c.type} AS {quoted(c.name)}" for c in table("", columns, ()).columns)
    return reader.select([path], [Column("o", "VARCHAR")], f"SELECT {listed} FROM lines WHERE false")
