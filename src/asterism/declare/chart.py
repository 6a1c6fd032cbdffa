"""Charts: how the console shows the answer of a query. The `chart` header of `queries/*.sql` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ChartKind = Literal["line", "bar", "stacked", "heat", "number", "table"]


@dataclass(frozen=True, slots=True)
class ChartForm:
    """What a kind of chart needs, and what it may have; each names columns of the answer, but `unit` and `title`."""

    meaning: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


CHARTS: Mapping[ChartKind, ChartForm] = {
    "line": ChartForm("A line for each `y`, or one for each value of `series`.", ("x", "y"), ("series",)),
    "bar": ChartForm("Bars, those of several `y` or of a `series` side by side.", ("x", "y"), ("series",)),
    "stacked": ChartForm("Bars whose parts add up.", ("x", "y"), ("series",)),
    "heat": ChartForm("A square for each `x` and `y`, coloured by `value`.", ("x", "y", "value")),
    "number": ChartForm("The first row's values, large. Without `value`, each column's.", (), ("value",)),
    "table": ChartForm("The rows. Without `columns`, with all columns.", (), ("columns",)),
}
"""Every kind of chart. A kind that is new is written here, and drawn in `http/console/charts.js`."""

COMMON: Mapping[str, str] = {
    "pick": "A column one of whose values is shown at a time; the reader picks which.",
    "unit": "What the figures are in, `€` or `%`; `%` shows a share of 1 as a percentage.",
    "title": "What stands above it; else the query's name, in words.",
}
"""What every chart may have."""

SEVERAL = frozenset({"x", "y", "value", "columns"})
"""Which take several columns, separated by commas. The values of several `x` are joined: a first name and a last."""
TEXTS = frozenset({"unit", "title"})
"""Which are no columns."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of a query's answer."""

    kind: ChartKind
    line: int
    """Of the file, from 1."""
    columns: Mapping[str, tuple[str, ...]]
    """By what they are for: `x`, `y`, `series`, `value`, `columns`, `pick`."""
    unit: str = ""
    title: str = ""
