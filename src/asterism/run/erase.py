"""Erasing: what a person left is removed from log, landing zone, tables and views."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from asterism.declare.stream import Stream, Transform
from asterism.errors import UsageError
from asterism.plan.parse import Refused, parse
from asterism.plan.translate import translate
from asterism.ports.log import Log
from asterism.run.fence import refuse_reaching_out
from asterism.run.ledger import now
from asterism.run.quarantine import STREAM as QUARANTINE
from asterism.run.records import ID
from asterism.run.remove import remove, remove_landed
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

    The order makes it safe to die anywhere and begin again: log, landing zone, quarantine, tables; the tables are last,
    for it is by them that the records are found.
    """

    def __init__(
        self, warehouse: Warehouse, streams: Streams, transforms: Sequence[Transform], log: Log,
        progress: Progress = silent,
    ) -> None:  # fmt: skip
        self._warehouse = warehouse
        self._streams = streams
        self._transforms = transforms
        self._log = log
        self._progress = progress

    def where(self, stream: Stream, condition: str) -> Erased:
        """Erase the records of a stream that meet a condition in SQL (DuckDB's dialect), and all they are made from.

        What a transform made of a record goes with it, and so does the record that one was made from. Raises UsageError
        for what is no condition.
        """
        done = self._erase(stream, _condition(stream, condition))
        if done.records:
            self._warehouse.engine.scrub()
        return done

    def expired(self) -> Erased:
        """Erase what streams have kept longer than their `keep`, and what was set aside of them as long ago."""
        done = Erased()
        for shape in self._streams.shapes.values():
            if shape.stream.keep is not None and shape.table.name in self._warehouse.raw_tables():
                before = now() - shape.stream.keep
                found = self._erase(shape.stream, f"_received_at < TIMESTAMP '{before.isoformat(sep=' ')}'")
                done.records |= {name: done.records.get(name, 0) + n for name, n in found.records.items()}
                done.notices += found.notices
                self._let_go(self._set_aside_before(shape.stream, before))
        return done

    def _set_aside_before(self, stream: Stream, before: datetime) -> set[str]:
        if QUARANTINE.table not in self._warehouse.raw_tables():
            return set()
        sql = f"SELECT {ID} FROM {quote(QUARANTINE.table)} WHERE stream = $1 AND _received_at < $2"
        return {row[0] for row in self._warehouse.session.rows(sql, [stream.name, before])}

    def _erase(self, stream: Stream, condition: str) -> Erased:
        ids = self._kin(stream, self._found(stream, condition))
        done = Erased({name: len(each) for name, each in ids.items() if each})
        for name, each in ids.items():
            if each:
                self._progress(f"erasing from {name}", 0, len(each))
                self._log.erase(name, each)
                remove_landed(self._warehouse, self._streams, name, each)
        self._from_quarantine({each for group in ids.values() for each in group})
        for name, each in ids.items():
            shape = next(s for s in self._streams.shapes.values() if s.stream.name == name)
            for some in _parts(sorted(each), 1000):
                listed = ", ".join(f"${place}" for place in range(1, len(some) + 1))
                remove(self._warehouse, shape, f"{ID} IN ({listed})", some)
        if done.records:
            done.notices += self._outlasting()
        return done

    def _found(self, stream: Stream, condition: str) -> set[str]:
        query = translate(f"SELECT {ID} FROM {quote(stream.table)} WHERE {condition}", self._warehouse.engine.dialect)
        return {row[0] for row in self._warehouse.engine.rows(query)}

    def _kin(self, stream: Stream, ids: set[str]) -> dict[str, set[str]]:
        """The ids by stream, with those of the records they were made from and of all that were made of these."""
        found: dict[str, set[str]] = {}
        fresh = {stream.name: ids}
        while fresh:
            name, new = fresh.popitem()
            new = new - found.get(name, set())
            if not new:
                continue
            found[name] = found.get(name, set()) | new
            for each in self._transforms:
                if each.into.name == name:
                    origins = {_origin(each, identifier) for identifier in new} - {""}
                    fresh[each.stream.name] = fresh.get(each.stream.name, set()) | origins
                if each.stream.name == name and each.into.table in self._warehouse.raw_tables():
                    fresh[each.into.name] = fresh.get(each.into.name, set()) | self._made_of(each, new)
        return found

    def _made_of(self, transform: Transform, ids: set[str]) -> set[str]:
        table, prefix = quote(transform.into.table), f"{transform.name}/"
        rows = self._warehouse.session.rows(f"SELECT {ID} FROM {table} WHERE starts_with({ID}, $1)", [prefix])
        return {row[0] for row in rows if _origin(transform, row[0]) in ids}

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


def _condition(stream: Stream, text: str) -> str:
    """A condition that reads nothing but its stream's table. Raises UsageError."""
    try:
        tree = parse(f"SELECT 1 FROM {quote(stream.table)} WHERE {text}")
    except Refused as refused:
        raise UsageError("--where", refused.fact, refused.remedy) from refused
    refuse_reaching_out(tree, "--where")
    if not isinstance(tree, exp.Select) or any(value for name, value in tree.args.items() if name not in _PARTS):
        raise UsageError("--where", "it is more than a condition", "Write what would stand after WHERE.")
    return text


def _origin(transform: Transform, identifier: str) -> str:
    """The id of the record that a transform made this one of; empty where it did not."""
    prefix = f"{transform.name}/"
    return identifier.removeprefix(prefix).rpartition("/")[0] if identifier.startswith(prefix) else ""


def _parts(ids: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
