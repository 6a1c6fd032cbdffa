"""BigQuery's types: how columns are declared and laid out, and what casts are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from asterism.declare.model import Layout
from asterism.declare.table import plain
from asterism.plan.dialects.shared import verbatim
from asterism.plan.parse import Refused

DIALECT = "bigquery"
_NUMERIC_SCALE, _NUMERIC_DIGITS = 9, 29
"""Digits that NUMERIC has behind the point, and before it."""


def sql(node: exp.Expr) -> str:
    """A part of a statement as text."""
    return str(node.sql(dialect=DIALECT, identify=True))


def layout(wanted: Layout, types: Mapping[str, str]) -> str:
    """PARTITION BY and CLUSTER BY. Raises Refused for a column that BigQuery cannot lay rows apart by."""
    told = ""
    if wanted.partition is not None:
        column, kind, unit = f"`{plain(wanted.partition)}`", types.get(wanted.partition, ""), wanted.unit.upper()
        cut = {"DATE": "DATE", "TIMESTAMP": "DATETIME", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP"}.get(kind)
        if cut is None or (cut == "DATE" and unit == "HOUR"):
            fact = f"rows cannot lie apart by {wanted.unit} of {wanted.partition}, which is of type {kind}"
            raise Refused(fact, "Name a column of days or moments in `-- partition:`.")
        told += f" PARTITION BY {column if (cut, unit) == ('DATE', 'DAY') else f'{cut}_TRUNC({column}, {unit})'}"
    if wanted.cluster:
        told += f" CLUSTER BY {', '.join(f'`{plain(name)}`' for name in wanted.cluster)}"
    return told


def _definition(node: exp.Expr) -> exp.Expr:
    """A column keeps DuckDB's name of its type as its description: an INTEGER is an INT64 as a BIGINT is."""
    kind = node.args.get("kind")
    if not isinstance(kind, exp.DataType) or isinstance(node.parent, exp.Alter):
        return node
    return verbatim(f"{sql(node.this)} {_declared(kind)} OPTIONS(description = '{_duckdb(kind)}')")


def _alter(node: exp.Expr) -> exp.Expr:
    """ADD COLUMN and ALTER COLUMN … TYPE, and what the column says of itself."""
    told = []
    for action in node.args.get("actions") or ():
        if isinstance(action, exp.ColumnDef) and isinstance(kind := action.args.get("kind"), exp.DataType):
            told.append(f"ADD COLUMN IF NOT EXISTS {sql(action.this)} {_declared(kind)}")
            told.append(f"ALTER COLUMN {sql(action.this)} SET OPTIONS(description = '{_duckdb(kind)}')")
        elif isinstance(action, exp.AlterColumn) and isinstance(kind := action.args.get("dtype"), exp.DataType):
            told.append(f"ALTER COLUMN {sql(action.this)} SET DATA TYPE {_declared(kind)}")
            told.append(f"ALTER COLUMN {sql(action.this)} SET OPTIONS(description = '{_duckdb(kind)}')")
    return verbatim("; ".join(f"ALTER TABLE {sql(node.this)} {each}" for each in told)) if told else node


_DUCKDB = {
    "INT": "INTEGER", "TEXT": "VARCHAR", "REAL": "FLOAT", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "INT128": "HUGEINT", "UINT": "UINTEGER",
}  # fmt: skip
"""Where sqlglot calls a type otherwise than DuckDB does in its catalogue."""


def _duckdb(kind: exp.DataType) -> str:
    name = str(kind.sql(dialect="duckdb")).replace(", ", ",")
    return re.sub(r"^\w+", lambda found: _DUCKDB.get(found[0], found[0]), name)


def _declared(kind: exp.DataType) -> str:
    if kind.this == exp.DType.DECIMAL and kind.expressions:
        precision, scale = _digits(kind)
        return f"{_decimal(kind)}({precision}, {scale})"
    return sql(kind.copy().transform(_type))


def _digits(kind: exp.DataType) -> tuple[int, int]:
    precision, *scale = (int(each.name) for each in kind.expressions)
    return precision, scale[0] if scale else 0


def _decimal(kind: exp.DataType) -> str:
    precision, scale = _digits(kind) if kind.expressions else (18, 3)
    return "NUMERIC" if scale <= _NUMERIC_SCALE and precision - scale <= _NUMERIC_DIGITS else "BIGNUMERIC"


_INTEGERS = {
    "TINYINT", "SMALLINT", "INT", "BIGINT", "INT128", "UTINYINT", "USMALLINT", "UINT", "UBIGINT", "UINT128",
}  # fmt: skip
_TYPES = {
    "INT128": "BIGNUMERIC", "UINT128": "BIGNUMERIC", "UBIGINT": "NUMERIC", "UINT": "INT64", "USMALLINT": "INT64",
    "UTINYINT": "INT64", "INTERVAL": "STRING", "UUID": "STRING", "ENUM": "STRING",
}  # fmt: skip


def _type(node: exp.Expr) -> exp.Expr:
    """A type without its digits: a cast takes none."""
    if node.find_ancestor(exp.ColumnDef, exp.AlterColumn) or isinstance(node.parent, exp.Cast):
        return node  # their rules need what it was
    kind = getattr(node.this, "value", str(node.this))
    if kind == "DECIMAL":
        return exp.DataType.build(_decimal(node), dialect=DIALECT) if isinstance(node, exp.DataType) else node
    if kind in {"VARCHAR", "CHAR", "TEXT"}:
        return exp.DataType.build("STRING", dialect=DIALECT)
    return exp.DataType.build(_TYPES[kind], dialect=DIALECT) if kind in _TYPES else node


def _cast(node: exp.Expr) -> exp.Expr:
    """To a decimal: rounded to its scale, as elsewhere."""
    kind = node.args["to"]
    if node.this.meta.get("json") and kind.is_type("varchar", "text"):
        return verbatim(f"TO_JSON_STRING({sql(node.this)})")
    if kind.is_type("json") and isinstance(node.this, exp.Literal):
        return of_json(f"PARSE_JSON({sql(node.this)})")
    name = "SAFE_CAST" if isinstance(node, exp.TryCast) else "CAST"
    if isinstance(kind, exp.DataType) and kind.this == exp.DType.DECIMAL and kind.expressions:
        return verbatim(f"ROUND({name}({sql(node.this)} AS {_decimal(kind)}), {_digits(kind)[1]})")
    if getattr(kind.this, "value", "") in _INTEGERS:
        return _whole(node, name)
    node.set("to", kind.copy().transform(_type))
    return node


def _whole(node: exp.Expr, name: str) -> exp.Expr:
    """To a whole number: a DOUBLE's half goes to the even one, as elsewhere, where it is known that it is a DOUBLE."""
    value, kind = sql(node.this), sql(node.args["to"].copy().transform(_type))
    if not _is_double(node.this):
        cast = f"{name}({value} AS {kind})"
        return verbatim(f"ROUND({cast})" if kind in {"NUMERIC", "BIGNUMERIC"} else cast)
    even = f"IF(ABS({value} - TRUNC({value})) = 0.5, 2 * ROUND({value} / 2), ROUND({value}))"
    return verbatim(f"{name}({even} AS {kind})")


def _is_double(node: exp.Expr) -> bool:
    node = node.unnest()
    return bool(node.meta.get("double")) or (isinstance(node, exp.Cast) and node.args["to"].is_type("double", "float"))


def of_json(text: str) -> exp.Expr:
    """Text of JSON: what casts it to a text must know."""
    made = verbatim(text)
    made.meta["json"] = True
    return made


RULES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.ColumnDef: _definition,
    exp.Alter: _alter,
    exp.DataType: _type,
    exp.Cast: _cast,
    exp.TryCast: _cast,
}
