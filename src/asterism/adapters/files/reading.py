"""Reading: objects, one after the other, into a chunk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple, Protocol

import duckdb

from asterism.adapters.files.chunk import TextChunk, no_rows
from asterism.adapters.files.compression import DamagedError, unpacked
from asterism.adapters.files.lines import Block, Reader, Unreadable, split, unmarked
from asterism.adapters.files.rows import OWN, UNTYPED, Part, RowChunk, misfit
from asterism.adapters.files.schema import Field, Schema, inferred_field, quoted
from asterism.adapters.files.store import ChangedError, Item, Store
from asterism.adapters.files.table import FARTHEST, lines_of_csv
from asterism.declare.source import Files
from asterism.declare.table import Column
from asterism.errors import LakeError
from asterism.ports.arrow import ArrowStream
from asterism.ports.lines import Lines
from asterism.ports.parquet import Parquet
from asterism.ports.scratch import scratch

SetAside = Callable[[Sequence[Unreadable]], None]


class Read(Enum):
    """What came of an object: it was read to its end, in part, or was another by then."""

    WHOLE = auto()
    PART = auto()
    CHANGED = auto()


class Tools(NamedTuple):
    """What readings are made with. `folder` is where a chunk lies until it is landed."""

    declared: Files
    store: Store
    lines: Lines
    parquet: Parquet
    set_aside: SetAside
    folder: Path
    anew: bool
    """Whether lines are written anew."""


class Reading(Protocol):
    """Takes objects, and answers with the rows of all of them."""

    seen: int
    """Lines that were taken, those included that cannot be stored."""
    line: int
    """How far the last object has been read."""
    gaps: list[int]
    """Lines of it that are no rows, of those that this reading took."""

    @property
    def inferred(self) -> tuple[Field, ...]:
        """The columns that were inferred."""
        ...

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """The columns, None where nothing is known of them yet."""
        ...

    def take(self, item: Item, first: int, most: int) -> Read:
        """Take an object, from the line after `first` on, and no more than so many lines."""
        ...

    def select(self) -> AbstractContextManager[ArrowStream]:
        """The rows; nothing can be taken any more."""
        ...

    def go_on_with(self, other: Reading | None) -> None:
        """Take over the object that another reading has left open, if it has."""
        ...

    def let_go(self) -> None:
        """Let go of the chunk; the object that is open stays so."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class _Open:
    """A text object that is being read."""

    def __init__(self, item: Item, parts: Iterator[list[bytes]]) -> None:
        self.item = item
        self.line = 0
        self._parts = parts
        self._rest: list[bytes] = []

    def next(self, most: int) -> list[bytes]:
        """Some of the lines that follow; none at the end."""
        lines = self._rest or next(self._parts, [])
        self._rest = lines[most:]
        self.line += min(len(lines), most)
        return lines[:most]


class TextReading:
    """Implements `Reading` for lines of JSON and CSV."""

    def __init__(self, tools: Tools, inferred: Sequence[Field]) -> None:
        declared, key = tools.declared, tuple(tools.declared.key)
        self._tools = tools
        self._is_csv = declared.format == "csv"
        evolve = declared.evolve == "columns"
        self._reader = Reader(
            declared.record, key, evolve=evolve, texts=self._is_csv, more=tuple(inferred), anew=tools.anew
        )
        self._chunk = TextChunk(tools.folder, tools.lines, key)
        self._open: _Open | None = None
        self.seen = 0
        self.line = 0
        self.gaps: list[int] = []

    @property
    def inferred(self) -> tuple[Field, ...]:
        """See `Reading`."""
        return self._reader.more

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """See `Reading`."""
        found = self._reader.schema.columns
        is_known = self._chunk.rows or not self._reader.is_open
        return found if is_known and {*self._tools.declared.key} <= {column.name for column in found} else None

    def take(self, item: Item, first: int, most: int) -> Read:
        """See `Reading`."""
        opened = self._opened(item, first)
        self.gaps = []
        try:
            while opened.line < first and opened.next(first - opened.line):
                pass
            while most > 0:
                start = opened.line
                lines = opened.next(most)
                if not lines:
                    break
                good, bad = self._reader.read(item.key, start + 1, lines)
                self._chunk.add(item.key, good)
                if not isinstance(good, Block) and len(good) < len(lines):
                    self.gaps += sorted({*range(start + 1, opened.line + 1)} - {line.number for line in good})
                if bad:
                    self._tools.set_aside(bad)
                most -= len(lines)
                self.seen += len(lines)
            else:
                self._open = opened
                return Read.PART
        except ChangedError:
            return Read.CHANGED
        except DamagedError as error:
            self._tools.set_aside([Unreadable(item.key, opened.line + 1, str(error), b"")])
        finally:
            self.line = opened.line
        return Read.WHOLE

    def select(self) -> AbstractContextManager[ArrowStream]:
        """See `Reading`."""
        self._chunk.close()
        return self._chunk.select(self._reader.schema)

    def go_on_with(self, other: Reading | None) -> None:
        """See `Reading`."""
        if isinstance(other, TextReading):
            self._open, other._open = other._open, None  # noqa: SLF001 - of its own kind

    def let_go(self) -> None:
        """See `Reading`."""
        self._chunk.close()

    def close(self) -> None:
        """See `Reading`."""
        self._open = None
        self._chunk.close()

    def _opened(self, item: Item, first: int) -> _Open:
        """The object as it was left after the line `first`, or from its beginning; nothing of it is read yet.

        What fails while it is read is not left open: it would look as if it had come to its end.
        """
        left, self._open = self._open, None
        if left is not None and left.item[:2] == item[:2] and left.line == first:
            return left
        content = unmarked(unpacked(self._tools.store.read(item)))
        if not self._is_csv:
            return _Open(item, split(content))
        known = [field.path[0] for field in self._reader.schema.fields]
        return _Open(item, lines_of_csv(split(content, FARTHEST), known, self._tools.declared.delimiter))


class RowReading:
    """Implements `Reading` for Parquet: a file is copied to the local disk, and stays there while it is read."""

    def __init__(self, tools: Tools, inferred: Sequence[Field]) -> None:
        self._tools = tools
        self._key = tuple(tools.declared.key)
        declared = None if tools.declared.record is None else Schema.declared(tools.declared.record)
        self._declared = declared.columns if declared else ()
        self._inferred = tuple(inferred)
        self._chunk = RowChunk(tools.parquet, self._key)
        self._copy: tuple[Item, Path] | None = None
        self._copies: Path | None = None
        self.seen = 0
        self.line = 0
        self.gaps: list[int] = []

    @property
    def inferred(self) -> tuple[Field, ...]:
        """See `Reading`."""
        return self._inferred

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """See `Reading`."""
        found = (*self._declared, *(Column(each.name, each.type) for each in self._inferred))
        return found or None

    def take(self, item: Item, first: int, most: int) -> Read:
        """See `Reading`."""
        self.line = first
        try:
            path = self._local(item)
        except ChangedError:
            return Read.CHANGED
        try:
            given, rows = self._tools.parquet.describe(path)
        except LakeError as error:
            return self._refused(item, error.fact)
        if reason := misfit(given, self.columns or (), self._key):
            return self._refused(item, reason)
        if self.columns is None or self._tools.declared.evolve == "columns":
            known = OWN | {column.name.lower() for column in self.columns or ()}
            new = (c for c in given if c.name.lower() not in known and c.type != UNTYPED)
            self._inferred += tuple(inferred_field(c.name, c.type) for c in new)
        end = min(rows, first + most)
        part = Part(item.key, path, given, first, end)
        if self._key:
            self._without_key(part)
        self._chunk.add(part)
        self.seen += end - first
        self.line = end
        return Read.WHOLE if end == rows else Read.PART

    def select(self) -> AbstractContextManager[ArrowStream]:
        """See `Reading`."""
        if not self._chunk.rows:
            return no_rows(self._tools.lines, self._tools.folder, self.columns or ())
        return self._chunk.select(self.columns or ())

    def go_on_with(self, other: Reading | None) -> None:
        """See `Reading`."""
        if isinstance(other, RowReading):
            self._copy, self._copies = other._copy, other._copies  # noqa: SLF001 - of its own kind
            other._copy = other._copies = None  # noqa: SLF001 - as above
            for file in self._copies.iterdir() if self._copies else ():
                if self._copy is None or file != self._copy[1]:
                    file.unlink()

    def let_go(self) -> None:
        """Files that are not needed any more are removed when the next reading takes over."""

    def close(self) -> None:
        """See `Reading`."""
        if self._copies is not None:
            shutil.rmtree(self._copies, ignore_errors=True)

    def _local(self, item: Item) -> Path:
        if self._copy is not None and self._copy[0][:2] == item[:2]:
            return self._copy[1]
        if self._copies is None:
            self._copies = Path(tempfile.mkdtemp(dir=scratch()))
        handle, name = tempfile.mkstemp(".parquet", dir=self._copies)
        os.close(handle)
        path = Path(name)
        with path.open("wb") as file:
            for chunk in self._tools.store.read(item):
                file.write(chunk)
        self._copy = (item, path)
        return path

    def _refused(self, item: Item, reason: str) -> Read:
        """The object stays where it is: it is too much to be copied into quarantine."""
        self._tools.set_aside([Unreadable(item.key, 1, reason, b"")])
        return Read.WHOLE

    def _without_key(self, part: Part) -> None:
        """Set rows aside that have no key."""
        missing = " OR ".join(f"{quoted(name)} IS NULL" for name in self._key)
        row = ", ".join(f"{quoted(column.name)} := {quoted(column.name)}" for column in part.columns)
        query = (
            f"SELECT file_row_number + 1, to_json(struct_pack({row}))::VARCHAR FROM file_0 "
            f"WHERE ({missing}) AND file_row_number >= {part.first} AND file_row_number < {part.end}"
        )
        with self._tools.parquet.select([part.path], query) as rows, duckdb.connect() as connection:
            found = connection.from_arrow(rows).fetchall()
        reason = f"it has no {' and '.join(self._key)}, which is its key"
        if found:
            self._tools.set_aside([Unreadable(part.member, line, reason, body.encode()) for line, body in found])
