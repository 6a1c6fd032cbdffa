"""Landed lines of streams, taken into their tables: each record id once, the first one to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asterism.declare.stream import Stream
from asterism.errors import RecordError
from asterism.plan.scope import Delta
from asterism.ports.arrow import ArrowStream
from asterism.ports.lake import Lake
from asterism.ports.lines import Lines
from asterism.run.apply import Applied
from asterism.run.land import LandedTable
from asterism.run.lineage import STREAM as LINEAGE
from asterism.run.quarantine import STREAM as QUARANTINE
from asterism.run.quarantine import Refused
from asterism.run.records import Envelope, Opened, Shape
from asterism.run.session import Session, listed, quote

TABLE = "the table"
"""The place of what its table could not hold."""
SOURCE = "streams"
"""What all streams together are called in the ledger and in the landing zone."""


def with_own(declared: Iterable[Stream]) -> tuple[Stream, ...]:
    """The streams of a platform, and the log's own: its quarantine, and the lineage where ids do not tell it."""
    declared = tuple(declared)
    return (QUARANTINE, *((LINEAGE,) if any(each.id_field for each in declared) else ()), *declared)


def landed_lines(lake: Lake, stream: str) -> list[str]:
    """The objects of a stream's records: our own, and those that a cloud's delivery wrote."""
    return [key for key in lake.list(f"raw/{SOURCE}/{stream}/") if key.endswith((".ndjson.zst", ".gz"))]


@dataclass
class Streams:
    """The streams of a platform, as the warehouse sees them."""

    shapes: Mapping[str, Shape]
    """By table."""
    lines: Lines
    refuse: Callable[[list[Refused]], object] = field(default=lambda _: None)
    """Told what cannot be taken in, before the transaction commits; the same again after a retry."""

    @classmethod
    def of(cls, declared: Iterable[Stream], lines: Lines) -> Streams:
        """Of a platform's declarations, and the log's own."""
        return cls({each.table: Shape(each) for each in with_own(declared)}, lines)

    def shape(self, table: str) -> Shape:
        """The shape of a table's records; a stream that is no longer declared takes anything."""
        return self.shapes.get(table) or Shape(Stream(table.partition(".")[2]))

    def take_in(self, session: Session, lake: Lake, landed: LandedTable) -> Applied:
        """Insert the records of a landed object whose ids the table has not; answer the change set.

        Records that do not fit are refused, each with the reason, and the others go in.
        """
        shape = self.shape(landed.table)
        table, after = shape.table, session.own(session.name())
        opened = shape.open(self.lines.unpack(lake.get(landed.object or "")))
        refused = [_refused(shape, envelope, reason) for envelope, reason in opened.refused]
        parts = self._columns(shape, _first_of_each(opened), refused)
        if not [session.engine.load(after, table.columns, part, temporary=True) for part in parts]:
            session.engine.load(after, table.columns, self.lines.read(b"", table.columns, shape.known), temporary=True)
        if refused:
            self.refuse(refused)
        session.analyze(after)
        names = [column.name for column in session.columns(table.name)]
        given = set(table.column_names)
        empty = session.keep(f"SELECT {listed(names)} FROM {quote(table.name)} LIMIT 0")
        chosen = ", ".join(quote(name) if name in given else f"NULL AS {quote(name)}" for name in names)
        new = session.keep(
            f"SELECT {listed(names)} FROM {quote(empty)} UNION ALL SELECT {chosen} FROM {quote(after)} AS a "
            f"WHERE NOT EXISTS (SELECT 1 FROM {quote(table.name)} AS t WHERE t._id = a._id)"
        )
        added = session.execute(
            f"INSERT INTO {quote(table.name)} ({listed(names)}) SELECT {listed(names)} FROM {quote(new)}"
        )
        return Applied(Delta(empty, new), 0, added) if added else Applied(None)

    def gather(self, session: Session, lake: Lake, shape: Shape, into: str, before: datetime | None = None) -> None:
        """Make the temporary table `into` of what is landed of a stream, of hours that began before `before`."""
        columns = shape.table.columns
        session.engine.load(into, columns, self.lines.read(b"", columns, shape.known), temporary=True)
        for key in landed_lines(lake, shape.stream.name):
            if before is None or key.rsplit("/", 5)[1:5] <= before.strftime("%Y %m %d %H").split():
                opened = shape.open(self.lines.unpack(lake.get(key)))
                for part in self._columns(shape, opened, []):
                    session.engine.load(into, columns, part, temporary=True)

    def _columns(self, shape: Shape, opened: Opened, refused: list[Refused]) -> Iterator[ArrowStream]:
        """The records as columns; those that no column can hold are told apart by halving."""
        if not opened.envelopes:
            return
        try:
            yield self.lines.read(shape.rows(opened), shape.table.columns, shape.known)
        except RecordError as error:
            count = len(opened.envelopes)
            if count == 1:
                refused.append(_refused(shape, opened.envelopes[0], error.fact))
                return
            for part in (slice(0, count // 2), slice(count // 2, count)):
                yield from self._columns(shape, Opened(opened.envelopes[part], opened.records[part], []), refused)


def _first_of_each(opened: Opened) -> Opened:
    if len({each.id for each in opened.envelopes}) == len(opened.envelopes):
        return opened
    first: dict[str, int] = {}
    for place, envelope in enumerate(opened.envelopes):
        first.setdefault(envelope.id, place)
    places = first.values()
    return Opened([opened.envelopes[p] for p in places], [opened.records[p] for p in places], [])


def _refused(shape: Shape, envelope: Envelope, reason: str) -> Refused:
    name, record = shape.stream.name, bytes(envelope.record)
    return Refused(
        name, TABLE, reason, record, f"table/{name}/{envelope.id}", envelope.id, received_at=envelope.received_at
    )
