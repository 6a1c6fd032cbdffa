"""How a column of PostgreSQL crosses the border: its type in DuckDB's words, and the SQL that carries it unharmed."""

from __future__ import annotations

from dataclasses import dataclass

from asterism.adapters.postgres.failures import REFUSED_VALUE

_SAME = {
    "bool": "BOOLEAN",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "text": "VARCHAR",
    "varchar": "VARCHAR",
    "uuid": "UUID",
    "bytea": "BLOB",
    "time": "TIME",
}
_AS_TEXT = {"json": "JSON", "jsonb": "JSON", "bpchar": "VARCHAR", "name": "VARCHAR"}
_FINITE = {
    "date": ("DATE", "infinity"),
    "timestamp": ("TIMESTAMP", "294247-01-01"),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE", "294247-01-01"),
}
# PostgreSQL's infinities, and the last years of its calendar, overflow in the driver, in silence.
_MOST_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Declared:
    """A column as the catalog has it. `type` and `element` are names of pg_catalog's types, None for any other."""

    typmod: int
    ndims: int
    type: str | None
    kind: str
    element: str | None
    element_kind: str | None


def quoted(name: str) -> str:
    """An identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string for SQL, whatever standard_conforming_strings says."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def carried(declared: Declared, column: str, where: str) -> tuple[str, str]:  # noqa: PLR0911  a table of cases
    """A column's type in DuckDB's words, and the SQL of its values; `where` names it in an error.

    What has no lossless counterpart there is text. Values that the wire would spoil (NaN in a decimal, infinite dates,
    arrays of several dimensions) raise in the query, so that they cannot arrive as something else.
    """
    if declared.element_kind is not None:
        return _list(declared, column, where)
    if declared.type in _SAME:
        return _SAME[declared.type], column
    if declared.type in _AS_TEXT:
        return _AS_TEXT[declared.type], f"{column}::text"
    if declared.type == "oid":
        return "BIGINT", f"{column}::bigint"
    if declared.type == "numeric" and (decimal := _decimal(declared.typmod)):
        # As text: the driver hands numerics out as text anyway, and takes three times as long to spell them itself.
        return decimal, _unless(f"{column} <> 'NaN'", column, where, cast="::text")
    if declared.type in _FINITE:
        name, end = _FINITE[declared.type]
        return name, _unless(f"{column} > '-infinity' and {column} < '{end}'", column, where)
    return "VARCHAR", f"{column}::text"


def _list(declared: Declared, column: str, where: str) -> tuple[str, str]:  # noqa: PLR0911  a table of cases
    element = declared.element
    flat = f"coalesce(array_ndims({column}), 1) = 1"
    if declared.ndims > 1:
        return "VARCHAR", f"{column}::text"
    if element in _SAME:
        return f"{_SAME[element]}[]", _unless(flat, column, where)
    if element in _AS_TEXT:
        return f"{_AS_TEXT[element]}[]", _unless(flat, column, where, cast="::text[]")
    if declared.element_kind == "e":
        return "VARCHAR[]", _unless(flat, column, where, cast="::text[]")
    if element == "numeric" and (decimal := _decimal(declared.typmod)):
        return f"{decimal}[]", _unless(f"{flat} and coalesce('NaN' <> all({column}), true)", column, where)
    if element in _FINITE:
        name, end = _FINITE[element]
        finite = f"coalesce('-infinity' < all({column}) and '{end}' > all({column}), true)"
        return f"{name}[]", _unless(f"{flat} and {finite}", column, where)
    return "VARCHAR", f"{column}::text"


def _decimal(typmod: int) -> str | None:
    """DECIMAL(p,s) of a numeric's modifier, or None where it has no bounds, or wider ones than DuckDB."""
    if typmod < 0:
        return None
    precision, scale = ((typmod - 4) >> 16) & 0xFFFF, ((typmod - 4) & 0x7FF ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return f"DECIMAL({precision},{scale})" if precision <= _MOST_DIGITS else None


def _unless(fine: str, column: str, where: str, cast: str = "") -> str:
    """The column where it is `fine` or NULL. Else a sentence is cast to a number: the error tells it."""
    said = f"{literal(REFUSED_VALUE + where + ' is ')} || left({column}::text, 60)"
    raising = f"when ({said})::int is null then null"
    return f"case when {fine} and {column} is not null then {column}{cast} {raising} end"
