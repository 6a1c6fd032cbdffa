"""Erasing: what a person left is removed from log, event store, landing zone, tables and views."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from asterism.declare.storing import Storing
from asterism.declare.stream import Stream, Transform
from asterism.declare.table import Table
from asterism.errors import UsageError
from asterism.plan.parse import Refused, parse
from asterism.plan.qualify import qualify
from asterism.plan.translate import translate
from asterism.ports.events import Events, Place
from asterism.ports.log import Log
from asterism.run.fence import refuse_reaching_out
from asterism.run.ledger import now
from asterism.run.lineage import STREAM as LINEAGE
from asterism.run.lineage import origin
from asterism.run.quarantine import STREAM as QUARANTINE
from asterism.run.records import ID, Shape, text
from asterism.run.remove import forget_lists, remove, remove_landed
from asterism.run.review import drop
from asterism.run.session import quote
from asterism.run.streams import Streams
from asterism.run.warehouse import Progress, Warehouse, silent

_PARTS = frozenset({"expressions", "from_", "where"})


@dataclass
class Erased:
    """What an erasure removed: records by stream. Views over these streams are to be rebuilt."""

    records: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


class Eraser:
    """Erases by condition or by age. Used by the thread that has the warehouse.

    The order makes it safe to die anywhere and begin again: log, event store, landing zone, quarantine, tables; the
    tables are last, for it is by them that the records are found.
    """

    def __init__(
        self, warehouse: Warehouse, streams: Streams, transforms: Sequence[Transform], log: Log,
        progress: Progress = silent, storings: Sequence[Storing] = (), events: Events | None = None,
    ) -> None:  # fmt: skip
        """`storings`: the streams whose records have rows in `events` as well."""
        self._warehouse = warehouse
        self._streams = streams
        self._transforms = transforms
        self._log = log
        self._progress = progress
        self._stored = {each.stream.name: each for each in storings}
        self._events = events

    def where(self, stream: Stream, condition: str) -> Erased:
        """Erase the records of a stream that meet a condition in SQL (DuckDB's dialect), and all they are made from.

        What a transform made of a record goes with it, and so does the record that one was made from. Raises UsageError
        for what is no condition.
        """
        done = self._erase(stream, _condition(stream, condition, self._tables(stream)))
        if done.records:
            self._warehouse.engine.scrub()
        return done

    def expired(self) -> Erased:
        """Erase what streams have kept longer than their `keep`, and what was set aside of them as long ago."""
        done = Erased()
        for shape in self._streams.shapes.values():
            stream = shape.stream
            if stream.keep is not None and (stream.lake_only or shape.table.name in self._warehouse.raw_tables()):
                before = now() - stream.keep
                found = self._erase(stream, f"_received_at < TIMESTAMP '{before.isoformat(sep=' ')}'", before)
                done.records |= {name: done.records.get(name, 0) + n for name, n in found.records.items()}
                done.notices += found.notices
                self._let_go(self._set_aside_before(stream, before))
        return done

    def _tables(self, stream: Stream) -> dict[str, Table]:
        """What a condition on a stream may name."""
        there = self._warehouse.raw_tables()
        models = {plan.table.name: plan.table for plan in self._warehouse.compiled(there.values()).plans}
        return {stream.table: self._streams.shape(stream.table).table} | there | models

    def _set_aside_before(self, stream: Stream, before: datetime) -> set[str]:
        if QUARANTINE.table not in self._warehouse.raw_tables():
            return set()
        sql = f"SELECT {ID} FROM {quote(QUARANTINE.table)} WHERE stream = $1 AND _received_at < $2"
        return {row[0] for row in self._warehouse.session.rows(sql, [stream.name, before])}

    def _erase(self, stream: Stream, condition: str, before: datetime | None = None) -> Erased:
        ids = self._kin(stream, self._found(stream, condition, before))
        done = Erased({name: len(each) for name, each in ids.items() if each})
        told = self._lineage_of(ids)
        # The chosen stream is the last: by its rows the others are found, should this die and be done again. So are
        # they by its landed lines, where it has no rows.
        chosen = ids.pop(stream.name, set())
        for name, each in {**ids, LINEAGE.name: told, stream.name: chosen}.items():
            if each:
                self._progress(f"erasing from {name}", 0, len(each))
                self._log.erase(name, each)
                self._from_store(name, each)
                remove_landed(self._warehouse, self._streams, name, each)
        self._from_quarantine(chosen.union(*ids.values()))
        for name, each in {**ids, LINEAGE.name: told, stream.name: chosen}.items():
            self._remove(name, each)
        if done.records:
            done.notices += self._outlasting()
        return done

    def _remove(self, name: str, ids: Collection[str]) -> None:
        for some in _parts(sorted(ids), 1000):
            shape = next(each for each in self._streams.shapes.values() if each.stream.name == name)
            remove(self._warehouse, shape, f"{ID} IN ({_numbered(some)})", some)
        forget_lists(self._warehouse, name)

    def _found(self, stream: Stream, condition: str, before: datetime | None = None) -> set[str]:
        with self._table(stream, before) as table:
            query = translate(f"SELECT {ID} FROM {quote(table)} WHERE {condition}", self._warehouse.engine.dialect)
            return {row[0] for row in self._warehouse.engine.rows(query)}

    @contextmanager
    def _table(self, stream: Stream, before: datetime | None = None) -> Iterator[str]:
        """The stream's table; of one that goes to the lake alone what is landed, of hours that began `before`."""
        if not stream.lake_only:
            yield stream.table
            return
        session = self._warehouse.session
        table = session.name()
        try:
            self._streams.gather(session, self._warehouse.lake, self._streams.shapes[stream.table], table, before)
            yield table
        finally:
            session.execute(f"DROP TABLE IF EXISTS {quote(table)}")

    def _kin(self, stream: Stream, ids: set[str]) -> dict[str, set[str]]:
        """The ids by stream, with those of the records they were made from and of all that were made of any of these.

        What else a record was made of, that was made of several, stays: it need not be of the same person.
        """
        sources = _closure(stream.name, ids, self._origins)
        found: dict[str, set[str]] = {}
        for name, each in sources.items():
            for into, made in _closure(name, each, self._made).items():
                found[into] = found.get(into, set()) | made
        return found

    def _origins(self, name: str, ids: set[str]) -> Iterable[tuple[str, set[str]]]:
        """The records that these were made from, by stream."""
        for each in self._transforms:
            if each.into.name == name:
                yield each.stream.name, {origin(each.name, identifier) for identifier in ids} - {""}
        yield from self._told("of_stream, of_id", "stream", "record_id", name, ids)

    def _made(self, name: str, ids: set[str]) -> Iterable[tuple[str, set[str]]]:
        """The records that were made of these, by stream."""
        for each in self._transforms:
            if each.stream.name == name and (each.into.lake_only or each.into.table in self._warehouse.raw_tables()):
                yield each.into.name, self._made_of(each, ids)
        yield from self._told("stream, record_id", "of_stream", "of_id", name, ids)

    def _made_of(self, transform: Transform, ids: set[str]) -> set[str]:
        with self._table(transform.into) as table:
            sql = f"SELECT {ID} FROM {quote(table)} WHERE starts_with({ID}, $1)"
            rows = self._warehouse.session.rows(sql, [f"{transform.name}/"])
        return {row[0] for row in rows if origin(transform.name, row[0]) in ids}

    def _told(self, wanted: str, stream: str, record: str, name: str, ids: set[str]) -> Iterable[tuple[str, set[str]]]:
        """What the lineage tells of the records of a stream; of streams that are still declared."""
        known = {shape.stream.name for shape in self._streams.shapes.values()}
        if LINEAGE.name not in known or LINEAGE.table not in self._warehouse.raw_tables():
            return
        sql = f"SELECT {wanted} FROM {quote(LINEAGE.table)} WHERE {stream} = $1 AND {record} IN "
        for some in _parts(sorted(ids), 1000):
            for other, identifier in self._warehouse.session.rows(f"{sql}({_numbered(some, 2)})", [name, *some]):
                if other in known:
                    yield other, {identifier}

    def _lineage_of(self, ids: Mapping[str, set[str]]) -> set[str]:
        """What the lineage tells of these records, by its own ids."""
        return {
            identifier
            for name, each in ids.items()
            for stream, record in (("stream", "record_id"), ("of_stream", "of_id"))
            for _, found in self._told(f"'{LINEAGE.name}', {ID}", stream, record, name, each)
            for identifier in found
        }

    def _from_store(self, name: str, ids: set[str]) -> None:
        """Rows of the event store, found by what the table says: it is the last to lose the records."""
        of = self._stored.get(name)
        if of is None or self._events is None:
            return
        key, at = (Shape(of.stream).column(field) for field in (of.stream.key or "", of.at))
        sql = f"SELECT {quote(key)}, {quote(at)}, {ID} FROM {quote(of.stream.table)} WHERE {ID} IN "
        for some in _parts(sorted(ids), 1000):
            rows = self._warehouse.session.rows(f"{sql}({_numbered(some)})", some)
            places = [Place(text(value), moment, ident) for value, moment, ident in rows if moment is not None]
            self._events.erase(of, places)

    def _from_quarantine(self, ids: set[str]) -> None:
        """What was set aside of these records goes too."""
        if QUARANTINE.table not in self._warehouse.raw_tables() or not ids:
            return
        rows = self._warehouse.session.rows(f"SELECT {ID}, record_id FROM {quote(QUARANTINE.table)}")
        self._let_go({item for item, record in rows if record in ids})

    def _let_go(self, items: Collection[str]) -> None:
        """Erase items of the quarantine."""
        for some in _parts(sorted(items), 1000):
            drop(self._warehouse, self._streams, self._log, some)

    def _outlasting(self) -> list[str]:
        """Where a copy may outlast the erasure, in words; the processed zone is emptied of what may hold one."""
        for model in self._warehouse.models:
            self._warehouse.lake.delete(f"processed/{model.name}/")
        self._warehouse.lake.delete("processed/_manifests/")
        return [
            f"{model.name} keeps versions, closed ones too: `asterism rebuild` makes it without what was erased"
            for model in self._warehouse.models
            if model.history is not None
        ]


def _condition(stream: Stream, text: str, tables: Mapping[str, Table]) -> str:
    """A condition on the rows of a stream, which names what is there. Raises UsageError."""
    try:
        tree = parse(f"SELECT 1 FROM {quote(stream.table)} WHERE {text}")
        refuse_reaching_out(tree, "--where")
        if not isinstance(tree, exp.Select) or any(value for name, value in tree.args.items() if name not in _PARTS):
            raise UsageError("--where", "it is more than a condition", "Write what would stand after WHERE.")
        qualify(tree, tables)
    except Refused as refused:
        raise UsageError("--where", refused.fact, refused.remedy) from refused
    return text


def _closure(
    name: str, ids: set[str], step: Callable[[str, set[str]], Iterable[tuple[str, set[str]]]]
) -> dict[str, set[str]]:
    """Records by stream: these, and all that `step` leads to from them."""
    found: dict[str, set[str]] = {}
    fresh = {name: ids}
    while fresh:
        name, new = fresh.popitem()
        new = new - found.get(name, set())
        if new:
            found[name] = found.get(name, set()) | new
            for other, more in step(name, new):
                fresh[other] = fresh.get(other, set()) | more
    return found


def _numbered(values: Sequence[str], first: int = 1) -> str:
    return ", ".join(f"${place}" for place in range(first, first + len(values)))


def _parts(ids: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
