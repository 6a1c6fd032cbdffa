"""A table and its columns, as every part of Asterism speaks of them."""

from __future__ import annotations

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


def flat(name: str) -> str:
    """A table's name in one part, `schema__table`, for an engine that keeps all tables of a warehouse in one place."""
    return name.replace(".", "__")
