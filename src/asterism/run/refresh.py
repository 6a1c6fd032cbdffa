"""Refresh: the change sets of the inputs become the change sets of the models, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter

from asterism.declare.model import Model
from asterism.declare.table import Column
from asterism.errors import EngineError, ModelError
from asterism.plan import clock
from asterism.plan.compile import HISTORY_COLUMNS, Compiled, Plan, record_column
from asterism.plan.restrict import Scope
from asterism.plan.scope import Changes, Delta
from asterism.plan.translate import translate
from asterism.run.apply import Target, Within, apply, difference, duplicate
from asterism.run.ledger import Ledger, ModelState
from asterism.run.session import Session, listed, quote


class Broken(Exception):
    """A model failed inside a refresh. The transaction is lost; it is run again with the model held."""

    def __init__(self, model: str, error: str) -> None:
        super().__init__(model, error)
        self.model = model
        self.error = error


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of one stored table."""

    table: str
    removed: int
    added: int
    seconds: float
    how: str
    """`incremental`, `full`, `built`, or `held`."""


@dataclass
class Refresh:
    """One refresh in progress. `totals` are tables that changed beyond what a change set says: read them whole."""

    session: Session
    ledger: Ledger
    compiled: Compiled
    moment: datetime
    changes: dict[str, Delta] = field(default_factory=dict)
    totals: set[str] = field(default_factory=set)
    held: Mapping[str, str] = field(default_factory=dict)
    """Models that failed in an earlier try of this refresh, with their errors."""
    report: list[Refreshed] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    """Tables that were created or recreated."""
    _float_columns: dict[str, frozenset[str]] = field(default_factory=dict)
    revived: set[str] = field(default_factory=set)
    """Tables that were held and are current again."""

    def run(self, only: Iterable[str] = (), *, full: bool = False) -> None:
        """Refresh every model that its inputs, its own text or the clock call for. Raises Broken."""
        states = self.ledger.models()
        chosen = set(only)
        behind: dict[str, str] = {}
        for plan in self.compiled.plans:
            name, state = plan.table.name, states.get(plan.table.name)
            stuck = self._stuck(plan, behind)
            if stuck is not None:
                behind[name] = stuck
                self._hold(plan, state, stuck)
                continue
            forced = full and (not chosen or plan.owner in chosen)
            if state is not None and state.state == "held" and not forced and not self._stirred(plan, state):
                behind[name] = state.error
                continue
            total = self._total(plan, state, forced=forced)
            if total or any(table in self.changes for table in plan.inputs):
                self._one(plan, state, total=total)
        self._retire(states)
        if self.made and self.session.engine.enforces_keys:
            self._refer()

    def _stirred(self, plan: Plan, state: ModelState) -> bool:
        """Whether anything moved that may let a held model pass."""
        moved = self.changes.keys() | self.totals | self.revived
        return state.fingerprint != plan.fingerprint or bool(plan.inputs & moved)

    def _stuck(self, plan: Plan, behind: Mapping[str, str]) -> str | None:
        if plan.owner in self.held:
            return self.held[plan.owner]
        for table in sorted(plan.inputs):
            if table in behind:
                return behind[table] if behind[table].startswith("waits for ") else f"waits for {table}"
            if table not in self.compiled.tables:
                return f"waits for {table}"
        return None

    def _total(self, plan: Plan, state: ModelState | None, *, forced: bool) -> bool:
        """Whether the whole table is to be computed."""
        if forced or state is None or state.fingerprint != plan.fingerprint or state.state == "held":
            return True
        if plan.unit is not None and (state.ticked_at is None or state.ticked_at < clock.tick(self.moment, plan.unit)):
            return True
        return bool(plan.inputs & self.totals) or (
            plan.full_because is not None and bool(plan.inputs & self.changes.keys())
        )

    def _one(self, plan: Plan, state: ModelState | None, *, total: bool) -> None:
        started = perf_counter()
        tick = clock.tick(self.moment, plan.unit) if plan.unit else self.moment
        if plan.unit and not total and state is not None and state.ticked_at is not None:
            tick = state.ticked_at
        try:
            removed, added, how = self._whole(plan, tick) if total else self._part(plan, tick)
        except (EngineError, ModelError) as error:
            raise Broken(plan.owner, error.fact) from error
        if how != "untouched":
            self.report.append(Refreshed(plan.table.name, removed, added, perf_counter() - started, how))
        if how != "untouched" or total:
            noted = ModelState(plan.fingerprint, "current", "", None, self.moment, tick if plan.unit else None)
            self.ledger.note_model(plan.table.name, noted)
            if state is not None and state.state == "held":
                self.revived.add(plan.table.name)

    def _part(self, plan: Plan, tick: datetime) -> tuple[int, int, str]:
        """Recompute the keys that the changes can touch."""
        changes = {name: delta for name, delta in self.changes.items() if name in plan.inputs}
        query = plan.scope_sql(changes, tick, self._dialect)
        if query is None:
            return 0, 0, "untouched"
        scope = self.session.keep(query, native=True)
        nulls = ", ".join(f"count(*) - count(s{place})" for place in range(len(plan.scope_columns)))
        ((count, *empty),) = self.session.rows(f"SELECT count(*), {nulls} FROM {quote(scope)}")
        if not count:
            return 0, 0, "untouched"
        nullable = tuple(bool(each) for each in empty)
        target = self.target(plan)
        after = self._after(plan, target, changes, Scope(scope, nullable), tick)
        applied = apply(self.session, target, Within(scope, plan.scope_columns, nullable), after, self.moment)
        if applied.delta is not None:
            self.changes[plan.table.name] = applied.delta
        return applied.removed, applied.added, "incremental"

    def _after(self, plan: Plan, target: Target, changes: Changes, scope: Scope, tick: datetime) -> str:
        """The rows that a table should have for the keys of a scope."""
        sure = plan.present_sql(changes, tick, self._dialect)
        if sure is None:
            return self.computed(plan, plan.restricted_sql(scope, tick, self._dialect), target)
        after = self.computed(plan, sure, target)
        pairs = zip(plan.scope_columns, scope.nullable, strict=True)
        same = " AND ".join(
            f"_same(a.{quote(name)}, s.s{place})" if null else f"a.{quote(name)} = s.s{place}"
            for place, (name, null) in enumerate(pairs)
        )
        rest = self.session.keep(
            f"SELECT s.* FROM {quote(scope.table)} AS s WHERE NOT EXISTS (SELECT 1 FROM {quote(after)} AS a WHERE {same})"
        )
        if self.session.rows(f"SELECT 1 FROM {quote(rest)} LIMIT 1"):
            query = plan.restricted_sql(Scope(rest, scope.nullable), tick, self._dialect)
            self._insert(after, query, target.columns)
        return after

    def _whole(self, plan: Plan, tick: datetime) -> tuple[int, int, str]:
        """Compute the whole table, and change what differs."""
        query = plan.full_sql(tick, self._dialect)
        present = self.session.engine.columns(plan.table.name)
        shape = self.session.keep(f"SELECT * FROM ({query}) AS q LIMIT 0", native=True)
        wanted = tuple(
            column for column in self.session.engine.columns(shape) if column.name in plan.table.column_names
        )
        own = own_columns(plan, present)
        if present and [(column.name, column.type) for column in own] != [
            (column.name, column.type) for column in wanted
        ]:
            if plan.model is None or plan.model.history is None:
                self.session.execute(f"DROP TABLE {quote(plan.table.name)}{self._cascade()}")
                present = ()
            else:
                self._reshape(plan, own, wanted)
        if not present:
            self._create(plan, wanted)
            return 0, self._fill(plan, query), "built"
        target = self.target(plan)
        applied = apply(self.session, target, None, self.computed(plan, query, target), self.moment)
        if applied.delta is not None:
            self.changes[plan.table.name] = applied.delta
        return applied.removed, applied.added, "full"

    def computed(self, plan: Plan, query: str, target: Target) -> str:
        """The result of a query of the engine's dialect in a temporary table with exactly the types of the stored one."""
        like = f"SELECT {listed(target.columns)} FROM {quote(plan.table.name)} LIMIT 0"
        name = self.session.keep(like)
        self._float_columns[name] = self._floats(plan.table.name) & frozenset(target.columns)
        self._insert(name, query, target.columns)
        self.session.analyze(name)
        return name

    def unlike(self, target: Target, these: str, those: str) -> str:
        """The rows of one table that another does not have, as a temporary table."""
        return difference(self.session, target, these, those)

    def _insert(self, name: str, query: str, columns: tuple[str, ...]) -> int:
        return self.session.engine.execute(
            f"INSERT INTO {quote(name)} ({listed(columns)}) SELECT {self._spelled(name, columns)} FROM ({query}) AS q"
        )

    def _spelled(self, name: str, columns: tuple[str, ...]) -> str:
        """The columns for a SELECT. -0.0 + 0.0 is 0.0: there is one zero, so that equal sums are equal."""
        floats = self._floats(name)
        return ", ".join(f"{quote(each)} + 0.0 AS {quote(each)}" if each in floats else quote(each) for each in columns)

    def _floats(self, name: str) -> frozenset[str]:
        """The columns of a table that hold floats; asked of the engine once a refresh."""
        if name not in self._float_columns:
            self._float_columns[name] = self._ask_floats(name)
        return self._float_columns[name]

    def _ask_floats(self, name: str) -> frozenset[str]:
        return frozenset(each.name for each in self.session.engine.columns(name) if each.type in ("DOUBLE", "FLOAT"))

    def _create(self, plan: Plan, wanted: tuple[Column, ...]) -> None:
        name, model = plan.table.name, plan.model
        columns = [f"{quote(column.name)} {column.type}" for column in wanted]
        key: tuple[str, ...] = plan.table.key
        if model is not None and model.history is not None:
            record = record_column(model)
            columns = [f"{quote(record)} BIGINT", *columns, *(f"{each.name} {each.type}" for each in HISTORY_COLUMNS)]
            key = (record,)
        self.session.execute(f"CREATE TABLE {quote(name)} ({', '.join(columns)})")
        self._float_columns.pop(name, None)
        self.made.add(name)
        if self.session.engine.enforces_keys:
            self._index(plan, key)

    def _index(self, plan: Plan, key: tuple[str, ...]) -> None:
        stored, model = quote(plan.table.name), plan.model
        if model is None:
            if key:
                self.session.execute(f"CREATE INDEX ON {stored} ({listed(key)})")
            return
        if model.history is not None:
            self.session.execute(f"ALTER TABLE {stored} ADD PRIMARY KEY ({listed(key)})")
            self.session.engine.execute(f"CREATE INDEX ON {stored} ({listed(model.key)}) WHERE is_current")
        elif any(each.table == model.name for other in self._models() for each in other.references):
            self.session.execute(f"ALTER TABLE {stored} ADD PRIMARY KEY ({listed(key)})")
        else:
            # A key of a model may be NULL (a group of its own), which a primary key would refuse.
            self.session.engine.execute(f"CREATE UNIQUE INDEX ON {stored} ({listed(key)}) NULLS NOT DISTINCT")

    def _refer(self) -> None:
        """Add the foreign keys that are missing; where a row refers to nothing, say so and go on without."""
        schema = (
            "SELECT constraint_name FROM information_schema.table_constraints WHERE constraint_type = 'FOREIGN KEY'"
        )
        present = {row[0] for row in self.session.rows(schema)}
        standing = {plan.table.name for plan in self.compiled.plans if self.session.engine.columns(plan.table.name)}
        for model in self._models():
            for each in model.references:
                name = f"{model.name}_{each.column}_fkey"[:63]
                if name in present or model.name not in standing or each.table not in standing:
                    continue
                target = next(other for other in self._models() if other.name == each.table)
                orphans = self.session.rows(
                    f"SELECT count(*) FROM {quote(model.name)} AS f WHERE f.{quote(each.column)} IS NOT NULL AND NOT EXISTS "
                    f"(SELECT 1 FROM {quote(each.table)} AS d WHERE d.{quote(target.key[0])} = f.{quote(each.column)})"
                )[0][0]
                if orphans:
                    self.notices.append(
                        f"{model.name}.{each.column}: {orphans} rows refer to no row of {each.table}; no foreign key"
                    )
                    continue
                self.session.engine.execute(
                    f"ALTER TABLE {quote(model.name)} ADD CONSTRAINT {quote(name)} FOREIGN KEY ({quote(each.column)}) "
                    f"REFERENCES {quote(each.table)} ({quote(target.key[0])}) DEFERRABLE INITIALLY DEFERRED"
                )

    def _fill(self, plan: Plan, query: str) -> int:
        """The first content of an empty table: straight in, and checked there."""
        target, model = self.target(plan), plan.model
        if model is None or model.history is None:
            added = self._insert(plan.table.name, query, target.columns)
        else:
            when = f"TIMESTAMP '{self.moment.isoformat(sep=' ')}'"
            record = translate(f"SELECT surrogate_key({listed(target.key)}, {when})", self._dialect).removeprefix(
                "SELECT "
            )
            added = self.session.engine.execute(
                f"INSERT INTO {quote(plan.table.name)} ({listed(target.all_columns)}) "
                f"SELECT {record}, {self._spelled(plan.table.name, target.columns)}, {when}, CAST(NULL AS TIMESTAMP), true "
                f"FROM ({query}) AS q"
            )
        for columns in {target.key, plan_key(plan)}:
            twice = self.session.rows(
                f"SELECT {listed(columns)} FROM {quote(plan.table.name)} GROUP BY {listed(columns)} HAVING count(*) > 1 LIMIT 1"
            )
            if twice:
                raise duplicate(target, twice[0])
        if added:
            empty = self.session.keep(f"SELECT * FROM {quote(plan.table.name)} LIMIT 0")
            self.changes[plan.table.name] = Delta(empty, plan.table.name)
        self.totals.add(plan.table.name)
        return added

    def _reshape(self, plan: Plan, own: tuple[Column, ...], wanted: tuple[Column, ...]) -> None:
        """Give a table with history the columns of its edited model; older versions have NULL in what is new."""
        stored, present, needed = quote(plan.table.name), {c.name: c for c in own}, {c.name: c for c in wanted}
        for name in present.keys() - needed.keys():
            self.session.execute(f"ALTER TABLE {stored} DROP COLUMN {quote(name)}")
        for name, column in needed.items():
            if name not in present:
                self.session.execute(f"ALTER TABLE {stored} ADD COLUMN {quote(name)} {column.type}")
            elif present[name].type != column.type:
                self.session.execute(f"ALTER TABLE {stored} ALTER COLUMN {quote(name)} TYPE {column.type}")
        self.totals.add(plan.table.name)

    def target(self, plan: Plan) -> Target:
        """How apply sees a stored table."""
        model = plan.model
        return Target(
            plan.table.name,
            plan.table.column_names,
            plan.table.key,
            self._floats(plan.table.name) & frozenset(plan.table.column_names),
            record_column(model) if model is not None and model.history is not None else None,
            self._kept_for(plan),
        )

    def _kept_for(self, plan: Plan) -> tuple[tuple[str, str], ...]:
        if plan.model is None or plan.model.kind != "dimension" or len(plan.table.key) != 1:
            return ()
        found = [
            (model.name, each.column)
            for model in self._models()
            for each in model.references
            if model.history is not None and each.table == plan.table.name
        ]
        return tuple((table, column) for table, column in found if self.session.engine.columns(table))

    @property
    def _dialect(self) -> str:
        return self.session.engine.dialect

    def _models(self) -> list[Model]:
        return [plan.model for plan in self.compiled.plans if plan.model is not None]

    def _cascade(self) -> str:
        return " CASCADE" if self.session.engine.enforces_keys else ""

    def _hold(self, plan: Plan, state: ModelState | None, error: str) -> None:
        since = state.since if state is not None and state.state == "held" else self.moment
        refreshed = state.refreshed_at if state else None
        fingerprint = state.fingerprint if state else ""
        self.ledger.note_model(plan.table.name, ModelState(fingerprint, "held", error, since, refreshed, None))
        self.report.append(Refreshed(plan.table.name, 0, 0, 0.0, "held"))

    def _retire(self, states: Mapping[str, ModelState]) -> None:
        """Drop hidden tables that no model needs any more, and forget models whose files are gone (their tables stay)."""
        standing = {plan.table.name for plan in self.compiled.plans}
        broken = {problem.where.split(":")[0] for problem in self.compiled.problems}
        if broken:
            return
        for name in states.keys() - standing:
            if name.startswith("_asterism."):
                self.session.execute(f"DROP TABLE IF EXISTS {quote(name)}{self._cascade()}")
            self.ledger.forget_model(name)


def plan_key(plan: Plan) -> tuple[str, ...]:
    """The key of the stored rows: the record's with history."""
    if plan.model is not None and plan.model.history is not None:
        return (record_column(plan.model),)
    return plan.table.key


def own_columns(plan: Plan, present: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns of a stored table that its SELECT gives."""
    if plan.model is None or plan.model.history is None:
        return present
    added = {record_column(plan.model), *(column.name for column in HISTORY_COLUMNS)}
    return tuple(column for column in present if column.name not in added)
