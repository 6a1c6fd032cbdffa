"""A replica: published tables in another database, and how far they follow the warehouse.

A table is never put in another's place: it is given columns where it stands, and the rows that differ are written. So
views and grants that others gave it outlast it, and whoever reads sees all of a transaction or nothing of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files

from asterism.declare.table import Column
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream
from asterism.run.apply import Target, apply, same_key
from asterism.run.form import Form, Schema
from asterism.run.session import Session, listed, quote

REFER_EVERY = 3600.0
"""Seconds after which foreign keys that some row did not meet are tried again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a publication follows its warehouse. Times are naive UTC."""

    seq: int
    committed_at: datetime
    """Of the refresh, by the warehouse's clock."""
    moment: datetime
    published_at: datetime
    tables: Mapping[str, str]
    """The models whose tables are this publication's, each with its form's digest; empty: not current."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one table."""

    table: str
    removed: int
    added: int
    how: str
    """`created`, `compared` with the whole model, `rewritten` for other columns, or `followed` its change sets."""


class UnfitError(Exception):
    """A table is not as its change sets suppose: it has to be compared as a whole."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


class OrphanError(Exception):
    """Rows refer to no row: the foreign key has to go for now."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


@dataclass
class Replica:
    """The tables of one publication. One thread at a time; all writing within `transaction`."""

    session: Session
    publication: str
    referred: float | None = None
    """When the foreign keys that are missing were last tried."""
    notices: list[str] = field(default_factory=list)

    @property
    def _schema(self) -> Schema:
        return Schema(self.session)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction of the other database; publications into one database take turns."""
        self.notices.clear()
        with self.session.transaction():
            yield

    def mark(self) -> Mark | None:
        """How far the publication follows; None before it first did."""
        if not self.session.engine.columns("_asterism.published"):
            return None
        found = self.session.rows(
            "SELECT seq, committed_at, moment, published_at, tables FROM _asterism.published WHERE publication = $1",
            [self.publication],
        )
        if not found:
            return None
        seq, committed_at, moment, published_at, tables = found[0]
        return Mark(seq, committed_at, moment, published_at, json.loads(tables))

    def note(self, mark: Mark) -> None:
        """Note how far the publication follows now."""
        if not self.session.engine.columns("_asterism.published"):
            self._schema.stand("_asterism")
            text = (files("asterism.run") / "sql" / "published.sql").read_text(encoding="utf-8")
            self.session.engine.execute(text)
        self.session.execute("DELETE FROM _asterism.published WHERE publication = $1", [self.publication])
        self.session.execute(
            "INSERT INTO _asterism.published VALUES ($1, $2, $3, $4, $5, $6)",
            [
                self.publication, mark.seq, mark.committed_at, mark.moment, mark.published_at,
                json.dumps(dict(mark.tables)),
            ],
        )  # fmt: skip

    def adopt(self, forms: Iterable[Form], mark: Mark | None) -> None:
        """Raise EngineError where a table of another's stands in the place of one of ours."""
        owned = mark.tables if mark else {}
        for form in forms:
            if form.model not in owned and self.session.engine.columns(form.table):
                raise EngineError(
                    form.table,
                    "a table of this name stands there, and this publication did not make it",
                    "Drop or rename it there, or publish into another schema.",
                )

    def stage(self, form: Form, data: ArrowStream) -> str:
        """Bring all rows of a model over; answer the table they lie in: the published one, where there was none."""
        if self.session.engine.columns(form.table):
            staged = self.session.own(self.session.name())
            self.session.engine.load(staged, form.columns, data, temporary=True)
            self.session.analyze(staged)
            return staged
        self._schema.stand(form.schema)
        self.session.engine.load(form.table, form.columns, data)
        self.session.analyze(form.table)
        return form.table

    def shape(self, form: Form, staged: str) -> bool:
        """Give a table the columns of its form, and take away a key that what is staged would not meet.

        Answers whether it has other columns now: then every row is to be written.
        """
        return staged != form.table and self._schema.reshape(form, nullable=any(self._nulls(form, staged)))

    def compare(self, form: Form, staged: str, moment: datetime, *, rewrite: bool) -> Written:
        """Make the rows of a table equal to those that are staged; `rewrite` them all where all differ anyway."""
        if staged == form.table:
            ((added,),) = self.session.rows(f"SELECT count(*) FROM {quote(staged)}")
            return Written(form.table, 0, added, "created")
        if rewrite:  # DELETE, for after a TRUNCATE whoever reads by an older snapshot finds nothing
            removed = self.session.execute(f"DELETE FROM {quote(form.table)}")
            names = listed(form.names)
            added = self.session.execute(
                f"INSERT INTO {quote(form.table)} ({names}) SELECT {names} FROM {quote(staged)}"
            )
            return Written(form.table, removed, added, "rewritten")
        done = apply(self.session, Target(form.table, form.names, form.key), None, staged, moment)
        return Written(form.table, done.removed, done.added, "compared")

    def follow(self, form: Form, data: ArrowStream) -> Written:
        """Write a change set: rows with a column `change`, `before` or `after`. Raises UnfitError."""
        if Schema.differs(form, self.session.engine.columns(form.table)):
            raise UnfitError(form.table)
        landed = self.session.own(self.session.name())
        self.session.engine.load(landed, (*form.columns, Column("change", "VARCHAR")), data, temporary=True)
        self.session.analyze(landed)
        nullable = self._nulls(form, landed)
        if any(nullable) and self._schema.has_primary_key(form):
            raise UnfitError(form.table)
        same = same_key(form.key, "t", "m", nullable)
        removed = self.session.execute(f"DELETE FROM {quote(form.table)} AS t USING {quote(landed)} AS m WHERE {same}")
        added = self.session.execute(
            f"INSERT INTO {quote(form.table)} ({listed(form.names)}) "
            f"SELECT {listed(form.names)} FROM {quote(landed)} WHERE change = 'after'"
        )
        return Written(form.table, removed, added, "followed")

    def settle(self, forms: Iterable[Form], fresh: Iterable[Form]) -> None:
        """Check foreign keys as the commit would, and give `fresh` tables what is missing. Raises OrphanError."""
        forms, fresh = tuple(forms), tuple(fresh)
        try:
            self.session.engine.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except EngineError as error:
            for form in forms:
                for each in form.references:
                    if f'"{form.foreign_key(each.column)}"' in error.fact:
                        raise OrphanError(form.foreign_key(each.column)) from error
            raise
        for form in fresh:
            self._schema.dress(form, nullable=any(self._nulls(form, form.table)))
        if fresh or self.referred is None or time.monotonic() - self.referred >= REFER_EVERY:
            self.notices += self._schema.refer(forms)
            self.referred = time.monotonic()

    def without(self, forms: Iterable[Form], constraints: Iterable[str]) -> None:
        """Take foreign keys away; they are tried again when tables are compared, and every hour."""
        for form in forms:
            for name in sorted({form.foreign_key(each.column) for each in form.references} & set(constraints)):
                self.session.engine.execute(f"ALTER TABLE {quote(form.table)} DROP CONSTRAINT IF EXISTS {quote(name)}")
                self.referred = None

    def _nulls(self, form: Form, table: str) -> list[bool]:
        """For each column of the key, whether it is NULL in some row."""
        counted = ", ".join(f"count(*) > count({quote(name)})" for name in form.key)
        return [bool(each) for each in self.session.rows(f"SELECT {counted} FROM {quote(table)}")[0]]
