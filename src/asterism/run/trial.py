"""Trial: a case carried out in memory, by the code that also does the real work, and what differs from its word.

Each case is done twice: its rows at one go, and in two batches. Both have to give the same: what is kept current by
changes is what a full computation gives.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from asterism.declare.case import Case, Row, Shaped
from asterism.declare.model import Model, Query
from asterism.declare.platform import Platform
from asterism.declare.table import Table
from asterism.errors import ModelError, RecordError, UsageError
from asterism.plan import clock
from asterism.plan.compile import HISTORY_COLUMNS
from asterism.plan.parse import parse
from asterism.plan.plan import record_column
from asterism.plan.qualify import sources
from asterism.ports.log import Entry, Logged
from asterism.ports.state import State
from asterism.project.nearest import suggestion
from asterism.run import given
from asterism.run.answer import answer
from asterism.run.commit import commit, stand
from asterism.run.land import LandedTable, Landing, Manifest
from asterism.run.ledger import Position
from asterism.run.lineage import STREAM as LINEAGE
from asterism.run.quarantine import STREAM as QUARANTINE
from asterism.run.quarantine import set_aside
from asterism.run.rebuild import refresh
from asterism.run.records import ID, RECEIVED_AT, Shape, landed
from asterism.run.session import listed, quote
from asterism.run.streams import SOURCE, Streams
from asterism.run.transform import TransformWorker
from asterism.run.values import as_json
from asterism.run.view import ViewWorker
from asterism.run.warehouse import Warehouse

Found = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Columns and rows."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one case is carried out: all of it empty, and thrown away afterwards."""

    platform: Platform
    queries: Mapping[str, Query]
    warehouse: Warehouse
    streams: Streams
    states: State
    tables: Mapping[str, Table]
    """The tables of sources whose shapes are known without asking them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of one target that were expected and are not there, and that are there and were not expected."""

    target: str
    columns: tuple[str, ...]
    missing: tuple[tuple[Any, ...], ...]
    unexpected: tuple[tuple[Any, ...], ...]
    fact: str = ""
    """Where it is not about expected rows: what else is wrong."""


def attempt(case: Case, bench: Callable[[], Bench], moment: datetime) -> list[Difference]:
    """Carry a case out, at a moment (naive UTC) where it has none of its own; answer what differs.

    `bench` makes a bench that nobody has used. Raises AsterismError for a case that cannot be carried out.
    """
    at_once, in_parts = (_Trial(case, bench(), case.now or moment) for _ in range(2))
    at_once.take(case.given)
    for part in _halves(case.given):
        in_parts.take(part)
    differences = [
        found
        for target, rows in case.expect.items()
        if (found := _compared(target, rows, at_once.look(target), ordered=case.ordered)) is not None
    ]
    for model in at_once.bench.warehouse.models:
        if in_parts.stands(model.name) and at_once.stands(model.name):
            one, other = at_once.current(model), in_parts.current(model)
            found = _compared(model.name, one[1], other, ordered=False)
            if found is not None:
                differences.append(replace(found, fact="in two batches it differs from what all at once gives"))
    return differences


class _Trial:
    """A case at work on one bench."""

    def __init__(self, case: Case, bench: Bench, moment: datetime) -> None:
        self.case = case
        self.bench = bench
        self.moment = moment
        self.log = given.GivenLog(moment)
        self._written: dict[str, int] = {}
        self._shapes = {each.stream.name: each for each in bench.streams.shapes.values()}
        transforms, views = bench.platform.transforms, bench.platform.views
        self._transforms = [TransformWorker(each, self.log) for each in transforms]
        self._views = [ViewWorker(each, self._shapes[each.stream.name], self.log, bench.states) for each in views]
        self._seq: dict[str, int] = {}
        bench.streams.refuse = lambda items: set_aside(self.log, items)
        names = [*case.given, *bench.tables]
        self._tables = {
            name: given.described(name, case.given.get(name, ()), case.shapes.get(name, _ANY), bench.tables.get(name))
            for name in names
            if self._stream(name) is None
        }
        for name, table in self._tables.items():
            if "." not in name or not table.columns:
                remedy = 'Call it "schema.table" or by its stream, and state `types` where it is empty.'
                raise UsageError(f"case {case.name!r}", f"{name} is no table that rows can be given for", remedy)
            stand(bench.warehouse, name.partition(".")[0], [table])

    def take(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Take rows in as one batch, and see everything behind them through."""
        for name, some in rows.items():
            shape = self._stream(name)
            if shape is not None:
                self._append(shape, some)
        while any([worker.step(0.0) for worker in self._transforms] + [worker.step(0.0) for worker in self._views]):
            pass
        landed_tables = [found for shape in self._shapes.values() if (found := self._land(shape)) is not None]
        self._commit(SOURCE, landed_tables)
        for name, table in self._tables.items():
            if rows.get(name):
                self._commit(name.partition(".")[0], [self._land_rows(table, rows[name])])
        warehouse = self.bench.warehouse
        refresh(warehouse, moment=self.moment)  # models that read nothing of these, too
        for model, reason in warehouse.ledger.held():
            if not reason.startswith("waits for "):
                raise ModelError(model, f"is held in the case {self.case.name!r}: {reason}", "Correct the model.")

    def look(self, target: str) -> Found:
        """What is found of a target: a query, a view, or a table. Raises UsageError where there is none."""
        query, warehouse = self.bench.queries.get(target), self.bench.warehouse
        if query is not None:
            for name, _ in sources(parse(query.sql)):
                self._planned(name)
            names = {parameter.name for parameter in query.parameters}
            values = {name: value for name, value in self.case.params.items() if name in names}
            found = answer(warehouse, _at(query, self.moment), values)
            return found.columns, found.rows
        if any(view.name == target for view in self.bench.platform.views):
            return self._states(target)
        shape = self._stream(target)
        name = shape.table.name if shape else target
        self._planned(name)
        if not warehouse.engine.columns(name):
            known = [*self.bench.queries, *(each.name for each in warehouse.models), *warehouse.raw_tables()]
            fact = "is no query, model, view or table here"
            raise UsageError(f"{target} (case {self.case.name!r})", fact, suggestion(target, known))
        return warehouse.engine.ask(f"SELECT * FROM {quote(name)}")

    def stands(self, name: str) -> bool:
        """Whether a model has a table."""
        return bool(self.bench.warehouse.engine.columns(name))

    def current(self, model: Model) -> Found:
        """A model's rows of today, without what tells their versions apart: that is the batches' own business."""
        engine, where = self.bench.warehouse.engine, " WHERE is_current" if model.history else ""
        apart = {record_column(model), *(each.name for each in HISTORY_COLUMNS)} if model.history else set()
        names = [each.name for each in engine.columns(model.name) if each.name not in apart]
        return engine.ask(f"SELECT {listed(names)} FROM {quote(model.name)}{where}")

    def _planned(self, name: str) -> None:
        """Raise UsageError for a model that could not be made of what is given."""
        warehouse = self.bench.warehouse
        unplanned = warehouse.unplanned(warehouse.compiled(warehouse.raw_tables().values()))
        if name in unplanned:
            remedy = 'Give rows for what it reads; name keys and types under [tables."schema.table"].'
            raise UsageError(f"{name} (case {self.case.name!r})", unplanned[name][1], remedy)

    def _states(self, view: str) -> Found:
        found = [{"key": each.key, **json.loads(each.value)} for each in self.bench.states.scan(view)]
        columns = tuple(dict.fromkeys(name for each in found for name in each))
        return columns, [tuple(each.get(name) for name in columns) for each in found]

    def _stream(self, name: str) -> Shape | None:
        return self.bench.streams.shapes.get(name) or self._shapes.get(name)

    def _append(self, shape: Shape, rows: Sequence[Row]) -> None:
        stream = shape.stream
        entries: list[Entry] = []
        for row in rows:
            number = len(self.log.records[stream.name]) + len(entries) + 1
            try:
                admitted = shape.admit(given.record(row))
            except RecordError as error:
                fact = f"row {number} of {stream.name} is none: {error.fact}"
                raise UsageError(f"case {self.case.name!r}", fact, "Give it as its record is declared.") from error
            own = str(row.get(ID) or admitted.id or f"{stream.name}-{number}")
            if isinstance(came := row.get(RECEIVED_AT), datetime):
                self.log.came[own] = came
            entries.append(Entry(own, admitted.key, admitted.body))
        self.log.append(stream.name, entries, stream.dedupe)

    def _land(self, shape: Shape) -> LandedTable | None:
        name = shape.stream.name
        records: list[Logged] = self.log.records[name][self._written.get(name, 0) :]
        first = name not in self._written
        self._written[name] = len(self.log.records[name])
        if not records and (not first or name in {QUARANTINE.name, LINEAGE.name}):
            return None
        key = f"raw/{SOURCE}/{name}/{self._written[name]:012d}.ndjson.zst" if records else None
        if key is not None:
            self.bench.warehouse.lake.put(key, self.bench.streams.lines.pack(landed(records)))
        return _landed(shape.table, len(records), key)

    def _land_rows(self, table: Table, rows: Sequence[Row]) -> LandedTable:
        warehouse, source = self.bench.warehouse, table.name.partition(".")[0]
        landing = Landing(warehouse.lake, warehouse.parquet)
        key = landing.key(source, table.name, self.moment, self._seq.get(source, 0))
        count = landing.put(key, table.columns, self.bench.streams.lines.read(given.lines(rows, table), table.columns))
        return _landed(table, count, key)

    def _commit(self, source: str, tables: list[LandedTable]) -> None:
        if not tables:
            return
        seq, warehouse = self._seq.get(source, 0), self.bench.warehouse
        self._seq[source] = seq + 1
        moment = warehouse.ledger.begin_refresh(self.moment)[1]
        manifest = Manifest(
            source=source, seq=seq, polled_at=moment, complete=True, moment=moment, cursor={}, tables=tables
        )
        commit(warehouse, manifest, Position(seq + 1, {}, loading=False, polled_at=moment, reconciled_at=None))


_ANY = Shaped()


def _landed(table: Table, rows: int, key: str | None) -> LandedTable:
    columns = [(column.name, column.type, column.nullable) for column in table.columns]
    return LandedTable(table=table.name, columns=columns, key=list(table.key), rows=rows, object=key)


def _halves(rows: Mapping[str, Sequence[Row]]) -> Iterator[Mapping[str, Sequence[Row]]]:
    yield {name: some[: (len(some) + 1) // 2] for name, some in rows.items()}
    yield {name: some[(len(some) + 1) // 2 :] for name, some in rows.items()}


def _at(query: Query, moment: datetime) -> Query:
    """A query whose clock stands still."""

    def text(sql: str) -> str:
        return clock.at(parse(sql), moment).sql("duckdb")

    parameters = tuple(
        each if each.default is None else replace(each, default=text(f"SELECT {each.default}").removeprefix("SELECT "))
        for each in query.parameters
    )
    return replace(query, sql=text(query.sql), parameters=parameters)


def _compared(
    target: str, expected: Sequence[Row | tuple[Any, ...]], found: Found, *, ordered: bool
) -> Difference | None:
    """What differs; only the columns that the expected rows name are looked at. Tuples name all."""
    columns, rows = found
    named = [row for row in expected if isinstance(row, Mapping)]
    chosen = tuple(dict.fromkeys(name for row in named for name in row)) if named else columns
    for name in chosen:
        if name not in columns:
            remedy = suggestion(name, columns)
            raise UsageError(target, f"it has no column {name!r}, which a case expects", remedy)
    wanted = [
        tuple(row.get(name, _ANYTHING) for name in chosen) if isinstance(row, Mapping) else row for row in expected
    ]
    places = [columns.index(name) for name in chosen]
    there = [tuple(row[place] for place in places) for row in rows]
    if ordered and len(wanted) == len(there) and all(_same(w, t) for w, t in zip(wanted, there, strict=True)):
        return None
    missing, left = [], list(there)
    for row in wanted:
        match = next((place for place, other in enumerate(left) if _same(row, other)), None)
        if match is None:
            missing.append(row)
        else:
            del left[match]
    if missing or left:
        return Difference(target, chosen, tuple(missing), tuple(left))
    return Difference(target, chosen, tuple(wanted), tuple(there), "the order differs") if ordered else None


_ANYTHING = object()


def _same(wanted: Sequence[Any], found: Sequence[Any]) -> bool:
    return all(_equal(one, other) for one, other in zip(wanted, found, strict=True))


def _equal(wanted: Any, found: Any) -> bool:
    """Whether a value is as a case says: numbers by their values, times by their moments, JSON by what it holds."""
    if wanted is _ANYTHING:
        return True
    if wanted is None or found is None or isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, int | float | Decimal) and isinstance(found, int | float | Decimal):
        exact = isinstance(wanted, int) and not isinstance(found, float)
        return wanted == found if exact else math.isclose(wanted, found, rel_tol=1e-9)
    if isinstance(wanted, dict | list) and isinstance(found, str):
        return bool(wanted == json.loads(found))
    one, other = as_json(wanted), as_json(found)
    if isinstance(found, datetime) and isinstance(one, str):
        one = one.replace(" ", "T", 1)
    return bool(one == other)
