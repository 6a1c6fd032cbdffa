"""What the translations to several dialects share."""

from __future__ import annotations

import json
from typing import Any

from sqlglot import exp

NUMBERS = {
    "INT128": "DECIMAL(38, 0)",
    "UBIGINT": "DECIMAL(20, 0)",
    "UINT": "BIGINT",
    "USMALLINT": "INT",
    "UTINYINT": "SMALLINT",
    "TINYINT": "SMALLINT",
}
"""Whole numbers of DuckDB's that PostgreSQL and its kin have not, and what holds them there."""


def verbatim(text: str) -> exp.Expr:
    """Text that is already of the target's dialect: sqlglot writes a variable's name as it stands."""
    return exp.Var(this=text)


def numbered(node: exp.Expr) -> exp.Expr:
    """A parameter as `$1`."""
    return verbatim(f"${node.name}")


def whole(node: exp.Expr) -> exp.Expr:
    """A part of a date as the integer that it is in DuckDB; PostgreSQL's are numeric."""
    return node if isinstance(node.parent, exp.Cast) else exp.cast(node.copy(), "BIGINT")


def written_patch(patch: exp.Expr) -> dict[str, Any] | None:
    """The fields of a `json_merge_patch` that is written out and has no object in it; None of any other."""
    try:
        fields = json.loads(patch.name) if isinstance(patch, exp.Literal) else None
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and not any(isinstance(each, dict) for each in fields.values()) else None
