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
    contents: dict[str, Counter[Row]] = field(default_factory=dict)
    """What stood in each model's table after the last step."""

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
        while True:
            try:
                with self.session.transaction():
                    refresh = Refresh(self.session, self.ledger, self.compiled, self.moment, held=self.held)
                    self._put(batch or {}, refresh)
                    refresh.run()
                    contents = self._check(refresh)
            except Broken as broken:
                if broken.model in self.held:
                    raise
                self.held[broken.model] = broken.error
            else:
                self.contents |= contents
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
        """Rows of Python's as a temporary table."""
        names = listed([column.name for column in columns])
        casts = ", ".join(f"CAST({quote(each.name)} AS {each.type}) AS {quote(each.name)}" for each in columns)
        nothing = f"({', '.join('NULL' for _ in columns)})"
        values = ", ".join(f"({', '.join(literal(value) for value in row)})" for row in rows)
        condition = "" if rows else " WHERE false"
        return self.session.keep(f"SELECT {casts} FROM (VALUES {values or nothing}) AS v({names}){condition}")

    def _counted(self, name: str, columns: Sequence[str]) -> Counter[Row]:
        return Counter(_plain(row) for row in self.session.rows(f"SELECT {listed(columns)} FROM {quote(name)}"))

    def _check(self, refresh: Refresh) -> dict[str, Counter[Row]]:
        """Every model that isn't held equals its full rebuild; every change set is the true and least difference.

        Answers what stands in the tables. What a SELECT gives is compared here, row by row; floats as `apply` does.
        """
        states, contents = self.ledger.models(), {}
        for plan in self.compiled.plans:
            name = plan.table.name
            if states[name].state == "held":
                assert name not in refresh.changes
                continue
            target = refresh.tables.target(plan)
            others = [each.name for each in self.session.columns(name) if each.name not in target.columns]
            columns = [*target.columns, *others]
            content = contents[name] = self._counted(name, columns)
            tick = states[name].ticked_at or self.moment
            expected = refresh.tables.shaped(plan, plan.full_sql(tick, self.engine.dialect), target)
            if target.floats:
                made = self.session.keep(expected, native=True)
                where = " WHERE is_current" if target.record else ""
                current = self.session.keep(f"SELECT {listed(target.columns)} FROM {quote(name)} AS t{where}")
                pairs = ((current, made), (made, current))
                found = [self._counted(difference(self.session, target, *each), target.columns) for each in pairs]
            else:
                stands = Counter[Row]()
                for row, times in content.items():
                    if not target.record or row[columns.index("is_current")]:
                        stands[row[: len(target.columns)]] += times
                wanted = Counter(_plain(row) for row in self.engine.rows(expected))
                found = [stands - wanted, wanted - stands]
            if target.kept_for:
                found[0] = Counter()
            assert not any(found), (
                f"{name} ({plan.maintenance}) has {found[0]}, lacks {found[1]}\n{plan.query.sql('duckdb')}"
            )
            if name not in refresh.totals:  # built afresh, or given other columns
                self._check_delta(name, columns, refresh.changes.get(name), content)
        return contents

    def _check_delta(self, name: str, columns: Sequence[str], delta: Delta | None, after: Counter[Row]) -> None:
        before = self.contents.get(name, Counter())
        if delta is None:
            assert before == after, f"{name} changed and did not say so"
            return
        minus, plus = self._counted(delta.before, columns), self._counted(delta.after, columns)
        assert before - after == minus, f"{name} lost {before - after} and said {minus}"
        assert after - before == plus, f"{name} gained {after - before} and said {plus}"


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
