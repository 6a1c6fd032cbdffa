"""Cases: what models, queries and live views make of given rows, as `tests/*.toml` of a platform has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
"""Values as TOML has them; None is NULL."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """What is said of a source's table whose rows are given."""

    key: tuple[str, ...] = ()
    """Empty: the first column where its values differ, else all columns."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Columns and their types, in DuckDB's names; the others' are inferred from the values."""


@dataclass(frozen=True, slots=True)
class Case:
    """Given rows by table, and the rows that are then expected of tables, models, queries and live views."""

    name: str
    path: Path
    given: Mapping[str, tuple[Row, ...]]
    expect: Mapping[str, tuple[Row, ...]]
    """Only the columns that a row names are compared."""
    now: datetime | None = None
    """Where the clock of models and queries stands, naive UTC; None: the present."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the queries, each for those that declare it."""
    ordered: bool = False
    """Whether the order of rows counts."""
    shapes: Mapping[str, Shaped] = field(default_factory=dict)
