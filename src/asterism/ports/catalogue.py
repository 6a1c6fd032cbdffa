"""Catalogue: the lake's objects as tables, asked by SQL where they lie."""

from __future__ import annotations

from typing import Any, Protocol


class Catalogue(Protocol):
    """Reads only. Raises `EngineError` with the service's message."""

    dialect: str
    """sqlglot's name of the dialect."""

    def ask(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Run one SELECT in the catalogue's dialect; the columns' names, and all rows as Python values."""
        ...
