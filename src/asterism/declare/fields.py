"""Fields of a record as columns of a table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
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


_OWN = frozenset({"_id", "_received_at", "_extra", "_raw"})
"""Columns that each stream's table has, and what its lines have beside them."""


def checked(record: type[Any], own: frozenset[str] = _OWN) -> None:
    """Raise ValueError for a type of records that JSON or a table, with columns of its `own`, could not have."""
    if not (isinstance(record, type) and issubclass(record, msgspec.Struct)):
        raise ValueError(f"{record!r} is no type of records: let it be a class that is a Record")  # noqa: TRY004 - of a declaration
    try:
        msgspec.json.Decoder(record)
        strange = sorted({each.cls.__name__ for each in _types(inspect.type_info(record), set())})
    except TypeError as error:
        raise ValueError(f"{record.__name__} cannot be read from JSON: {error}") from error
    if strange:
        raise ValueError(f"{record.__name__} cannot be read from JSON, which has no {', '.join(strange)}")
    names = [field.encode_name for field in msgspec.structs.fields(record)]
    if taken := sorted(own.intersection(name.lower() for name in names)):
        raise ValueError(f"{record.__name__} has a field {taken[0]}, which its table has already: give it another name")
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise ValueError(f"{record.__name__} has fields that differ by case alone, as no two columns may: {twice[0]}")


def named(record: type[Any] | None, field: str | None, reader: str) -> None:
    """Raise ValueError where a type of records has not the field that somebody names."""
    known = [each.name for each in msgspec.structs.fields(record)] if record is not None else []
    if field is not None and record is not None and field not in known:
        raise ValueError(f"{reader} {field!r}, which {record.__name__} has not: its fields are {', '.join(known)}")


def _types(kind: Any, seen: set[int]) -> list[inspect.CustomType]:
    """The types within a type that msgspec leaves to somebody else."""
    if isinstance(kind, inspect.CustomType):
        return [kind]
    if isinstance(kind, tuple | list):
        return [found for each in kind for found in _types(each, seen)]
    if not isinstance(kind, inspect.Type | inspect.Field) or id(kind) in seen:
        return []
    seen.add(id(kind))
    return _types([getattr(kind, name) for name in kind.__struct_fields__], seen)


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
