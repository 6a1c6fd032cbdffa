"""Batch: what a source answers, read and landed; it counts once its manifest is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from asterism.declare.table import Column, Table
from asterism.errors import AgainError, AsterismError
from asterism.ports.arrow import ArrowStream
from asterism.ports.source import Answer, Batch, Cursor, Source
from asterism.run.land import LandedTable, Landing
from asterism.run.ledger import Position
from asterism.run.session import listed, quote
from asterism.run.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Landed:
    """An answer whose rows lie in the lake, read at `position`."""

    position: Position
    cursor: Cursor
    """Where the next one begins."""
    polled_at: datetime
    complete: bool
    notices: tuple[str, ...]
    tables: tuple[LandedTable, ...]

    @property
    def rows(self) -> int:
        """Rows the source answered with."""
        return sum(table.rows for table in self.tables)

    @property
    def deletions(self) -> int:
        """Rows that the source no longer has."""
        return sum(table.deletions for table in self.tables)


def land(warehouse: Warehouse, name: str, source: Source, position: Position, *, reconcile: bool) -> Landed:
    """Ask a source what changed since a position, and land it. Raises SourceError, LakeError."""
    try:
        with _polled(warehouse, name, source, position, reconcile=reconcile) as answer:
            return _land(warehouse, name, position, answer)
    except AgainError:
        return land(warehouse, name, source, position, reconcile=reconcile)


class Ahead:
    """Lands the next chunk of an initial load in a thread of its own, while the last one is committed.

    It begins where the one before ends, and is written under the name that it would have had later, so nothing depends
    on it: it may be thrown away, or be left behind by a process that dies. While it is under way, nobody else may use
    the source.
    """

    def __init__(self, warehouse: Warehouse, name: str, source: Source) -> None:
        self._warehouse = warehouse
        self._name = name
        self._source = source
        self._thread = ThreadPoolExecutor(1, f"ahead-{name}")
        self._next: Future[Landed | None] | None = None
        self.total: int | None = None
        """About how many rows there are to be read, as far as anybody knows."""

    def begin(self, position: Position, rows: int) -> None:
        """Land what follows `position`, if that is a chunk; the one before had so many rows."""
        if self.total is None and (left := self._source.estimate(position.cursor)) is not None:
            self.total = rows + left
        self._next = self._thread.submit(copy_context().run, self._chunk, position)

    def take(self, position: Position) -> Landed | None:
        """What has been landed of what follows `position`; None where nothing has. Raises what was met there."""
        future, self._next = self._next, None
        landed = future.result() if future is not None else None
        return landed if landed is not None and landed.position.seq == position.seq else None

    def _chunk(self, position: Position) -> Landed | None:
        """A poll, unlike a chunk, may compare with the warehouse, which is at work: it is left to its own turn."""
        with suppress(AgainError), _polled(self._warehouse, self._name, self._source, position) as answer:
            return None if answer.complete else _land(self._warehouse, self._name, position, answer)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()


class Apart:
    """What was landed beside the warehouse's other work, to be taken by the step that commits it."""

    total: int | None = None

    def __init__(self, landed: Landed) -> None:
        self._landed = landed

    def begin(self, position: Position, rows: int) -> None:
        """Nothing is landed ahead."""

    def take(self, position: Position) -> Landed | None:
        """What was landed, where nobody has moved the cursor meanwhile."""
        return self._landed if self._landed.position == position else None


@contextmanager
def _polled(
    warehouse: Warehouse, name: str, source: Source, position: Position, *, reconcile: bool = False
) -> Iterator[Answer]:
    """The source's answer. The time until it has one is that of the poll; its rows are read as they are landed."""
    with ExitStack() as stack:
        with warehouse.tracer.span("poll", name):
            answer = stack.enter_context(source.pull(position.cursor, reconcile=reconcile))
        yield answer


def _land(warehouse: Warehouse, name: str, position: Position, answer: Answer) -> Landed:
    tables = tuple(_land_table(warehouse, name, position, batch, keys=answer.complete) for batch in answer.batches)
    notices = (*answer.notices, *_noted(warehouse, name, tables))
    return Landed(position, answer.cursor, answer.polled_at, answer.complete, notices, tables)


def _noted(warehouse: Warehouse, source: str, tables: Iterable[LandedTable]) -> Iterator[str]:
    """Have landed tables be found in the lake. What stands in the way is told, holds up no row, and is tried again."""
    for each in tables if warehouse.register is not None else ():
        if each.object is not None and warehouse.register is not None:
            try:
                warehouse.register.note(source, each.table.rpartition(".")[2], each.shape().columns)
            except AsterismError as error:
                yield f"{each.table} is not in the lake's catalogue: {error.fact}"


def _land_table(warehouse: Warehouse, source: str, position: Position, batch: Batch, *, keys: bool) -> LandedTable:
    """Land a table's rows and, with `keys`, what was deleted: of a load, that is found out at its end."""
    landing, table = Landing(warehouse.lake, warehouse.parquet), batch.table
    key = landing.key(source, table.name, position.polled_at, position.seq)
    with warehouse.tracer.span("land", table.name) as span:
        rows = landing.put(key, table.columns, batch.rows)
        span.note(rows=rows, bytes=landing.bytes)
    deletions, gone = 0, None
    if keys and batch.keys is not None and table.name in warehouse.raw_tables():
        gone = landing.key(source, table.name, position.polled_at, position.seq, deleted=True)
        deletions = _land_deletions(warehouse, table, batch.keys, gone)
    return LandedTable(
        table=table.name,
        columns=[(column.name, column.type, column.nullable) for column in table.columns],
        key=list(table.key),
        rows=rows,
        object=key if rows else None,
        deleted=gone if deletions else None,
        deletions=deletions,
    )


def _land_deletions(warehouse: Warehouse, table: Table, keys: ArrowStream, key: str) -> int:
    """Land the keys that the warehouse has and the source has not."""
    session = warehouse.session
    columns = tuple(Column(name, next(c.type for c in table.columns if c.name == name)) for name in table.key)
    there, gone = session.name(), session.name()
    try:
        session.engine.load(there, columns, keys, temporary=True)
        session.analyze(there)
        same = " AND ".join(f"t.{quote(each)} = k.{quote(each)}" for each in table.key)
        # Into a table first: mostly nothing was deleted, and engines find that out faster than they stream it.
        session.execute(
            f"CREATE TEMPORARY TABLE {quote(gone)} AS SELECT {listed(table.key, 't')} FROM {quote(table.name)} AS t "
            f"WHERE NOT EXISTS (SELECT 1 FROM {quote(there)} AS k WHERE {same})"
        )
        if not session.rows(f"SELECT 1 FROM {quote(gone)} LIMIT 1"):
            return 0
        found = session.fetch(f"SELECT {listed(table.key)} FROM {quote(gone)}")
        return Landing(warehouse.lake, warehouse.parquet).put(key, columns, found)
    finally:
        for name in (there, gone):
            session.execute(f"DROP TABLE IF EXISTS {quote(name)}")
