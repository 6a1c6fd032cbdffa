"""The columns of lines: declared by a record, or inferred from the first objects and then held."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Optional, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from asterism.declare.fields import column_type
from asterism.declare.record import Record
from asterism.declare.table import Column

Path = tuple[str, ...]
_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_PLAIN: dict[str, Any] = {"BOOLEAN": bool, "BIGINT": _Integer, "DOUBLE": float, "VARCHAR": str, "JSON": Any}
_SURE = frozenset(_PLAIN) | {f"{kind}[]" for kind in _PLAIN}
"""Types whose values mean the same in JSON and in a column, however they are written."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and where its value stands in a line."""

    path: Path
    type: str
    attribute: Path = ()
    """The same place in a decoded record."""

    @property
    def name(self) -> str:
        """The column's name: `data_user_id` for `user_id` in `data`."""
        return "_".join(self.path)


@dataclass(frozen=True, slots=True)
class Schema:
    """What lines are checked by, and the columns that they become."""

    record: type[msgspec.Struct]
    """Refuses integers beyond 64 bits; passes fields that it does not know."""
    strict: type[msgspec.Struct]
    """The same, refusing those."""
    fields: tuple[Field, ...]

    @classmethod
    @lru_cache(maxsize=64)
    def declared(cls, record: type[Record], more: tuple[Field, ...] = ()) -> Schema:
        """By a record, with columns that appeared since. Kept: every poll asks for it, and making it takes a while."""
        given: list[Any] = [
            (f.attribute[0], Optional[_PLAIN[f.type]], msgspec.field(default=None, name=f.path[0]))  # noqa: UP045 - made
            for f in more
        ]
        own = tuple(_fields(record, (), ()))
        return cls(_checking(record, given, strict=False), _checking(record, given, strict=True), (*own, *more))

    @classmethod
    def held(cls, fields: tuple[Field, ...]) -> Schema:
        """By columns that were inferred."""
        return cls.declared(_Inferred, fields)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return tuple(Column(field.name, field.type) for field in self.fields)

    @property
    def needs_rewriting(self) -> bool:
        """Whether some values may be written in ways that readers of columns do not know, as times may."""
        return any(field.type not in _SURE for field in self.fields)

    def structure(self) -> str:
        """The type of a line, in DuckDB's names; times with their offsets."""
        return _structure([(field.path, _read_as(field.type)) for field in self.fields])


class _Inferred(Record, frozen=True):
    """A record of which nothing is known."""


def _fields(record: type[msgspec.Struct], path: Path, attribute: Path) -> Iterator[Field]:
    for each in msgspec.structs.fields(record):
        here, there = (*path, each.encode_name), (*attribute, each.name)
        inner = _struct(each.type)
        if inner is not None:
            yield from _fields(inner, here, there)
        else:
            yield Field(here, column_type(inspect.type_info(each.type)), there)


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The one struct that a type is, apart from None."""
    rest = [each for each in get_args(kind) if each is not NoneType] if _is_union(kind) else [kind]
    one = rest[0] if len(rest) == 1 else None
    return one if isinstance(one, type) and issubclass(one, msgspec.Struct) else None


def _checking(record: type[msgspec.Struct], more: Sequence[Any] = (), *, strict: bool) -> type[msgspec.Struct]:
    """A record that refuses integers beyond 64 bits, and, if strict, fields that it does not know, at any depth."""
    hints = get_type_hints(record, include_extras=True)
    own = [
        (each.name, _bounded(hints[each.name], strict=strict), _same_default(each))
        for each in msgspec.structs.fields(record)
    ]
    # msgspec takes None for "as the base has it", which its types do not say.
    unknown: Any = True if strict else None
    return msgspec.defstruct(
        record.__name__, [*own, *more], bases=(record,), frozen=True, kw_only=True, forbid_unknown_fields=unknown,
        gc=False,  # what comes from JSON refers to nothing around it, and looking for that takes as long as decoding
    )  # fmt: skip


def _same_default(field: msgspec.structs.FieldInfo) -> Any:
    given: Any = {"default": field.default, "default_factory": field.default_factory}
    return msgspec.field(name=field.encode_name, **given)


def _bounded(kind: Any, *, strict: bool) -> Any:
    if kind is int:
        return _Integer
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _checking(kind, strict=strict)
    if _is_union(kind):
        return Union[tuple(_bounded(each, strict=strict) for each in get_args(kind))]  # noqa: UP007 - made from a list
    if get_origin(kind) is list:
        return list[_bounded(get_args(kind)[0], strict=strict)]  # type: ignore[misc]  # a type that is made
    return kind


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, UnionType}


def _read_as(kind: str) -> str:
    return "TIMESTAMPTZ" if kind == "TIMESTAMP" else kind


def _structure(fields: Sequence[tuple[Path, str]]) -> str:
    parts = []
    for name in dict.fromkeys(path[0] for path, _ in fields):
        inner = [(path[1:], kind) for path, kind in fields if path[0] == name]
        parts.append(f"{quoted(name)} {inner[0][1] if inner[0][0] == () else _structure(inner)}")
    return f"STRUCT({', '.join(parts)})"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


# ----------------------------------------------------------------------------------------------------------- inference

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_DIGITS = 15
"""Digits that a DOUBLE keeps, whatever they are."""
_WIDE = "BIGINT of more digits than a DOUBLE has"


def inferred(records: Iterable[Any], known: Iterable[str], *, texts: bool) -> tuple[Field, ...]:
    """Fields that the records have beside those `known`, with the narrowest type that holds all their values.

    One whose name cannot be a column's, or that was never more than null, is none yet. `texts`: every value is a text,
    and a number is one that would be written so.
    """
    kinds: dict[str, set[str]] = {}
    taken = {name.lower() for name in known}
    for record in records:
        for name, value in record.items():
            if value is not None:
                kinds.setdefault(name, set()).add(_kind_of_text(value) if texts else _kind(value))
    fields = []
    for name, found in kinds.items():
        if _NAME.fullmatch(name) and name.lower() not in taken:
            taken.add(name.lower())
            fields.append(inferred_field(name, _common(found, texts=texts)))
    return tuple(fields)


def inferred_field(name: str, kind: str) -> Field:
    """A field beside those that were declared; its attribute is no keyword, whatever its name is."""
    return Field((name,), kind, (f"_{name}",))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return _kind_of_integer(value, "JSON")
    if isinstance(value, float):
        return "DOUBLE"
    return "VARCHAR" if isinstance(value, str) else "JSON"


def _kind_of_text(text: str) -> str:
    """A zip code with a leading zero is a text."""
    if text in {"true", "false"}:
        return "BOOLEAN"
    if _INTEGER.fullmatch(text):
        return _kind_of_integer(int(text), "VARCHAR")
    is_kept = len(text.lstrip("-0.").replace(".", "")) <= _DIGITS
    return "DOUBLE" if is_kept and _NUMBER.fullmatch(text) else "VARCHAR"


def _kind_of_integer(value: int, beyond: str) -> str:
    if -(10**_DIGITS) < value < 10**_DIGITS:
        return "BIGINT"
    return _WIDE if -(2**63) <= value < 2**63 else beyond


def _common(kinds: set[str], *, texts: bool) -> str:
    if kinds <= {"BIGINT", _WIDE}:
        return "BIGINT"
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return "VARCHAR" if texts else "JSON"
