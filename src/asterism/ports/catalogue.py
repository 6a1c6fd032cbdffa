"""Catalogue: the lake's objects as tables, asked by SQL where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from asterism.declare.table import Column


class Catalogue(Protocol):
    """Reads only. Raises `EngineError` with the service's message."""

    dialect: str
    """sqlglot's name of the dialect."""

    def ask(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Run one SELECT in the catalogue's dialect; the columns' names, and all rows as Python values."""
        ...


class Register(Protocol):
    """Makes known to a catalogue what is landed. Raises `EngineError`. Used by one thread at a time."""

    def note(self, source: str, table: str, columns: Sequence[Column]) -> None:
        """Let a table of a source be found, as Parquet in its folder of the landing zone, with at least these columns.

        Repeating it changes nothing, and is cheap. Columns that were noted before stay: older objects have them.
        """
        ...
