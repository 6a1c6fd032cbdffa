"""A form: how a published table is to look, and the schema that is made to look so. PostgreSQL's own dialect."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from sqlglot import exp

from asterism.declare.table import Column
from asterism.errors import EngineError
from asterism.run.session import Session, listed, quote

_PLAIN = {
    "TINYINT": "SMALLINT", "UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)", "HUGEINT": "DECIMAL(38,0)", "TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP",
    "TIMESTAMP_NS": "TIMESTAMP",
}  # fmt: skip
"""DuckDB's types that PostgreSQL lacks, and the narrowest that holds their values; nanoseconds are lost."""
_COMMON = re.compile(
    r"(SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|VARCHAR|BOOLEAN|DATE|TIME|TIMESTAMP|TIMESTAMP WITH TIME ZONE|BLOB|UUID|JSON"
    r"|INTERVAL|DECIMAL\(\d+,\d+\))(\[\])?"
)


class Referred(NamedTuple):
    """What a foreign key refers to."""

    column: str
    table: str
    key: str


@dataclass(frozen=True)
class Form:
    """A published table: its model, its columns in PostgreSQL's types, its key, and what else a reader sees of it."""

    model: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    comment: str
    references: tuple[Referred, ...] = ()
    current: tuple[str, ...] = ()
    """With history: the model's own key, which is indexed for the versions of today."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def short(self) -> str:
        """The table's name without its schema."""
        return self.table.rpartition(".")[2]

    @cached_property
    def digest(self) -> str:
        """Changes with anything here."""
        parts = (self.model, self.table, self.columns, self.key, self.comment, self.references, self.current)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    @property
    def schema(self) -> str:
        """Where the table stands."""
        return self.table.rpartition(".")[0]

    @property
    def indexes(self) -> dict[str, str]:
        """What is indexed beside the key: what refers to other tables, and the versions of today."""
        found = {f"{self.short}_{each.column}_idx"[:63]: f"({quote(each.column)})" for each in self.references}
        if self.current:
            found[f"{self.short}_current_idx"[:63]] = f"({listed(self.current)}) WHERE is_current"
        return found

    def foreign_key(self, column: str) -> str:
        """The name of a foreign key; PostgreSQL cuts names at 63 bytes."""
        return f"{self.short}_{column}_fkey"[:63]


def plain(column: Column) -> Column:
    """A column in a type that PostgreSQL has: what is no number, time, text or list of such is text."""
    kind = _PLAIN.get(column.type, column.type)
    return Column(column.name, kind if _COMMON.fullmatch(kind) else "VARCHAR", column.nullable, column.comment)


@dataclass(frozen=True)
class Schema:
    """Makes tables look as they should. Within the caller's transaction."""

    session: Session

    def stand(self, name: str) -> None:
        """See that a schema stands. Asked first: to create one takes a right, even where it is there."""
        if not self.session.rows("SELECT 1 FROM pg_namespace WHERE nspname = $1", [name]):
            self.session.engine.execute(f"CREATE SCHEMA {quote(name)}")

    @staticmethod
    def differs(form: Form, present: Sequence[Column]) -> bool:
        """Whether a table has other columns than its form; their order says nothing."""
        return {(each.name, each.type) for each in present} != {(each.name, each.type) for each in form.columns}

    def has_primary_key(self, form: Form) -> bool:
        """Whether a table refuses NULL in its key."""
        return any(kind == "p" for _, kind, _ in self._constraints(form))

    def reshape(self, form: Form, *, nullable: bool) -> bool:
        """Drop and add columns, and drop a key that is another, or that NULLs in it will not meet.

        Answers whether columns came; then keys and indexes are gone as well, for `dress` makes them sooner than rows
        enter them one by one. Raises EngineError where a view of somebody's reads a column that is to go.
        """
        present = {each.name: each.type for each in self.session.engine.columns(form.table)}
        wanted = {each.name: each for each in form.columns}
        gone = [name for name, kind in present.items() if name not in wanted or wanted[name].type != kind]
        new = [each for name, each in wanted.items() if name not in present or name in gone]
        found = [(name, kind, columns) for name, kind, columns in self._constraints(form) if kind in "pu"]
        keys = [name for name, kind, key in found if set(key) != set(form.key) or (kind == "p" and nullable)]
        if not (gone or new or keys):
            return False
        self._refuse_readers(form, gone)
        # Behind a question that lasts, all who ask after it would wait as well: rather give up, and try again later.
        self.session.engine.execute("SET LOCAL lock_timeout = '10s'")
        self._unrefer(form)
        if new and not self._is_referred(form):
            keys = [name for name, *_ in found]
            for name in form.indexes:
                self.session.engine.execute(f"DROP INDEX IF EXISTS {quote(form.schema)}.{quote(name)}")
        alter = f"ALTER TABLE {quote(form.table)}"
        for name in keys:
            self.session.engine.execute(f"{alter} DROP CONSTRAINT {quote(name)}")
        for name in gone:
            self.session.engine.execute(f"{alter} DROP COLUMN {quote(name)}")
        for name in set(form.key) & (present.keys() - set(gone)) if nullable else ():
            self.session.engine.execute(f"{alter} ALTER COLUMN {quote(name)} DROP NOT NULL")
        for column in new:
            self.session.execute(f"{alter} ADD COLUMN {quote(column.name)} {column.type}")
        return bool(new)

    def dress(self, form: Form, *, nullable: bool) -> None:
        """Key, indexes and comments, and no foreign key that is no longer declared."""
        run, table = self.session.engine.execute, quote(form.table)
        constraints = self._constraints(form)
        if not any(kind in "pu" and set(columns) == set(form.key) for _, kind, columns in constraints):
            # A key of a model may be NULL (a group of its own), which a primary key would refuse.
            run(f"ALTER TABLE {table} ADD {'UNIQUE' if nullable else 'PRIMARY KEY'} ({listed(form.key)})")
        declared = {form.foreign_key(each.column) for each in form.references}
        for name, kind, columns in constraints:
            if kind == "f" and name == form.foreign_key(columns[0]) and name not in declared:
                run(f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}")
        for name, what in form.indexes.items():
            run(f"CREATE INDEX IF NOT EXISTS {quote(name)} ON {table} {what}")
        run(f"COMMENT ON TABLE {table} IS {_literal(form.comment)}")
        for each in form.columns:
            run(f"COMMENT ON COLUMN {table}.{quote(each.name)} IS {_literal(each.comment)}")

    def refer(self, forms: Iterable[Form]) -> list[str]:
        """Add the foreign keys that are missing; answer, in words, those that some row does not meet."""
        notices = []
        for form in forms:
            present = {name for name, kind, _ in self._constraints(form) if kind == "f"}
            for each in form.references:
                name = form.foreign_key(each.column)
                if name in present or not self.session.engine.columns(each.table):
                    continue
                column, key = quote(each.column), quote(each.key)
                ((orphans,),) = self.session.rows(
                    f"SELECT count(*) FROM {quote(form.table)} AS f WHERE f.{column} IS NOT NULL AND NOT EXISTS "
                    f"(SELECT 1 FROM {quote(each.table)} AS d WHERE d.{key} = f.{column})"
                )
                if orphans:
                    notices.append(f"{form.table}.{each.column}: {orphans} rows refer to no row of {each.table}")
                    continue
                self.session.engine.execute(
                    f"ALTER TABLE {quote(form.table)} ADD CONSTRAINT {quote(name)} FOREIGN KEY ({column}) "
                    f"REFERENCES {quote(each.table)} ({key}) DEFERRABLE INITIALLY DEFERRED"
                )
        return notices

    def _unrefer(self, form: Form) -> None:
        """Drop our foreign keys to and from a table; `refer` adds them again."""
        for table, name in self.session.engine.rows(
            "SELECT format('%I.%I', n.nspname, c.relname)::text, k.conname::text FROM pg_constraint k "
            "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE k.contype = 'f' AND to_regclass($1) IN (k.conrelid, k.confrelid) "
            "AND k.connamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))",
            [quote(form.table)],
        ):
            self.session.engine.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}")

    def _is_referred(self, form: Form) -> bool:
        """Whether somebody's own foreign key needs the key of a table."""
        sql = "SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass($1)"
        return bool(self.session.engine.rows(sql, [quote(form.table)]))

    def _refuse_readers(self, form: Form, gone: Sequence[str]) -> None:
        for name in gone:
            readers = self.session.engine.rows(
                "SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
                "JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid "
                "WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = to_regclass($1) AND a.attname = $2",
                [quote(form.table), name],
            )
            if readers:
                said = ", ".join(reader for (reader,) in readers)
                raise EngineError(
                    form.table,
                    f"{said} reads its column {name}, which {form.model} no longer has, or has with another type",
                    f"Drop or change {said}: what is published stands as it was until then, and follows by itself.",
                )

    def _constraints(self, form: Form) -> list[tuple[str, str, list[str]]]:
        """The keys of a table: name, kind (p, u, f) and columns."""
        found = self.session.engine.rows(
            "SELECT k.conname::text, k.contype::text, array_agg(a.attname::text) FROM pg_constraint k "
            "JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) "
            "WHERE k.conrelid = to_regclass($1) AND k.contype IN ('p', 'u', 'f') GROUP BY 1, 2 ORDER BY 1",
            [quote(form.table)],
        )
        return [(name, kind, list(columns)) for name, kind, columns in found]


def _literal(text: str) -> str:
    """A text as SQL: comments take no parameters."""
    return exp.Literal.string(text).sql("postgres") if text else "NULL"
