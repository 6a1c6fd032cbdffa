"""The warehouse writer: what stands in the log is landed and goes into tables and models, each record once."""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from time import monotonic, perf_counter

from asterism.declare.stream import Stream
from asterism.errors import AsterismError, SourceError
from asterism.ports.log import Entry, Log, Logged, Offsets
from asterism.run.commit import Committed, differs, misfit, stand
from asterism.run.land import LandedTable
from asterism.run.ledger import Position, Run, now
from asterism.run.pull import first_contact
from asterism.run.quarantine import set_aside
from asterism.run.records import Shape, landed, since_1970, stored
from asterism.run.remove import commit_batch
from asterism.run.seen import handed_on
from asterism.run.streams import SOURCE, Streams
from asterism.run.warehouse import Warehouse

CONSUMER = "warehouse"
"""The writer's name in the log."""
MOST_RECORDS = 20_000
"""Of one stream in one micro-batch."""
FULL = 2_000_000
"""Bytes of records of a stream, from which more may wait than one read brings."""
GATHERING = 60.0
"""Seconds for which a stream that goes to the lake alone gathers records for an object, unless they fill one sooner."""
PATIENCE = 300.0
"""Seconds after which it is tried again to give a table the columns that its stream is declared with."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one micro-batch did."""

    records: int
    done: Committed
    full: bool
    """Whether more waits."""
    seconds: float
    still: Mapping[str, SourceError]
    """The streams that stand still, and why."""


class Writer:
    """Takes all streams into the warehouse, in micro-batches. Used by one thread at a time.

    Exact: the position is in the transaction of the data. Dying anywhere, and reading records again, changes nothing.

    A stream that goes to the lake alone is landed and no more, an object a minute unless it fills one sooner. Its
    position moves with the others': each record is in the lake, and in one object, but for what died in between and
    what the log brings twice. So who reads the objects takes an id once.

    A stream whose table cannot have the columns that it is declared with stands still, and no other: nothing of it is
    read, so that the log keeps it, and what was read before stands as it is.
    """

    def __init__(
        self, warehouse: Warehouse, streams: Streams, log: Log, awaited: Collection[str] = (),
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        """`awaited`: the streams of views that must not run ahead of the table."""
        self._awaited = frozenset() if log.numbered else frozenset(awaited)
        self._warehouse = warehouse
        self._streams = streams
        self._log = log
        self._prepared = False
        self._due: dict[str, float] = {}
        self._patience = patience
        self._still: dict[str, SourceError] = {}
        self._again = -math.inf  # when tables are looked at that are not as their streams are declared

    def still(self) -> Mapping[str, SourceError]:
        """The streams that stand still, and why; before the first step what can be told of it by looking."""
        if self._prepared:
            return self._still
        shapes = [shape for shape in self._streams.shapes.values() if not shape.stream.lake_only]
        looked = ((shape.stream.name, misfit(self._warehouse, shape.table)) for shape in shapes)
        return {name: error for name, error in looked if error is not None}

    def step(self, *, gather: bool = True) -> Written:
        """Take in what has come; answer at once where nothing has. Raises LogError, LakeError, EngineError.

        Without `gather`, what gathers for the lake is landed now.
        """
        started, warehouse = perf_counter(), self._warehouse
        self._streams.refuse = lambda items: set_aside(self._log, items)
        try:
            position = warehouse.ledger.position(SOURCE) or first_contact(warehouse, SOURCE, loading=False)
            with warehouse.tracer.span("write", SOURCE) as span:
                written = self._step(position, started, gather=gather)
                span.note(rows=written.records)
        except AsterismError as error:
            self._prepared, self._again = False, -math.inf
            error.run, seconds = uuid.uuid4().hex, perf_counter() - started
            warehouse.note_run(Run(error.run, "consume", SOURCE, now(), seconds, "failed", error=str(error)))
            raise
        return written

    def catch_up(self) -> None:
        """Take in all that stands in the log when this is called. Raises LogError, LakeError, EngineError."""
        while self.step(gather=False).full:
            pass

    def _step(self, position: Position, started: float, *, gather: bool) -> Written:
        offsets = _offsets(position)
        if monotonic() >= self._again:
            position = self._reshape(position, offsets)
        tables: list[LandedTable] = []
        handed: dict[Stream, list[Logged]] = {}
        warehouse = self._warehouse
        total, full = 0, False
        for shape in self._streams.shapes.values():
            name = shape.stream.name
            if name in self._still:
                continue
            records = self._read(shape.stream, offsets.get(name, {}), gather=gather)
            if records:
                offsets[name] = _beyond(offsets.get(name, {}), records)
                landed = _land(warehouse, self._streams, shape, position, records)
                total, full = total + len(records), full or _fill(records)
                if shape.stream.lake_only:
                    self._due[name] = monotonic() + GATHERING
                    continue
                tables.append(landed)
                if name in self._awaited:
                    handed[shape.stream] = records
            elif not (self._prepared or shape.stream.lake_only):
                tables.append(_described(shape, 0, None))
        done = Committed()
        if total or not self._prepared:
            done = _commit(warehouse, position, offsets, tables)
            self._prepared = True
            for stream, records in handed.items():  # before the log lets go of them: dying here hands them on again
                entries = [Entry(each.id, each.key, each.body) for each in records]
                self._log.append(handed_on(stream.name), entries, stream.dedupe)
            for name, reached in offsets.items():
                self._log.commit(name, CONSUMER, reached)
        return Written(total, done, full, perf_counter() - started, self._still)

    def _reshape(self, position: Position, offsets: Mapping[str, Offsets]) -> Position:
        """Give each table the columns that its stream is declared with now, in a batch of its own; answer the position.

        A stream whose table cannot have them stands still from here on.
        """
        warehouse, known, self._still = self._warehouse, self._still, {}
        for shape in self._streams.shapes.values():
            if shape.stream.lake_only or not differs(warehouse, shape.table):
                continue
            started, name = perf_counter(), shape.stream.name
            try:
                _commit(warehouse, position, offsets, [_described(shape, 0, None)])
            except SourceError as error:
                self._still[name] = error
                if str(error) != str(known.get(name)):
                    error.run, seconds = uuid.uuid4().hex, perf_counter() - started
                    run = Run(error.run, "consume", f"stream {name}", now(), seconds, "failed", error=str(error))
                    warehouse.note_run(run)
            position = warehouse.ledger.position(SOURCE) or position
        self._again = monotonic() + self._patience if self._still else math.inf
        return position

    def _read(self, stream: Stream, after: Offsets, *, gather: bool) -> list[Logged]:
        """What is to be landed of a stream now. A log without numbers is not asked before: it may answer only once."""
        waits = stream.lake_only and gather and monotonic() < self._due.get(stream.name, 0.0)
        if waits and not self._log.numbered:
            return []
        records = self._log.read(stream.name, CONSUMER, after, MOST_RECORDS)
        return [] if waits and not _fill(records) else records


def stand_tables(warehouse: Warehouse, streams: Streams) -> None:
    """See that every stream has its table, so that a question has an answer before the first record has come.

    Raises LakeError where the landing zone holds records that the warehouse knows nothing of.
    """
    known = warehouse.raw_tables()
    declared = streams.shapes.items()
    missing = [shape.table for name, shape in declared if name not in known and not shape.stream.lake_only]
    if missing:
        if warehouse.ledger.position(SOURCE) is None:
            first_contact(warehouse, SOURCE, loading=False)
        stand(warehouse, SOURCE, missing)


def take_lines(warehouse: Warehouse, streams: Streams, shape: Shape, records: list[Logged]) -> Committed:
    """Take records into their table beside the log: its position stays. Raises LakeError, EngineError."""
    position = warehouse.ledger.position(SOURCE) or first_contact(warehouse, SOURCE, loading=False)
    tables = [_land(warehouse, streams, shape, position, records)]
    return _commit(warehouse, position, _offsets(position), tables)


def _land(
    warehouse: Warehouse, streams: Streams, shape: Shape, position: Position, records: list[Logged]
) -> LandedTable:
    """Under a name that a retry overwrites. What goes to the lake alone is asked by its hour: the first record's."""
    hour = since_1970(records[0].at) if shape.stream.lake_only else position.polled_at
    key = f"raw/{SOURCE}/{shape.stream.name}/{hour:%Y/%m/%d/%H}/{position.seq:012d}.ndjson.zst"
    with warehouse.tracer.span("land", shape.table.name) as span:
        packed = streams.lines.pack(landed(records))
        warehouse.lake.put(key, packed)
        span.note(rows=len(records), bytes=len(packed))
    return _described(shape, len(records), key)


def _commit(
    warehouse: Warehouse, position: Position, offsets: Mapping[str, Offsets], tables: list[LandedTable]
) -> Committed:
    cursor = {
        "offsets": {
            name: {partition: stored(last) for partition, last in reached.items()} for name, reached in offsets.items()
        }
    }
    return commit_batch(warehouse, position, cursor, tables)


def _offsets(position: Position) -> dict[str, Offsets]:
    """How far the streams were read, of the writer's cursor."""
    noted = position.cursor.get("offsets", {})
    return {name: {part: int(last) for part, last in reached.items()} for name, reached in noted.items()}


def _fill(records: list[Logged]) -> bool:
    """Whether more may wait than was read."""
    return len(records) == MOST_RECORDS or sum(len(each.body) for each in records) >= FULL


def _beyond(offsets: Offsets, records: list[Logged]) -> dict[str, int]:
    reached = dict(offsets)
    for record in records:
        reached[record.partition] = record.position
    return reached


def _described(shape: Shape, rows: int, key: str | None) -> LandedTable:
    return LandedTable(
        table=shape.table.name,
        columns=[(column.name, column.type, column.nullable) for column in shape.table.columns],
        key=list(shape.table.key),
        rows=rows,
        object=key,
    )
