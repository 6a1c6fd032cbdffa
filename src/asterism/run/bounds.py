"""Bounds: which decimals DuckDB would make of computed ones, where the engine knows no bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlglot import exp

from asterism.declare.table import Column
from asterism.plan.empty import empty
from asterism.ports.engine import UNBOUND, Foreseeing

_MOST = 38
"""Digits of DuckDB's longest decimal."""
_ROOM = 20
"""Digits before the point that a column keeps for values which may be of any length."""


def unbound(dialect: str, columns: Iterable[Column]) -> bool:
    """Whether some of these columns are decimals without bounds."""
    return dialect == "postgres" and any(each.type == UNBOUND for each in columns)


def foreseen(asked: Foreseeing, query: exp.Query, inputs: Mapping[str, Iterable[Column]]) -> tuple[Column, ...]:
    """The columns of a query over tables that have these; empty where DuckDB does not take it."""
    return asked.foresee(empty(query, inputs, "duckdb"))


def bounded(column: Column, kind: str, *, whole: str) -> Column:
    """A column as DuckDB has it, whose type is `kind`, unless a value might not fit there.

    `whole` is what becomes of a HUGEINT, a sum of 64-bit integers.
    """
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    if column.type != UNBOUND or (decimal is None and kind not in ("DOUBLE", "HUGEINT")):
        return column
    # Below 38 digits DuckDB knows that every value fits; at 38 it does not, and places must leave room for an amount.
    fits = decimal is None or int(decimal[1]) < _MOST or _MOST - int(decimal[2]) >= _ROOM
    return replace(column, type=whole if kind == "HUGEINT" else kind) if fits else column
