"""What a PostgreSQL schema holds: tables, their keys, their columns, and how each is read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from asterism.adapters.postgres.fields import Declared, carried, quoted
from asterism.adapters.postgres.session import Session
from asterism.declare.source import Postgres
from asterism.declare.table import Column, Table
from asterism.errors import SourceError

TABLES = (Path(__file__).parent / "sql" / "tables.sql").read_text()


@dataclass(frozen=True, slots=True)
class Field:
    """One column and how it is read."""

    name: str
    type: str
    """In DuckDB's words."""
    sql: str
    """Its value, `t` being the table."""
    declared: str
    """PostgreSQL's type, for casts of key values."""
    note: str
    """What makes its values: where this changes, rows differ though none was written."""
    labels: frozenset[str]
    """An enum's labels, with their ids."""
    nullable: bool
    comment: str
    comparable: bool
    """Whether its own operators order it the same under any search_path; else it is compared as text."""

    @property
    def column(self) -> str:
        """The column itself, of the table `t`."""
        return f"t.{quoted(self.name)}"

    @property
    def ordered(self) -> str:
        """The expression by which a key column is ordered and compared."""
        return self.column if self.comparable else f"{self.column}::text"

    def value(self, setting: str) -> str:
        """The value of key that a setting of the transaction holds as text."""
        return f"current_setting('{setting}')::{self.declared if self.comparable else 'text'}"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table that is pulled."""

    schema: str
    name: str
    oid: int
    files: str
    """A fingerprint of where its rows are stored."""
    partitioned: bool
    estimate: int
    """About how many rows it has."""
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    changed_at: str | None
    """The column that writers keep current, where it is a time and indexed."""

    @property
    def source(self) -> str:
        """The table in a FROM clause, called `t`; partitions belong to it, tables that inherit from it do not."""
        only = "" if self.partitioned else "only "
        return f"{only}{quoted(self.schema)}.{quoted(self.name)} as t"

    @property
    def lock(self) -> str:
        """The table in a LOCK statement."""
        only = "" if self.partitioned else "only "
        return f"{only}{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def key_fields(self) -> tuple[Field, ...]:
        """The key's columns, in the key's order."""
        by_name = {field.name: field for field in self.fields}
        return tuple(by_name[name] for name in self.key)

    def select(self, where: str = "", fields: Iterable[Field] | None = None) -> str:
        """The SELECT that carries its rows, or those of `where`, or only some columns."""
        columns = ", ".join(f"{field.sql} as {quoted(field.name)}" for field in fields or self.fields)
        return f"select {columns} from {self.source}{' where ' + where if where else ''}"

    def table(self, into: str) -> Table:
        """The table as the rest of the house speaks of it."""
        columns = tuple(Column(f.name, f.type, f.nullable and f.name not in self.key, f.comment) for f in self.fields)
        return Table(f"{into}.{self.name}", columns, self.key)


def discover(session: Session, declaration: Postgres, name: str) -> tuple[Relation, ...]:
    """The tables that `declaration` asks for, by name. Raises `SourceError` with everything that is in their way."""
    found = _visible(declaration, name, session.described(TABLES, (declaration.schema, declaration.changed_at)))
    tables = [(table, list(columns)) for table, columns in groupby(found, key=lambda row: str(row["name"]))]
    wanted = _wanted(declaration, name, {table for table, _ in tables})
    obstacles = [why for table, columns in tables if table in wanted for why in _obstacles(table, columns)]
    obstacles += [f"tables {names} differ in upper and lower case only. Exclude one." for names in _alike(wanted)]
    if obstacles:
        fact = "a table cannot be pulled" if len(obstacles) == 1 else f"{len(obstacles)} tables cannot be pulled"
        raise SourceError(name, fact, "\n  ".join(obstacles))
    return tuple(_relation(declaration, table, columns) for table, columns in tables if table in wanted)


def _visible(declaration: Postgres, name: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was found but the columns that are excluded. One that isn't there is refused: it may be mistyped."""
    hidden = {each for each in declaration.exclude if "." in each} - {row["name"] for row in found}
    there = {f"{row['name']}.{row['column']}" for row in found}
    if missing := ", ".join(sorted(hidden - there)):
        fact = f"`exclude` names a column that schema {declaration.schema!r} does not have: {missing}"
        raise SourceError(name, fact, "Correct the name, as `table.column`, or take it out.")
    keys = {f"{row['name']}.{column}" for row in found for column in row["key"] or ()}
    if kept := ", ".join(sorted(hidden & keys)):
        raise SourceError(name, f"`exclude` names a column of a key: {kept}", "Exclude its table, or take it out.")
    return [row for row in found if f"{row['name']}.{row['column']}" not in hidden]


def _wanted(declaration: Postgres, name: str, there: Collection[str]) -> set[str]:
    if missing := set(declaration.include) - set(there):
        raise SourceError(
            name,
            f"schema {declaration.schema!r} has no table {', '.join(sorted(missing))}",
            f"It has {', '.join(sorted(there)) or 'none that this role may see'}: correct `include`.",
        )
    wanted = (set(declaration.include) or set(there)) - set(declaration.exclude)
    if not wanted:
        raise SourceError(
            name,
            f"schema {declaration.schema!r} has no table to pull",
            "Correct `schema` and `exclude`, or create the tables; the role of the URL needs USAGE on the schema.",
        )
    return wanted


def _obstacles(table: str, columns: list[dict[str, Any]]) -> Iterator[str]:
    first = columns[0]
    if not first["allowed"]:
        yield f"{table}: permission denied. GRANT SELECT on it to the role of the URL, or exclude it."
    if first["is_foreign"]:
        yield f"{table}: a partition is a foreign table, which does not say what changed. Exclude it."
    if not first["key"]:
        yield f"{table}: no key. Add a primary key (or a unique index over columns that are NOT NULL), or exclude it."
    for name in (table, *(row["column"] for row in columns if row["column"] is not None)):
        if "." in name:
            yield f"{table}: the name {name} has a dot. Rename it, or exclude the table."
    for names in _alike(row["column"] for row in columns if row["column"] is not None):
        yield f"{table}: columns {names} differ in upper and lower case only. Rename or exclude one."


def _alike(names: Iterable[str]) -> list[str]:
    """Names that the warehouse could not tell apart."""
    by_lower: dict[str, list[str]] = {}
    for name in sorted(names):
        by_lower.setdefault(name.lower(), []).append(name)
    return [" and ".join(same) for same in by_lower.values() if len(same) > 1]


def _relation(declaration: Postgres, table: str, columns: list[dict[str, Any]]) -> Relation:
    first = columns[0]
    fields = tuple(_field(f"{declaration.schema}.{table}", row) for row in columns if row["column"] is not None)
    timed = {f.name for f in fields if f.type.startswith("TIMESTAMP") and not f.type.endswith("[]")}
    usable = first["changed_at_indexed"] and declaration.changed_at in timed
    return Relation(
        schema=declaration.schema,
        name=table,
        oid=first["oid"],
        files=first["files"],
        partitioned=first["partitioned"],
        estimate=first["estimate"],
        fields=fields,
        key=tuple(first["key"]),
        changed_at=declaration.changed_at if usable else None,
    )


def _field(table: str, row: dict[str, Any]) -> Field:
    declared = Declared(row["typmod"], row["ndims"], row["type"], row["kind"], row["element"], row["element_kind"])
    column = f"t.{quoted(row['column'])}"
    kind, sql = carried(declared, column, f"{table}.{row['column']}")
    generated = row["generated"] or ""
    made = hashlib.sha256(generated.encode()).hexdigest()[:12] if generated else ""
    return Field(
        name=row["column"],
        type=kind,
        sql=sql,
        declared=row["declared"],
        note=f"{row['number']}:{row['typid']}:{made}",
        labels=frozenset(row["labels"] or ()),
        nullable=not row["not_null"],
        comment=row["comment"],
        comparable=row["type"] is not None or row["kind"] == "e",
    )
