"""A table and its columns, as every part of Asterism speaks of them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` is DuckDB's name of the type: `INTEGER`, `DECIMAL(10,2)`, `TIMESTAMP`, `INTEGER[]`."""

    name: str
    type: str
    nullable: bool = True
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `name` is `schema.table`, or `table` alone in the warehouse's own schema; `key` identifies a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)


REDSHIFT_TEXT = {"VARCHAR": 65535, "JSON": 65534, "UUID": 36, "INTERVAL": 64}
"""Bytes of the text that stands for these types in Redshift, which has none of them that can be compared."""
_LETTERS = re.compile(r"[^A-Za-z0-9_]")
_SPELT = re.compile(r"_u([0-9a-f]{4,6})_")


def flat(name: str) -> str:
    """A table's name in one part, `schema__table`, for an engine that keeps all tables of a warehouse in one place."""
    return plain(name.replace(".", "__"))


def plain(name: str) -> str:
    """A column's name in letters, digits and _ alone, for an engine that takes no others: `$id` is `_u0024_id`."""
    return _LETTERS.sub(lambda found: f"_u{ord(found[0]):04x}_", name)


def spelt(name: str) -> str:
    """What `plain` was given."""
    return _SPELT.sub(lambda found: chr(int(found[1], 16)), name)
