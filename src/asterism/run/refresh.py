"""Refresh: the change sets of the inputs become the change sets of the models, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from time import perf_counter
from typing import NoReturn

from asterism.errors import EngineError, ModelError
from asterism.plan import clock
from asterism.plan.compile import Compiled
from asterism.plan.plan import Plan
from asterism.plan.restrict import Scope
from asterism.plan.scope import Changes, Delta
from asterism.ports.tracer import Tracer
from asterism.run.apply import Target, Within, apply
from asterism.run.check import Checker, referred
from asterism.run.ledger import Ledger, ModelState
from asterism.run.session import Session, quote
from asterism.run.tables import Tables, foreign_key, own_columns
from asterism.run.trace import SILENT

LOAD = "waits for the initial load of "
"""What a model is held for that reads a source of which a part is there only. Nothing is wrong: it ends by itself."""


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
    dated: AbstractSet[str] = frozenset()
    """Sources that models do not wait for; see `Warehouse`."""
    report: list[Refreshed] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    noted: dict[str, ModelState] = field(default_factory=dict)
    """What the ledger is to say of the models."""
    revived: set[str] = field(default_factory=set)
    """Tables that were held and are current again."""
    afresh: set[str] = field(default_factory=set)
    """Tables all of whose rows are to be checked, not only those of their change sets."""
    stood: set[str] = field(default_factory=set)
    """Tables that were made for this refresh, and are still empty."""
    states: dict[str, ModelState] = field(default_factory=dict)
    """What the ledger says of the models, once they have been refreshed."""
    tracer: Tracer = SILENT

    @cached_property
    def tables(self) -> Tables:
        """The stored tables."""
        return Tables(self.session, self.compiled.plans)

    @property
    def stuck(self) -> tuple[tuple[str, str], ...]:
        """The models that are held now, by name, with the reason."""
        return tuple(sorted((name, each.error) for name, each in self.states.items() if each.state == "held"))

    def stand(self) -> set[str]:
        """Make the tables of models that have none yet, for engines that make tables apart; answer their names."""
        behind: dict[str, str] = {}
        states: Mapping[str, ModelState] | None = None
        for plan in self.compiled.plans:
            name = plan.table.name
            stuck = self._stuck(plan, behind)
            if stuck is not None:
                behind[name] = stuck
                continue
            if self.session.columns(name):
                continue
            if states is None:
                states = self.ledger.models()
                behind |= self._unloaded(states)
            if name in behind:
                continue
            if name in states:
                behind[name] = f"waits for {name}"
                continue
            try:
                query = plan.full_sql(self.moment, self._dialect)
                self.tables.create(plan, self.tables.shape(plan, query, self.moment))
            except (EngineError, ModelError) as error:
                self._blame(plan, error)
            self.stood.add(name)
        return self.stood

    def run(self, only: Iterable[str] = (), *, full: bool = False, again: bool = False) -> None:
        """Refresh what its inputs, its own text or the clock call for; `again`: held models too. Raises Broken."""
        states = self.states = self.ledger.models()
        chosen = set(only)
        behind = self._unloaded(states)
        for plan in self.compiled.plans:
            name, state = plan.table.name, states.get(plan.table.name)
            stuck = behind.get(name) or self._stuck(plan, behind)
            if stuck is not None:
                behind[name] = stuck
                self._hold(plan, state, stuck)
                continue
            forced = full and (not chosen or plan.owner in chosen)
            if state is not None and state.state == "held" and not (forced or again or self._stirred(plan, state)):
                behind[name] = state.error
                continue
            if forced or _is_new(plan, state):
                self.afresh.add(name)
            total = name in self.afresh or self._is_due(plan, state)
            if total or any(table in self.changes for table in plan.inputs):
                self._one(plan, state, total=total)
        self._check(behind)
        self.ledger.note_models(self.noted)
        states |= self.noted
        self._retire()
        if self.session.engine.enforces_keys and self.report:
            self._enforce()

    def _stirred(self, plan: Plan, state: ModelState) -> bool:
        """Whether anything moved that may let a held model pass."""
        moved = self.changes.keys() | self.totals | self.revived
        tables = referred(plan)
        awaited = state.error in {f"waits for {table}" for table in tables}  # it is there now, else the plan is stuck
        return state.fingerprint != plan.fingerprint or awaited or bool((plan.inputs | tables) & moved)

    def _stuck(self, plan: Plan, behind: Mapping[str, str]) -> str | None:
        if plan.owner in self.held:
            return self.held[plan.owner]
        for table in sorted(plan.inputs):
            if table in behind:
                return behind[table] if behind[table].startswith("waits for ") else f"waits for {table}"
        for table in sorted(plan.inputs | referred(plan)):
            if table not in self.compiled.tables:
                return f"waits for {table}"
        return None

    def _unloaded(self, states: Mapping[str, ModelState]) -> dict[str, str]:
        if not any(_is_new(plan, states.get(plan.table.name)) for plan in self.compiled.plans):
            return {}
        return awaited(self.compiled, states, self.ledger.loading() - self.dated)

    def _is_due(self, plan: Plan, state: ModelState | None) -> bool:
        """Whether the whole table is to be computed, though it is what it was meant to be."""
        ticked = state.ticked_at if state is not None else None
        if plan.unit is not None and (ticked is None or ticked < clock.tick(self.moment, plan.unit)):
            return True
        return bool(plan.inputs & self.totals) or (
            plan.full_because is not None and bool(plan.inputs & self.changes.keys())
        )

    def _check(self, behind: Mapping[str, str]) -> None:
        """Look at the rows that were made here, when what they refer to is made too. Raises Broken."""
        checker = Checker(self.session, self.ledger, self.compiled, self.moment)
        moved = self.changes.keys() | self.totals | self.revived
        for plan in self.compiled.plans:
            name = plan.table.name
            if plan.model is None or name in behind:
                continue
            try:
                whole = name in self.afresh or name in self.totals
                self.notices += checker.look(plan, self.changes.get(name), moved, whole=whole)
            except (EngineError, ModelError) as error:
                self._blame(plan, error)

    def _one(self, plan: Plan, state: ModelState | None, *, total: bool) -> None:
        started = perf_counter()
        tick = clock.tick(self.moment, plan.unit) if plan.unit else self.moment
        if plan.unit and not total and state is not None and state.ticked_at is not None:
            tick = state.ticked_at
        try:
            with self.tracer.span("refresh", plan.table.name, inputs=",".join(sorted(plan.inputs))) as span:
                removed, added, how = self._whole(plan, tick) if total else self._part(plan, tick)
                span.note(how=how, added=added, removed=removed)
        except (EngineError, ModelError) as error:
            self._blame(plan, error)
        if how != "untouched":
            self.report.append(Refreshed(plan.table.name, removed, added, perf_counter() - started, how))
        if how != "untouched" or total:
            noted = ModelState(plan.fingerprint, "current", "", None, self.moment, tick if plan.unit else None)
            self.noted[plan.table.name] = noted
            if state is not None and state.state == "held":
                self.revived.add(plan.table.name)

    @staticmethod
    def _blame(plan: Plan, error: EngineError | ModelError) -> NoReturn:
        if isinstance(error, EngineError) and error.unavailable:
            raise error  # a full disk is no fault of the model that met it
        raise Broken(plan.owner, error.fact) from error

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
        target = self.tables.target(plan)
        after = self._after(plan, target, changes, Scope(scope, nullable), tick)
        applied = apply(self.session, target, Within(scope, plan.scope_columns, nullable), after, self.moment)
        if applied.delta is not None:
            self.changes[plan.table.name] = applied.delta
        return applied.removed, applied.added, "incremental"

    def _after(self, plan: Plan, target: Target, changes: Changes, scope: Scope, tick: datetime) -> str:
        """The rows that a table should have for the keys of a scope."""
        sure = plan.present_sql(changes, tick, self._dialect)
        if sure is None:
            return self.tables.computed(plan, plan.restricted_sql(scope, tick, self._dialect), target)
        after = self.tables.computed(plan, sure, target)
        pairs = zip(plan.scope_columns, scope.nullable, strict=True)
        same = " AND ".join(
            f"_same(a.{quote(name)}, s.s{place})" if null else f"a.{quote(name)} = s.s{place}"
            for place, (name, null) in enumerate(pairs)
        )
        rest = self.session.keep(
            f"SELECT s.* FROM {quote(scope.table)} AS s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {quote(after)} AS a WHERE {same})"
        )
        if self.session.rows(f"SELECT 1 FROM {quote(rest)} LIMIT 1"):
            query = plan.restricted_sql(Scope(rest, scope.nullable), tick, self._dialect)
            self.tables.insert(after, query, target)
        return after

    def _whole(self, plan: Plan, tick: datetime) -> tuple[int, int, str]:
        """Compute the whole table, and change what differs."""
        query, name = plan.full_sql(tick, self._dialect), plan.table.name
        if name in self.stood:
            return self._first(plan, query)
        present = self.session.columns(name)
        wanted = self.tables.shape(plan, query, tick)
        own = own_columns(plan, present)
        if present and [(each.name, each.type) for each in own] != [(each.name, each.type) for each in wanted]:
            self.totals.add(name)
            if plan.model is None or plan.model.history is None:
                self.tables.drop(name)
                present = ()
            else:
                self.tables.reshape(plan, own, wanted)
        if not present:
            self.tables.create(plan, wanted)
            return self._first(plan, query)
        target = self.tables.target(plan)
        applied = apply(self.session, target, None, self.tables.computed(plan, query, target), self.moment)
        if applied.delta is not None:
            self.changes[name] = applied.delta
        return applied.removed, applied.added, "full"

    def _first(self, plan: Plan, query: str) -> tuple[int, int, str]:
        """Fill an empty table."""
        name = plan.table.name
        self.totals.add(name)
        added = self.tables.fill(plan, query, self.moment)
        if added:
            empty = self.session.keep(f"SELECT * FROM {quote(name)} LIMIT 0")
            self.changes[name] = Delta(empty, name)
        return 0, added, "built"

    def _enforce(self) -> None:
        """Add the foreign keys that are missing, and check now what the engine would at commit, to know whose it is."""
        if self.tables.made:
            self.notices += self.tables.refer()
        try:
            self.session.engine.execute("SET CONSTRAINTS ALL IMMEDIATE")
            self.session.engine.execute("SET CONSTRAINTS ALL DEFERRED")  # `rebuild` refreshes again in this transaction
        except EngineError as error:
            for plan in self.compiled.plans:
                columns = [each.column for each in plan.model.references] if plan.model is not None else []
                if plan.model is not None and any(foreign_key(plan.model, each) in error.fact for each in columns):
                    raise Broken(plan.owner, error.fact) from error
            raise

    @property
    def _dialect(self) -> str:
        return self.session.engine.dialect

    def _hold(self, plan: Plan, state: ModelState | None, error: str) -> None:
        if state is None and error.startswith(LOAD):
            return  # nothing is wrong with it: it is built when the load ends
        if state is not None and (state.state, state.error, state.fingerprint) == ("held", error, plan.fingerprint):
            return
        since = state.since if state is not None and state.state == "held" else self.moment
        refreshed = state.refreshed_at if state else None
        self.noted[plan.table.name] = ModelState(plan.fingerprint, "held", error, since, refreshed, None)
        self.report.append(Refreshed(plan.table.name, 0, 0, 0.0, "held"))

    def _retire(self) -> None:
        """Drop hidden tables that nothing needs, and forget models whose files are gone; their tables stay."""
        if self.compiled.problems:
            return
        standing = {plan.table.name for plan in self.compiled.plans}
        for name in self.states.keys() - standing:
            del self.states[name]
            if name.startswith("_asterism."):
                self.tables.drop(name)
            self.ledger.forget_model(name)


def awaited(compiled: Compiled, states: Mapping[str, ModelState], loading: AbstractSet[str]) -> dict[str, str]:
    """The tables that are not built as they are meant to be, and would show a part of a source; with their reasons.

    `loading` are the sources of which a part is there only. Tables that stand as they are meant to be go on.
    """
    found: dict[str, str] = {}
    for plan in compiled.plans:
        if _is_new(plan, states.get(plan.table.name)):
            for table in sorted(plan.inputs):
                source = table.rpartition(".")[0]
                reason = found.get(table) or (LOAD + source if source in loading else None)
                if reason:
                    found[plan.table.name] = reason
    return found


def _is_new(plan: Plan, state: ModelState | None) -> bool:
    return state is None or state.fingerprint != plan.fingerprint or state.state == "held"
