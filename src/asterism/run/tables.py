"""How models stand in the engine: created, filled, given other columns, indexed, referred to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from asterism.declare.model import Model
from asterism.declare.table import Column
from asterism.errors import ModelError
from asterism.plan.compile import HISTORY_COLUMNS
from asterism.plan.parse import Refused
from asterism.plan.plan import Plan, record_column
from asterism.plan.translate import layout, translate
from asterism.ports.engine import Foreseeing
from asterism.run.apply import Target, duplicate
from asterism.run.bounds import bounded, foreseen, unbound
from asterism.run.session import Session, listed, quote


@dataclass
class Tables:
    """The stored tables of some plans, within one transaction."""

    session: Session
    plans: tuple[Plan, ...]
    made: set[str] = field(default_factory=set)
    """Tables that were created here."""

    def target(self, plan: Plan) -> Target:
        """How apply sees a stored table."""
        return Target(
            plan.table.name,
            plan.table.column_names,
            plan.table.key,
            frozenset(
                each.name
                for each in self.session.columns(plan.table.name)
                if each.type in ("DOUBLE", "FLOAT") and each.name in plan.table.column_names
            ),
            record_column(plan.model) if plan.model is not None and plan.model.history is not None else None,
            self._kept_for(plan),
        )

    def computed(self, plan: Plan, query: str, target: Target) -> str:
        """The result of a query of the engine's dialect, in a temporary table with the types of the stored one."""
        return self.session.keep(self.shaped(plan, query, target), native=True)

    def shaped(self, plan: Plan, query: str, target: Target) -> str:
        """A query of the engine's dialect, with the types of the stored table."""
        dialect = self.session.engine.dialect
        stored = {column.name: column.type for column in self.session.columns(plan.table.name)}
        casts = [
            translate(f"SELECT CAST({quote(each)}{_zero(each, target)} AS {stored[each]}) AS {quote(each)}", dialect)
            for each in target.columns
        ]
        listing = ", ".join(each.removeprefix("SELECT ") for each in casts)
        return f"SELECT {listing} FROM ({query}) AS q"

    def insert(self, name: str, query: str, target: Target) -> int:
        """Append the result of a query of the engine's dialect."""
        native = self.session.native
        return self.session.engine.execute(
            f"INSERT INTO {native(name)} ({native(*target.columns)}) SELECT {self._given(target)} FROM ({query}) AS q"
        )

    def _given(self, target: Target) -> str:
        """A query's columns as they are to be stored, in the engine's dialect."""
        return ", ".join(f"{self.session.native(each)}{_zero(each, target)}" for each in target.columns)

    def shape(self, plan: Plan, query: str, moment: datetime) -> tuple[Column, ...]:
        """The columns, with their types, that the query of a plan gives, which is of the engine's dialect."""
        none = self.session.keep(f"SELECT * FROM ({query}) AS q LIMIT 0", native=True)
        found = [column for column in self.session.engine.columns(none) if column.name in plan.table.column_names]
        engine = self.session.engine
        if not isinstance(engine, Foreseeing) or not unbound(engine.dialect, found):
            return tuple(found)
        inputs = {name: self.session.columns(name) for name in plan.inputs}
        kinds = {each.name: each.type for each in foreseen(engine, plan.full(moment), inputs)}
        return tuple(bounded(each, kinds.get(each.name, ""), whole="DECIMAL(38,0)") for each in found)

    def create(self, plan: Plan, wanted: tuple[Column, ...]) -> None:
        """Create a table; with history, its record and validity too."""
        columns = [f"{quote(column.name)} {column.type}" for column in wanted]
        if plan.model is not None and plan.model.history is not None:
            record = f"{quote(record_column(plan.model))} BIGINT"
            columns = [record, *columns, *(f"{each.name} {each.type}" for each in HISTORY_COLUMNS)]
        if schema := plan.table.name.rpartition(".")[0]:
            self.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        dialect = self.session.engine.dialect
        created = translate(f"CREATE TABLE {quote(plan.table.name)} ({', '.join(columns)})", dialect)
        try:
            said = plan.model.layout if plan.model is not None else None
            lie = layout(said, {column.name: column.type for column in wanted}, dialect)
        except Refused as refused:
            raise ModelError(plan.table.name, refused.fact, refused.remedy) from refused
        self.session.engine.execute(created + lie)
        self.session.reshaped(plan.table.name)
        self.made.add(plan.table.name)
        if self.session.engine.enforces_keys:
            self._index(plan)

    def fill(self, plan: Plan, query: str, moment: datetime) -> int:
        """The first content of an empty table: straight in, and checked there. Raises ModelError for a violated key."""
        target = self.target(plan)
        if target.record is None:
            added = self.insert(plan.table.name, query, target)
        else:
            when = f"TIMESTAMP '{moment.isoformat(sep=' ')}'"
            dialect, native = self.session.engine.dialect, self.session.native
            record = translate(f"SELECT surrogate_key({listed(target.key)}, {when})", dialect).removeprefix("SELECT ")
            behind = translate(f"SELECT {when}, CAST(NULL AS TIMESTAMP), true", dialect).removeprefix("SELECT ")
            added = self.session.engine.execute(
                f"INSERT INTO {native(plan.table.name)} ({native(*target.all_columns)}) "
                f"SELECT {record}, {self._given(target)}, {behind} FROM ({query}) AS q"
            )
        for columns in {target.key, plan.stored_key}:
            twice = self.session.rows(
                f"SELECT {listed(columns)} FROM {quote(plan.table.name)} "
                f"GROUP BY {listed(columns)} HAVING count(*) > 1 LIMIT 1"
            )
            if twice:
                raise duplicate(target, twice[0])
        return added

    def reshape(self, plan: Plan, own: tuple[Column, ...], wanted: tuple[Column, ...]) -> None:
        """Give a table with history the columns of its edited model; older versions have NULL in what is new."""
        stored = quote(plan.table.name)
        present, needed = {column.name: column for column in own}, {column.name: column for column in wanted}
        for name in present.keys() - needed.keys():
            self.session.execute(f"ALTER TABLE {stored} DROP COLUMN {quote(name)}")
        for name, column in needed.items():
            if name not in present:
                self.session.execute(f"ALTER TABLE {stored} ADD COLUMN {quote(name)} {column.type}")
            elif present[name].type != column.type:
                self.session.execute(f"ALTER TABLE {stored} ALTER COLUMN {quote(name)} TYPE {column.type}")
        self.session.reshaped(plan.table.name)

    def drop(self, name: str) -> None:
        """Drop a table, and the foreign keys that refer to it; `refer` adds those again."""
        cascade = " CASCADE" if self.session.engine.enforces_keys else ""
        self.session.execute(f"DROP TABLE IF EXISTS {quote(name)}{cascade}")
        self.session.reshaped(name)

    def refer(self) -> list[str]:
        """Add the foreign keys that are missing; answer, in words, those that some row does not meet."""
        asked = "SELECT constraint_name FROM information_schema.table_constraints WHERE constraint_type = 'FOREIGN KEY'"
        present = {row[0] for row in self.session.rows(asked)}
        standing = {plan.table.name for plan in self.plans if self.session.columns(plan.table.name)}
        keys = {model.name: model.key[0] for model in self._models()}
        notices = []
        for model in self._models():
            for each in model.references:
                name = foreign_key(model, each.column)
                if name in present or model.name not in standing or each.table not in standing:
                    continue
                column, key = quote(each.column), quote(keys[each.table])
                ((orphans,),) = self.session.rows(
                    f"SELECT count(*) FROM {quote(model.name)} AS f WHERE f.{column} IS NOT NULL AND NOT EXISTS "
                    f"(SELECT 1 FROM {quote(each.table)} AS d WHERE d.{key} = f.{column})"
                )
                if orphans:
                    notices.append(f"{model.name}.{each.column}: {orphans} rows refer to no row of {each.table}")
                    continue
                self.session.engine.execute(
                    f"ALTER TABLE {quote(model.name)} ADD CONSTRAINT {quote(name)} FOREIGN KEY ({column}) "
                    f"REFERENCES {quote(each.table)} ({key}) DEFERRABLE INITIALLY DEFERRED"
                )
        return notices

    def _index(self, plan: Plan) -> None:
        stored, model = quote(plan.table.name), plan.model
        referred = model is not None and any(
            each.table == model.name for other in self._models() for each in other.references
        )
        if referred or plan.stored_key != plan.table.key:
            self.session.execute(f"ALTER TABLE {stored} ADD PRIMARY KEY ({listed(plan.stored_key)})")
        elif plan.table.key:
            # A key of a model may be NULL (a group of its own), which a primary key would refuse.
            self.session.engine.execute(
                f"CREATE UNIQUE INDEX ON {stored} ({listed(plan.table.key)}) NULLS NOT DISTINCT"
            )
        if plan.stored_key != plan.table.key:
            self.session.engine.execute(f"CREATE INDEX ON {stored} ({listed(plan.table.key)}) WHERE is_current")

    def _kept_for(self, plan: Plan) -> tuple[tuple[str, str], ...]:
        if plan.model is None or plan.model.kind != "dimension" or len(plan.table.key) != 1:
            return ()
        found = [
            (model.name, each.column)
            for model in self._models()
            for each in model.references
            if model.history is not None and each.table == plan.table.name
        ]
        return tuple((table, column) for table, column in found if self.session.columns(table))

    def _models(self) -> list[Model]:
        return [plan.model for plan in self.plans if plan.model is not None]


def _zero(column: str, target: Target) -> str:
    """What follows a column in a SELECT. -0.0 + 0.0 is 0.0: there is one zero, so that equal sums are equal."""
    return " + 0.0" if column in target.floats else ""


def foreign_key(model: Model, column: str) -> str:
    """The name of the constraint on a column that refers to a dimension; PostgreSQL cuts names at 63 bytes."""
    return f"{model.name.replace('.', '_')}_{column}_fkey"[:63]


def own_columns(plan: Plan, present: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns of a stored table that its SELECT gives."""
    if plan.model is None or plan.model.history is None:
        return present
    added = {record_column(plan.model), *(column.name for column in HISTORY_COLUMNS)}
    return tuple(column for column in present if column.name not in added)
