"""Fields of a record as columns of a table."""

from __future__ import annotations

from msgspec import inspect

SCALE = 12
"""Digits after the point that a decimal keeps."""
_SCALARS: tuple[tuple[type, str], ...] = (
    (inspect.BoolType, "BOOLEAN"),
    (inspect.IntType, "BIGINT"),
    (inspect.FloatType, "DOUBLE"),
    (inspect.DecimalType, f"DECIMAL(38,{SCALE})"),
    (inspect.StrType, "VARCHAR"),
    (inspect.UUIDType, "UUID"),
    (inspect.DateTimeType, "TIMESTAMP"),
    (inspect.DateType, "DATE"),
)


def column_type(kind: inspect.Type) -> str:
    """A column's type, in DuckDB's names, for the type of a field. What has no plain one is JSON."""
    if isinstance(kind, inspect.Metadata):
        return column_type(kind.type)
    if isinstance(kind, inspect.UnionType):
        rest = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return column_type(rest[0]) if len(rest) == 1 else "JSON"
    if isinstance(kind, inspect.LiteralType | inspect.EnumType):
        values = kind.values if isinstance(kind, inspect.LiteralType) else [each.value for each in kind.cls]
        return "BIGINT" if all(isinstance(each, int) for each in values) else "VARCHAR"
    if isinstance(kind, inspect.ListType):
        item = column_type(kind.item_type)
        return "JSON" if item == "JSON" or item.endswith("[]") else f"{item}[]"
    return next((name for scalar, name in _SCALARS if isinstance(kind, scalar)), "JSON")
