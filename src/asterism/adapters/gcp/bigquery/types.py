"""Values and types of BigQuery, and DuckDB's names of them.

A column says DuckDB's name of its type in its description, for BigQuery has one kind of integer, and keeps a UUID as
text. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from asterism.declare.table import Column, spelt

_NAMES = {
    "INTEGER": "BIGINT", "INT64": "BIGINT", "FLOAT": "DOUBLE", "FLOAT64": "DOUBLE", "STRING": "VARCHAR",
    "BOOLEAN": "BOOLEAN", "BOOL": "BOOLEAN", "BYTES": "BLOB", "DATE": "DATE", "TIME": "TIME", "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE", "JSON": "JSON", "NUMERIC": "DECIMAL(38,9)", "BIGNUMERIC": "DECIMAL(38,10)",
}  # fmt: skip
_KINDS = {
    "TINYINT": "INT64", "SMALLINT": "INT64", "INTEGER": "INT64", "BIGINT": "INT64", "UTINYINT": "INT64",
    "USMALLINT": "INT64", "UINTEGER": "INT64", "UBIGINT": "NUMERIC", "HUGEINT": "BIGNUMERIC", "UHUGEINT": "BIGNUMERIC",
    "FLOAT": "FLOAT64", "DOUBLE": "FLOAT64", "BOOLEAN": "BOOL", "BLOB": "BYTES", "DATE": "DATE", "TIME": "TIME",
    "TIMESTAMP": "DATETIME", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "JSON": "JSON",
}  # fmt: skip
_DUCKDB = re.compile(r"[A-Z][A-Z0-9_ ]*(\(\d+(, ?\d+)?\))?(\[\])*")
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_NUMERIC_SCALE, _NUMERIC_DIGITS = 9, 29
"""Digits that NUMERIC has behind the point, and before it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def kind_of(name: str) -> str:
    """BigQuery's type for a column of a type that DuckDB names; what it has no type for is text."""
    if name.endswith("[]"):
        return f"ARRAY<{kind_of(name[:-2])}>"
    if match := _DECIMAL.fullmatch(name):
        precision, scale = int(match[1]), int(match[2])
        fits = scale <= _NUMERIC_SCALE and precision - scale <= _NUMERIC_DIGITS
        return "NUMERIC" if fits else "BIGNUMERIC"
    return _KINDS.get(name, "STRING")


def declared(name: str) -> str:
    """A column's type as a table declares it: what BigQuery would not tell of it stands in its description."""
    kind = kind_of(name)
    if match := _DECIMAL.fullmatch(name):
        kind = f"{kind}({match[1]}, {match[2]})"
    return f"{kind} OPTIONS(description = '{name}')"


def column_of(field: Mapping[str, Any]) -> Column:
    """A column as BigQuery tells of it."""
    said = str(field.get("description", ""))
    nullable = field.get("mode") != "REQUIRED"
    return Column(spelt(field["name"]), said if _DUCKDB.fullmatch(said) else _named(field), nullable)


def _named(field: Mapping[str, Any]) -> str:
    kind = field["type"]
    name = _NAMES.get(kind, "VARCHAR")
    if "precision" in field:
        name = f"DECIMAL({min(int(field['precision']), 38)},{field.get('scale', 0)})"
    return f"{name}[]" if field.get("mode") == "REPEATED" else name


def decoders(fields: Sequence[Mapping[str, Any]]) -> list[Callable[[Any], Any]]:
    """What makes Python values of a row's cells."""
    return [_decoder(field) for field in fields]


def _decoder(field: Mapping[str, Any]) -> Callable[[Any], Any]:
    if field.get("mode") == "REPEATED":
        each = _decoder({**field, "mode": "NULLABLE"})
        return lambda value: [each(item["v"]) for item in value or ()]
    if field["type"] in {"RECORD", "STRUCT"}:
        names, inner = [part["name"] for part in field["fields"]], decoders(field["fields"])
        return lambda value: (
            None
            if value is None
            else {name: make(cell["v"]) for name, make, cell in zip(names, inner, value["f"], strict=True)}
        )
    make = _DECODED.get(field["type"], str)
    return lambda value: None if value is None else make(value)


def _moment(value: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(value))


_DECODED: Mapping[str, Callable[[str], Any]] = {
    "INTEGER": int, "INT64": int, "FLOAT": float, "FLOAT64": float, "NUMERIC": Decimal, "BIGNUMERIC": Decimal,
    "BOOLEAN": "true".__eq__, "BOOL": "true".__eq__, "BYTES": base64.b64decode, "DATE": date.fromisoformat,
    "TIME": time.fromisoformat, "DATETIME": datetime.fromisoformat, "TIMESTAMP": _moment,
}  # fmt: skip


def parameter(name: str, value: Any) -> dict[str, Any]:
    """A query's parameter, of the type that the value has."""
    if isinstance(value, list | tuple):
        kind = next((_typed(each)[0] for each in value if each is not None), "STRING")
        values = [{"value": _typed(each)[1]} for each in value]
        shape = {"type": "ARRAY", "arrayType": {"type": kind}}
        return {"name": name, "parameterType": shape, "parameterValue": {"arrayValues": values}}
    kind, text = _typed(value)
    return {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": text}}


def _typed(value: Any) -> tuple[str, str | None]:
    if value is None:
        return "STRING", None
    kind, write = next((kind, write) for kinds, kind, write in _WRITTEN if isinstance(value, kinds))
    if kind == "DATETIME" and value.tzinfo:
        kind = "TIMESTAMP"
    if kind == "NUMERIC":
        _, digits, exponent = value.as_tuple()
        places = -exponent if isinstance(exponent, int) else 0
        kind = "NUMERIC" if places <= _NUMERIC_SCALE and len(digits) - places <= _NUMERIC_DIGITS else "BIGNUMERIC"
    return kind, write(value)


_WRITTEN: tuple[tuple[Any, str, Callable[[Any], str]], ...] = (
    (bool, "BOOL", lambda value: "true" if value else "false"),  # before int, of which it is one
    (int, "INT64", str),
    (float, "FLOAT64", str),
    (Decimal, "NUMERIC", lambda value: f"{value:f}"),
    (bytes | bytearray, "BYTES", lambda value: base64.b64encode(value).decode()),
    (datetime, "DATETIME", lambda value: value.isoformat(sep=" ")),  # before date, of which it is one
    (date, "DATE", date.isoformat),
    (time, "TIME", time.isoformat),
    (object, "STRING", str),
)
"""Python's types, BigQuery's, and how a value is written."""
