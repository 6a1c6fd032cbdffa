"""A plan: how one stored table is kept current, and the statements for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlglot import exp

from asterism.declare.model import Model
from asterism.declare.table import Table
from asterism.plan import clock
from asterism.plan.present import is_distinct, present
from asterism.plan.restrict import Scope, restrict
from asterism.plan.scope import Changes, Delta, scope
from asterism.plan.translate import identifier, translate


def record_column(model: Model) -> str:
    """The name of the surrogate key of a version."""
    return model.record or f"{model.name.rpartition('.')[2]}_record_id"


@dataclass(frozen=True)
class Plan:
    """How one stored table is kept current. `full_because` is None where change sets suffice."""

    table: Table
    """Name, own columns (types are the engine's business) and key; with history, without its columns."""
    query: exp.Query
    model: Model | None
    """None for a hidden table."""
    owner: str
    """The model's name; for a hidden table, of the model it serves."""
    inputs: frozenset[str]
    scope_columns: tuple[str, ...]
    keys: tuple[tuple[exp.Expr, ...], ...]
    """For each branch of the query, its expressions of `scope_columns`."""
    unit: clock.Unit | None
    full_because: str | None

    @cached_property
    def fingerprint(self) -> str:
        """Changes when the table's meaning or its checks do, not when its comments or spaces do."""
        history = (self.model.history, self.model.record) if self.model else ()
        checks = [(each.text, each.stops) for each in self.model.checks] if self.model else []
        text = repr((self.query.sql("duckdb"), self.table.name, self.table.key, history, *checks))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def stored_key(self) -> tuple[str, ...]:
        """The key of the stored rows: the record's with history."""
        if self.model is None or self.model.history is None:
            return self.table.key
        return (record_column(self.model),)

    @property
    def maintenance(self) -> str:
        """In a phrase: `incremental, by staff_id` or `full: a FULL JOIN`."""
        ticks = f"; again every {self.unit}" if self.unit else ""
        if self.full_because is not None:
            return f"full: {self.full_because}{ticks}"
        return f"incremental, by {', '.join(self.scope_columns)}{ticks}"

    def full(self, moment: datetime) -> exp.Query:
        """The whole content of the table, with the clock at `moment`."""
        return clock.at(self.query, moment) if self.unit else self.query

    def scope(self, changes: Changes, moment: datetime) -> exp.Query | None:
        """A SELECT of the keys that `changes` can touch (`s0` …), or None where they touch nothing."""
        query = scope(self.query, self.keys, changes)
        return clock.at(query, moment) if query is not None and self.unit else query

    def restricted(self, within: Scope, moment: datetime) -> exp.Query:
        """The content of the table for the keys in a scope."""
        query = restrict(self.query, self.keys, within)
        return clock.at(query, moment) if self.unit else query

    def full_sql(self, moment: datetime, dialect: str) -> str:
        """`full` as text of an engine's dialect."""
        made = self._text(("full", dialect), moment, lambda: self.full(moment), dialect)
        return made or ""

    def scope_sql(self, changes: Changes, moment: datetime, dialect: str) -> str | None:
        """`scope` as text of an engine's dialect. Made once for each set of changed tables: polls come often."""
        return self._over_changes("scope", lambda blank: self.scope(blank, moment), changes, moment, dialect)

    def _over_changes(
        self,
        kind: str,
        make: Callable[[Changes], exp.Query | None],
        changes: Changes,
        moment: datetime,
        dialect: str,
    ) -> str | None:
        names = sorted(changes)
        blank = {name: Delta(f"before {place}", f"after {place}") for place, name in enumerate(names)}
        text = self._text((kind, dialect, *names), moment, lambda: make(blank), dialect)
        if text is not None:
            for name in names:
                old, new = blank[name], changes[name]
                for one, other in ((old.before, new.before), (old.after, new.after)):
                    text = text.replace(identifier(one, dialect), identifier(other, dialect))
        return text

    def present_sql(self, changes: Changes, moment: datetime, dialect: str) -> str | None:
        """Rows that are surely there now, where the new rows of the inputs tell; see `plan/present.py`."""
        if not is_distinct(self.query):
            return None

        def make(blank: Changes) -> exp.Query | None:
            query = present(self.query, blank)
            return clock.at(query, moment) if query is not None and self.unit else query

        return self._over_changes("present", make, changes, moment, dialect)

    def restricted_sql(self, within: Scope, moment: datetime, dialect: str) -> str:
        """`restricted` as text of an engine's dialect."""
        kind = ("restricted", dialect, *map(str, within.nullable))
        text = self._text(kind, moment, lambda: self.restricted(Scope("within this", within.nullable), moment), dialect)
        return (text or "").replace(identifier("within this", dialect), identifier(within.table, dialect))

    def _text(
        self, kind: tuple[str, ...], moment: datetime, make: Callable[[], exp.Query | None], dialect: str
    ) -> str | None:
        tick = moment if self.unit else None
        if self._ticks.get("tick") != tick:
            self._texts.clear()
            self._ticks["tick"] = tick
        if kind not in self._texts:
            made = make()
            self._texts[kind] = None if made is None else translate(made, dialect)
        return self._texts[kind]

    @cached_property
    def _texts(self) -> dict[tuple[str, ...], str | None]:
        return {}

    @cached_property
    def _ticks(self) -> dict[str, datetime | None]:
        return {}
