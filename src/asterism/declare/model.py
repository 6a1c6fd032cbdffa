"""What the SQL files of a platform declare: models (`models/*.sql`) and queries (`queries/*.sql`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from asterism.declare.chart import Chart

Kind = Literal["dimension", "fact", "mart"]
Unit = Literal["hour", "day", "month", "year"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `column` of the model holds the key of the model `table` (whose key is one column)."""

    column: str
    table: str


@dataclass(frozen=True, slots=True)
class Check:
    """What every row of a model must meet: a condition, or what `unique` or `reference` says."""

    text: str
    """As the header has it, without what is to happen: `amount >= 0`."""
    line: int
    """Of the file, from 1."""
    stops: bool = True
    """Whether the model is held at its last good state when a row fails; else people are told, and it goes on."""
    unique: tuple[str, ...] = ()
    """No two rows have the same values here; a row with a NULL among them is like no other."""
    reference: Reference | None = None
    """The column is NULL, or the key of a row of the table."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a table lie, for BigQuery: who asks for a part reads, and pays for, that part alone."""

    partition: str | None = None
    """A column of days or moments, by whose units the rows lie apart."""
    unit: Unit = "day"
    cluster: tuple[str, ...] = ()
    """Columns by which rows that are alike lie together, the first one first."""

    def __str__(self) -> str:
        apart = f"by {self.unit} of {self.partition}" if self.partition else ""
        together = f"together by {', '.join(self.cluster)}" if self.cluster else ""
        return ", ".join(part for part in (apart, together) if part)


@dataclass(frozen=True, slots=True)
class Model:
    """A table that is one SELECT. Header lines of the file give everything but `name` and `sql`."""

    name: str
    """The file's stem, and the table's name in the warehouse: `table` in its own schema, or `schema.table`."""
    path: Path
    description: str
    """The first comment line."""
    sql: str
    """The SELECT as written, in DuckDB's dialect."""
    line: int
    """The line of the file on which the SELECT begins (1-based), for error messages."""
    kind: Kind
    key: tuple[str, ...]
    history: Literal["versions"] | None = None
    """`versions`: every version of a row is kept, with valid_from, valid_to and is_current."""
    record: str | None = None
    """With history: the name of the surrogate key of a version; `<model>_record_id` unless given."""
    references: tuple[Reference, ...] = ()
    freshness: timedelta | None = None
    """How old its data may be; None: as the stage or the platform says."""
    checks: tuple[Check, ...] = ()
    layout: Layout | None = None
    """How its rows lie, where the engine lets that be said."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query, `$name` in its SQL."""

    name: str
    type: str
    default: str | None = None
    """An SQL expression, or None where the parameter must be given."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question: one SELECT with parameters, bound and never pasted."""

    name: str
    path: Path
    description: str
    sql: str
    line: int
    parameters: tuple[Parameter, ...] = field(default=())
    chart: Chart | None = None
    """How the console shows it."""
