"""A chunk of what is to be read: rows of one or several objects, put down on the local disk until they are landed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from asterism.adapters.files.journal import Objects
from asterism.adapters.files.lines import Block, Line
from asterism.adapters.files.schema import Schema, quoted
from asterism.declare.table import Column, Table
from asterism.ports.arrow import ArrowStream
from asterism.ports.lines import Lines

OBJECT, LINE, EXTRA = "_object", "_line", "_extra"
"""Columns of every table of files: where a row came from, and what it holds beside the other columns, as JSON."""
_PLACE, _BEFORE = "_place", "_before"


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

    def add(self, member: str, lines: Block | Sequence[Line]) -> None:
        """Put lines of an object down, each beside its number less its place in this file, which counts from 1."""
        head = b'{"_object":%b,"_before":%%d,' % msgspec.json.encode(member).replace(b"%", b"%%")
        if isinstance(lines, Block):
            count, together = len(lines.bodies), self._block(head, lines)
        else:
            count, together = len(lines), self._one_by_one(head, lines)
            self._keys.update([line.key for line in lines])
        self._file.write(together)
        self.rows += count
        self.bytes += len(together)

    def _block(self, head: bytes, block: Block) -> bytes:
        """What stands before a line is the same for all of them."""
        begun = head % (block.first - self.rows - 1) + b'"_record":'
        return begun + (b"}\n" + begun).join(block.bodies) + b"}\n" if block.bodies else b""

    def _one_by_one(self, head: bytes, lines: Sequence[Line]) -> bytes:
        rows = [
            head % (line.number - place) + (b'"_extra":%b,' % line.extra if line.extra else b"")
            + b'"_record":%b}\n' % line.body
            for place, line in enumerate(lines, self.rows + 1)
        ]  # fmt: skip
        return b"".join(rows)

    def close(self) -> None:
        """Write what is left; nothing can be added any more."""
        self._file.close()

    def select(self, schema: Schema) -> AbstractContextManager[ArrowStream]:
        """The rows; of several with one key, the one that came last."""
        columns = [Column(OBJECT, "VARCHAR"), Column(_BEFORE, "BIGINT"), Column(EXTRA, "JSON")]
        if schema.fields:
            columns.append(Column("_record", schema.structure()))
        values = ", ".join(
            f"{'.'.join(map(quoted, ('_record', *field.path)))}"
            f"{'::TIMESTAMP' if field.type == 'TIMESTAMP' else ''} AS {quoted(field.name)}"
            for field in schema.fields
        )
        place = "row_number() OVER ()"  # one thread reads, from the file's beginning on
        listed = ", ".join(part for part in (OBJECT, f"{_BEFORE} + {place} AS {LINE}", values, EXTRA) if part)
        query = f"SELECT {listed} FROM lines"
        if len(self._keys) < self.rows and self._key:
            key = ", ".join(map(quoted, self._key))
            last = f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {_PLACE} DESC) = 1"
            query = f"SELECT * EXCLUDE ({_PLACE}) FROM (SELECT {listed}, {place} AS {_PLACE} FROM lines) {last}"
        return self._reader.select([self._path], columns, query)


def all_lines(reader: Lines, folder: Path, objects: Objects) -> AbstractContextManager[ArrowStream]:
    """The object and number of every line there is that may be a row."""
    path = folder / "objects.json"
    with path.open("wb") as file:
        for member, seen in objects.items():
            file.write(msgspec.json.encode({"o": member, "n": seen.lines, "g": seen.gaps}) + b"\n")
    columns = [Column("o", "VARCHAR"), Column("n", "BIGINT"), Column("g", "BIGINT[]")]
    query = f"SELECT o AS {OBJECT}, unnest(range(1, n + 1)) AS {LINE}, g FROM lines"
    query = f"SELECT {OBJECT}, {LINE} FROM ({query}) WHERE NOT list_contains(g, {LINE})"
    return reader.select([path], columns, query)


def no_rows(reader: Lines, folder: Path, columns: Sequence[Column]) -> AbstractContextManager[ArrowStream]:
    """No row at all, of a table with these columns."""
    path = folder / "nothing.json"
    path.touch()
    listed = ", ".join(f"NULL::{c.type} AS {quoted(c.name)}" for c in table("", columns, ()).columns)
    return reader.select([path], [Column("o", "VARCHAR")], f"SELECT {listed} FROM lines WHERE false")
