"""Verify: recompute every model in full, and compare it with what is stored, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asterism.plan import clock
from asterism.plan.plan import Plan
from asterism.run.apply import difference, referred_keys, repeated, same_key
from asterism.run.ledger import now
from asterism.run.session import listed, quote
from asterism.run.tables import Tables
from asterism.run.warehouse import Progress, Warehouse, silent


@dataclass(frozen=True, slots=True)
class Difference:
    """How one table differs: rows it lacks, rows it should not have, and faults in its history.

    A table whose model is `held`, with the reason, stands as it last could be made, and is not compared.
    """

    table: str
    missing: int
    unexpected: int
    history: int = 0
    held: str = ""

    @property
    def count(self) -> int:
        """All differences of the table."""
        return self.missing + self.unexpected + self.history


def verify(warehouse: Warehouse, *, progress: Progress = silent) -> tuple[Difference, ...]:
    """One entry a table, in the order of refreshing, differences or none. Changes nothing."""
    ledger = warehouse.ledger
    compiled = warehouse.compiled(warehouse.raw_tables().values())
    states, moment = ledger.models(), ledger.last_refresh() or now()
    found = []
    for number, plan in enumerate(compiled.plans):
        progress("verifying", number, len(compiled.plans))
        state = states.get(plan.table.name)
        if state is None or state.refreshed_at is None:  # held from the beginning: there is nothing to compare
            continue
        if state.state == "held":  # nor can be computed what it should be: its text is new, or its rows break it
            found.append(Difference(plan.table.name, 0, 0, held=state.error))
            continue
        with warehouse.session.transaction():
            tick = state.ticked_at or (clock.tick(moment, plan.unit) if plan.unit else moment)
            found.append(_compare(warehouse, plan, Tables(warehouse.session, compiled.plans), tick))
    progress("verifying", len(compiled.plans), len(compiled.plans))
    return tuple(found)


def _compare(warehouse: Warehouse, plan: Plan, tables: Tables, tick: datetime) -> Difference:
    session = warehouse.session
    target = tables.target(plan)
    expected = tables.computed(plan, plan.full_sql(tick, session.engine.dialect), target)
    names, stored = listed(target.columns), quote(plan.table.name)
    current = session.keep(f"SELECT {names} FROM {stored} AS t" + (" WHERE is_current" if target.record else ""))
    minus, plus = difference(session, target, current, expected), difference(session, target, expected, current)
    if target.kept_for:
        (key,) = target.key
        absent = f"NOT EXISTS (SELECT 1 FROM {quote(expected)} AS e WHERE {same_key(target.key, 'e', 'm', [False])})"
        gone = session.keep(f"SELECT m.{quote(key)} AS k FROM {quote(minus)} AS m WHERE {absent}")
        kept = session.keep(referred_keys(target, gone))
        minus = session.keep(
            f"SELECT * FROM {quote(minus)} AS m "
            f"WHERE NOT EXISTS (SELECT 1 FROM {quote(kept)} AS k WHERE k.k = m.{quote(key)})"
        )
    ((unexpected, missing),) = session.rows(
        f"SELECT (SELECT count(*) FROM {quote(minus)}), (SELECT count(*) FROM {quote(plus)})"
    )
    if target.floats:
        twice = (
            f"(SELECT coalesce(sum(again), 0) FROM ({repeated(target, each)}) AS r)" for each in (current, expected)
        )
        ((more, less),) = session.rows(f"SELECT {', '.join(twice)}")
        unexpected, missing = unexpected + int(more), missing + int(less)
    return Difference(plan.table.name, missing, unexpected, _faults(warehouse, plan) if target.record else 0)


def _faults(warehouse: Warehouse, plan: Plan) -> int:
    """Versions of one key that overlap, that end before they begin, or of which several are current."""
    key, stored = listed(plan.table.key), quote(plan.table.name)
    (count,) = warehouse.session.rows(
        f"SELECT count(*) FROM (SELECT valid_from, valid_to, is_current, "
        f"lead(valid_from) OVER (PARTITION BY {key} ORDER BY valid_from) AS next FROM {stored}) AS v "
        "WHERE (is_current AND (valid_to IS NOT NULL OR next IS NOT NULL)) OR (NOT is_current AND valid_to IS NULL) "
        "OR valid_to <= valid_from OR valid_to > next"
    )[0]
    return int(count)
