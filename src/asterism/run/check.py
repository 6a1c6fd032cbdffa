"""Check: the rows that a refresh made meet what their model demands of them, or people hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from asterism.declare.model import Check
from asterism.errors import ModelError
from asterism.plan.checks import condition
from asterism.plan.compile import Compiled
from asterism.plan.plan import Plan
from asterism.plan.scope import Delta
from asterism.run.ledger import Ledger, Warned
from asterism.run.session import Session, listed, quote
from asterism.run.values import spoken

_SHOWN = 5
"""Rows that are named by their keys."""


@dataclass(frozen=True)
class Checker:
    """Looks at the rows of today, in the transaction that made them: at those of a change set, or at the whole table.

    Costs what the change does, and for `unique` and references a look at the columns that they name. A check that warns
    is made of the whole table whenever its rows may have gone. Rows are named by their keys alone: what fails may be
    personal, and what is said of it is kept.
    """

    session: Session
    ledger: Ledger
    compiled: Compiled
    moment: datetime

    @cached_property
    def _warned(self) -> tuple[Warned, ...]:
        return self.ledger.warnings()

    def look(self, plan: Plan, delta: Delta | None, moved: AbstractSet[str], *, whole: bool) -> list[str]:
        """Check what became of a model, remember what only warns, and answer what is to be told.

        `moved` are the tables that changed. Raises ModelError for a check that stops, EngineError for one that cannot
        be evaluated.
        """
        checks = [each for each in _checks(plan) if not each.reference or each.reference.table in self.compiled.tables]
        if not (checks or whole):
            return []
        known = {each.check: each for each in self._warned if each.model == plan.table.name}
        gone = delta is not None and bool(known) and self._any(delta.before)
        entire = [each for each in checks if whole or (each.text in known and (gone or _refers(each) & moved))]
        failing = self._failures(plan, entire, None)
        if delta is not None:
            failing |= self._failures(plan, [each for each in checks if each not in entire], delta)
        for check, error in failing.items():
            if check.stops:
                raise ModelError(plan.table.name, error, "Correct the rows where they come from, or the check.")
            since = known[check.text].since if check.text in known else self.moment
            self.ledger.note_warning(Warned(plan.table.name, check.text, error, since))
        passed = {each.text for each in entire if each not in failing} & known.keys()
        dropped = known.keys() - {each.text for each in _checks(plan)}
        for text in sorted(passed | dropped):
            self.ledger.forget_warning(plan.table.name, text)
        told = [f"{plan.table.name}: {error}" for error in failing.values()]
        return [*told, *(f"{plan.table.name}: the check `{text}` passes again" for text in sorted(passed))]

    def _any(self, table: str) -> bool:
        return bool(self.session.rows(f"SELECT 1 FROM {quote(table)} LIMIT 1"))

    def _failures(self, plan: Plan, checks: Sequence[Check], delta: Delta | None) -> dict[Check, str]:
        """What is wrong, by check, with the rows of a change set or of the whole table."""
        failing = {check: self._failing(plan, check, delta) for check in checks}
        if not failing:
            return {}
        counts = ", ".join(f"(SELECT count(*) FROM ({query}) AS f)" for query in failing.values())
        (found,) = self.session.rows(f"SELECT {counts}")
        new = "new " if delta is not None else ""
        return {
            check: f"{count} {new}{'row fails' if count == 1 else 'rows fail'} the check `{check.text}`: "
            + self._keys(plan, query, count)
            for (check, query), count in zip(failing.items(), found, strict=True)
            if count
        }

    def _failing(self, plan: Plan, check: Check, delta: Delta | None) -> str:
        """A SELECT of the keys of the rows that fail."""
        keys = listed(plan.table.key, "t")
        current = "t.is_current" if _history(plan) else "true"
        rows = f"{quote(delta.after if delta else plan.table.name)} AS t WHERE {current}"
        if check.unique:
            return self._twice(plan, check.unique, delta, keys, current)
        if check.reference is None:
            return f"SELECT {keys} FROM {rows} AND NOT {condition(check.text, plan.table.column_names)}"
        column, table = f"t.{quote(check.reference.column)}", check.reference.table
        if not self.session.columns(table):
            return f"SELECT {keys} FROM {rows} AND {column} IS NOT NULL"
        found = f"SELECT 1 FROM {quote(table)} AS r WHERE r.{quote(self._key(table))} = {column}"
        return f"SELECT {keys} FROM {rows} AND {column} IS NOT NULL AND NOT EXISTS ({found})"

    def _twice(self, plan: Plan, unique: tuple[str, ...], delta: Delta | None, keys: str, current: str) -> str:
        stored, names = quote(plan.table.name), listed(unique, "t")
        among = ""
        if delta is not None:
            changed = " AND ".join(f"c.{quote(name)} = t.{quote(name)}" for name in unique)
            now = "c.is_current AND " if _history(plan) else ""
            among = f" AND EXISTS (SELECT 1 FROM {quote(delta.after)} AS c WHERE {now}{changed})"
        filled = " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in unique)
        twice = f"SELECT {names} FROM {stored} AS t WHERE {current} AND {filled}{among} GROUP BY {names}"
        same = " AND ".join(f"t.{quote(name)} = d.{quote(name)}" for name in unique)
        return f"SELECT {keys} FROM {stored} AS t JOIN ({twice} HAVING count(*) > 1) AS d ON {same} WHERE {current}"

    def _key(self, table: str) -> str:
        planned = {plan.table.name: plan.table.key for plan in self.compiled.plans}
        return (planned.get(table) or self.compiled.tables[table].key)[0]

    def _keys(self, plan: Plan, query: str, count: int) -> str:
        key = plan.table.key
        found = self.session.rows(f"SELECT * FROM ({query}) AS f ORDER BY {listed(key)} LIMIT {_SHOWN}")
        said = [", ".join(f"{name} = {spoken(value)}" for name, value in zip(key, row, strict=True)) for row in found]
        return "; ".join(said) + ("; …" if count > len(found) else "")


def referred(plan: Plan) -> frozenset[str]:
    """The tables that the checks of a plan's model refer to, and that stop it."""
    return frozenset[str]().union(*(_refers(each) for each in _checks(plan) if each.stops))


def _checks(plan: Plan) -> tuple[Check, ...]:
    return plan.model.checks if plan.model is not None else ()


def _refers(check: Check) -> frozenset[str]:
    return frozenset({check.reference.table}) if check.reference else frozenset()


def _history(plan: Plan) -> bool:
    return plan.model is not None and plan.model.history is not None
