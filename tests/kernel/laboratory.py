"""A small warehouse in which changes are made by hand, and every claim of the kernel is checked after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlglot import exp

from asterism.declare.model import Kind, Model, Reference
from asterism.declare.table import Column, Table
from asterism.plan.compile import Compiled, compile_models
from asterism.plan.plan import Plan
from asterism.plan.scope import Changes, Delta
from asterism.ports.engine import Engine
from asterism.run.apply import Target, Within, apply, difference
from asterism.run.ledger import Ledger
from asterism.run.refresh import Broken, Refresh
from asterism.run.session import Session, listed, quote

Row = tuple[Any, ...]
Mutation = Callable[[exp.Query], exp.Query]


def model(
    name: str, sql: str, key: str, *, kind: Kind = "mart", history: bool = False, references: tuple[Reference, ...] = ()
) -> Model:
    """A model as its file would declare it; `key` is a comma list."""
    keys = tuple(part.strip() for part in key.split(","))
    return Model(name, Path(f"{name}.sql"), name, sql, 1, kind, keys, "versions" if history else None, None, references)


def table(name: str, key: str, **columns: str) -> Table:
    """A source table; `key` is a comma list."""
    return Table(name, tuple(Column(each, kind) for each, kind in columns.items()), tuple(key.split(",")))


@dataclass
class Laboratory:
    """Source tables and models in one engine. `mutation` spoils the scope pass, to see that the checks notice."""

    engine: Engine
    tables: Sequence[Table]
    models: Sequence[Model]
    mutation: Mutation | None = None
    moment: datetime = datetime(2024, 1, 1)
    held: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session = Session(self.engine)
        self.ledger = Ledger(self.session)
        self.ledger.prepare()
        for each in self.tables:
            schema = each.name.rpartition(".")[0]
            self.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
            columns = ", ".join(f"{quote(column.name)} {column.type}" for column in each.columns)
            self.session.execute(f"CREATE TABLE {quote(each.name)} ({columns})")
        self.compiled = self._compile()
        assert not self.compiled.problems, self.compiled.problems

    def edit(self, *models: Model) -> None:
        """Replace models by edited ones of the same names."""
        named = {each.name: each for each in models}
        self.models = [named.get(each.name, each) for each in self.models]
        self.compiled = self._compile()

    def _compile(self) -> Compiled:
        compiled = compile_models(self.models, {each.name: each for each in self.tables})
        if self.mutation is None:
            return compiled
        mutation = self.mutation

        class Mutant(Plan):
            def scope(self, changes: Changes, moment: datetime) -> exp.Query | None:
                query = super().scope(changes, moment)
                return None if query is None else mutation(query.copy())

        plans = tuple(
            Mutant(**{name: getattr(plan, name) for name in Plan.__dataclass_fields__}) for plan in compiled.plans
        )
        return Compiled(plans, compiled.problems, compiled.tables)

    def maintenance(self, name: str) -> str:
        """How a model is maintained, in the words of `check`."""
        return next(plan.maintenance for plan in self.compiled.plans if plan.table.name == name)

    def step(self, batch: Mapping[str, tuple[Sequence[Row], Sequence[Row]]] | None = None) -> Refresh:
        """One batch: for each table, rows to put there and keys to delete; then check everything."""
        self.moment += timedelta(seconds=1)
        self.held = {}
        before = {plan.table.name: self._content(plan) for plan in self.compiled.plans}
        while True:
            try:
                with self.session.transaction():
                    refresh = Refresh(self.session, self.ledger, self.compiled, self.moment, held=self.held)
                    self._put(batch or {}, refresh)
                    refresh.run()
                    self._check(refresh, before)
            except Broken as broken:
                if broken.model in self.held:
                    raise
                self.held[broken.model] = broken.error
            else:
                return refresh

    def rows(self, sql: str) -> list[Row]:
        """Ask the warehouse."""
        return self.session.rows(sql)

    def _put(self, batch: Mapping[str, tuple[Sequence[Row], Sequence[Row]]], refresh: Refresh) -> None:
        named = {each.name: each for each in self.tables}
        for name, (rows, gone) in batch.items():
            shape = named[name]
            after = self._values(shape.columns, rows)
            keys = [column for column in shape.columns if column.name in shape.key]
            places = [shape.column_names.index(key) for key in shape.key]
            touched = sorted({tuple(row[place] for place in places) for row in rows} | set(gone), key=repr)
            scope_columns = [Column(f"s{place}", column.type) for place, column in enumerate(keys)]
            scope = self._values(scope_columns, touched)
            target = Target(name, shape.column_names, shape.key)
            within = Within(scope, shape.key, (False,) * len(shape.key))
            applied = apply(self.session, target, within, after, self.moment)
            if applied.delta is not None:
                refresh.changes[name] = applied.delta

    def _values(self, columns: Sequence[Column], rows: Sequence[Row]) -> str:
        name = self.session.own(self.session.name())
        spelled = ", ".join(f"{quote(column.name)} {column.type}" for column in columns)
        self.session.execute(f"CREATE TEMPORARY TABLE {quote(name)} ({spelled})")
        if rows:
            values = ", ".join(f"({', '.join(literal(value) for value in row)})" for row in rows)
            self.session.execute(f"INSERT INTO {quote(name)} VALUES {values}")
        return name

    def _content(self, plan: Plan) -> Counter[Row]:
        columns = self.engine.columns(plan.table.name)
        if not columns:
            return Counter()
        return self._counted(plan.table.name, [column.name for column in columns])

    def _counted(self, name: str, columns: Sequence[str]) -> Counter[Row]:
        return Counter(_plain(row) for row in self.session.rows(f"SELECT {listed(columns)} FROM {quote(name)}"))

    def _check(self, refresh: Refresh, before: Mapping[str, Counter[Row]]) -> None:
        """Every model that isn't held equals its full rebuild; every change set is the true and least difference."""
        states = self.ledger.models()
        for plan in self.compiled.plans:
            name = plan.table.name
            if states[name].state == "held":
                assert name not in refresh.changes
                continue
            target = refresh.tables.target(plan)
            tick = states[name].ticked_at or self.moment
            expected = refresh.tables.computed(plan, plan.full_sql(tick, self.engine.dialect), target)
            where = " WHERE is_current" if target.record else ""
            current = self.session.keep(f"SELECT {listed(target.columns)} FROM {quote(name)} AS t{where}")
            wrong = (
                difference(self.session, target, current, expected),
                difference(self.session, target, expected, current),
            )
            found = [self.session.rows(f"SELECT * FROM {quote(each)}") for each in wrong]
            if target.kept_for:
                found[0] = []
            assert found == [[], []], (
                f"{name} ({plan.maintenance}) has {found[0]}, lacks {found[1]}\n{plan.query.sql('duckdb')}"
            )
            self._check_delta(plan, refresh.changes.get(name), before[name], refresh.totals)

    def _check_delta(self, plan: Plan, delta: Delta | None, before: Counter[Row], totals: set[str]) -> None:
        after = self._content(plan)
        if delta is None:
            assert before == after, f"{plan.table.name} changed and did not say so"
            return
        columns = [column.name for column in self.engine.columns(plan.table.name)]
        minus, plus = self._counted(delta.before, columns), self._counted(delta.after, columns)
        if plan.table.name in totals:
            return  # built afresh, or given other columns
        assert before - after == minus, f"{plan.table.name} lost {before - after} and said {minus}"
        assert after - before == plus, f"{plan.table.name} gained {after - before} and said {plus}"


def literal(value: Any) -> str:
    """A Python value in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    return str(value)


def _plain(row: Row) -> Row:
    return tuple(repr(value) if isinstance(value, (list, dict)) else value for value in row)
