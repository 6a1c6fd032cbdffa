"""Redshift as the warehouse: PostgreSQL's wire, a dialect of its own, and rows that come in by way of S3.

Not tried against a server: there is none that runs elsewhere. Its statements are written down in tests/golden, and a
PostgreSQL that has been taught Redshift's functions runs them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import uuid4

from adbc_driver_postgresql import dbapi

from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.postgres.reader import PostgresReader
from asterism.declare.table import REDSHIFT_TEXT, Column
from asterism.errors import EngineError, UsageError
from asterism.ports.arrow import ArrowStream
from asterism.ports.lake import Lake
from asterism.ports.parquet import Parquet
from asterism.ports.scratch import scratch


@dataclass(frozen=True, slots=True)
class Landing:
    """Where rows lie until Redshift takes them in: a lake, its place (`s3://bucket/prefix`), and what packs them."""

    lake: Lake
    place: str
    parquet: Parquet


_SPELLED = {
    "SMALLINT": "SMALLINT", "INTEGER": "INTEGER", "BIGINT": "BIGINT", "FLOAT": "REAL", "DOUBLE": "DOUBLE PRECISION",
    "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "TIMESTAMP": "TIMESTAMP", "BLOB": "VARBYTE",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "HUGEINT": "DECIMAL(38,0)", "UBIGINT": "DECIMAL(20,0)",
    **{kind: f"VARCHAR({length})" for kind, length in REDSHIFT_TEXT.items()},
}  # fmt: skip
"""DuckDB's names of types, and Redshift's."""
_NAMED = {
    "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT", "real": "FLOAT", "double precision": "DOUBLE",
    "boolean": "BOOLEAN", "date": "DATE", "time without time zone": "TIME", "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE", "binary varying": "BLOB", "varbyte": "BLOB",
    **{f"character varying({length})": kind for kind, length in REDSHIFT_TEXT.items()},
}  # fmt: skip
_COLUMNS = (
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 0 ELSE 1 END "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname = $1 AND (n.nspname = $2 OR ($2 = '' AND pg_table_is_visible(c.oid))) "
    "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)


class RedshiftEngine(PostgresEngine):
    """Implements `Engine`. `redshift://user:password@host:5439/database?role=ARN` names the role that reads the lake.

    Keys are not enforced: to Redshift they are hints. Its transactions are serializable, so that of two that meet, one
    fails and is repeated. Rows come in as Parquet that is put into the lake, which lies in S3, and removed again.
    """

    dialect = "redshift"
    enforces_keys = False
    settings = ("SET timezone TO 'UTC'", "SET enable_case_sensitive_identifier TO true")
    """What a session begins with. Without the second each name is in lower case, quoted or not."""

    def __init__(self, uri: str, landing: Landing | None = None) -> None:
        """Without a landing nothing can be loaded. Raises EngineError, and UsageError where it does not lie in S3."""
        if landing is not None and not landing.place.startswith("s3://"):
            fact = f"takes rows in from S3, and the lake is {landing.place}"
            raise UsageError("redshift", fact, "Give the stage a lake at s3://bucket/prefix.")
        parts = urlsplit(uri)
        given = parse_qs(parts.query)
        self._role = given.get("role", ["default"])[0]
        kept = "&".join(f"{name}={value}" for name, values in given.items() if name != "role" for value in values)
        self._uri, self._landing = uri, landing
        super().__init__(urlunsplit(("postgresql", parts.netloc, parts.path, kept, "")), reading=landing is None)

    def _prepare(self, cursor: dbapi.Cursor) -> None:
        for each in self.settings:
            cursor.execute(each)

    def _take_turn(self) -> None:
        """Serializable transactions look after that themselves."""

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        """See `Engine.load`. A column in Parquet is of its own type, and COPY takes them in their order."""
        landing = self._landing
        if landing is None:
            raise EngineError(self._name, "this connection only asks")
        if temporary or not self.columns(table):
            spelled = ", ".join(f"{_quote(column.name)} {_spelled(column)}" for column in columns)
            self.execute(f"CREATE {'TEMPORARY ' if temporary else ''}TABLE IF NOT EXISTS {_quote(table)} ({spelled})")
        key = f"_loading/{uuid4().hex}.parquet"
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            file = Path(folder) / "rows.parquet"
            count = landing.parquet.write(file, [Column(each.name, _carried(each.type)) for each in columns], data)
            if not count:
                return 0
            landing.lake.put(key, file)
        try:
            self.execute(copying(table, columns, f"{landing.place.rstrip('/')}/{key}", self._role))
        finally:
            landing.lake.delete(key)
        return count

    def columns(self, table: str) -> tuple[Column, ...]:
        """See `Engine.columns`. Comments are not asked for."""
        schema, _, name = table.rpartition(".")
        found = self.rows(_COLUMNS, [name, schema])
        return tuple(Column(name, _named(kind), bool(nullable)) for name, kind, nullable in found)

    def reader(self) -> PostgresReader:
        """See `Engine.reader`."""
        self._open()
        made = PostgresReader(RedshiftEngine(self._uri), self.dialect)
        self._readers.append(made)
        return made


def copying(table: str, columns: Sequence[Column], place: str, role: str) -> str:
    """The COPY that takes in an object; `role` is an ARN, or `default`."""
    names = ", ".join(_quote(column.name) for column in columns)
    spoken = role if role == "default" else _literal(role)
    return f"COPY {_quote(table)} ({names}) FROM {_literal(place)} IAM_ROLE {spoken} FORMAT AS PARQUET"


def _named(kind: str) -> str:
    if kind.startswith("numeric"):
        return kind.replace("numeric", "DECIMAL")
    return _NAMED.get(kind, "VARCHAR")


def _spelled(column: Column) -> str:
    if column.type.endswith("[]"):
        fact = f"{column.name} is a list ({column.type}), and Redshift has none that can be compared"
        raise UsageError("redshift", fact, "Leave it out in the model, or have it as JSON.")
    return column.type if column.type.startswith("DECIMAL") else _SPELLED.get(column.type, _SPELLED["VARCHAR"])


def _carried(kind: str) -> str:
    """The type in which a column travels."""
    return {"HUGEINT": "DECIMAL(38,0)", "UBIGINT": "DECIMAL(20,0)"}.get(
        kind, "VARCHAR" if kind in ("JSON", "UUID", "INTERVAL") else kind
    )


def _quote(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
