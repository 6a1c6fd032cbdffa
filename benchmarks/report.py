"""What was measured, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe, peer_versions


@dataclass(frozen=True, slots=True)
class Target:
    """Something promised of a figure: at most, or at least, `limit`."""

    said: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        promised = f"{self.said} {'≥' if self.at_least else '≤'} {self.limit:g}"
        return f"{promised}: {self.value:.2f}{'' if self.met else ', MISSED'}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: figures of Asterism and of its peer in the same run; `unit` is s, MB, /s or cores."""

    name: str
    ours: list[float]
    peer: list[float]
    peer_is: str = ""
    targets: tuple[Target, ...] = ()
    unit: str = "s"

    @property
    def times(self) -> float | None:
        """How many times better ours is: of what is to be small the peer's by ours, of a rate ours by the peer's."""
        if not self.peer:
            return None
        times = median(self.peer) / median(self.ours)
        return 1 / times if self.unit == "/s" else times

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "asterism": self.ours,
            "asterism_median": median(self.ours),
            "asterism_spread": spread(self.ours),
            "peer": self.peer_is,
            "peer_measured": self.peer,
            "peer_median": median(self.peer) if self.peer else None,
            "peer_spread": spread(self.peer),
            "times": self.times,
            "targets": [
                {"text": str(each), "limit": each.limit, "value": each.value, "met": each.met} for each in self.targets
            ],
        }


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title="Medians", title_justify="left", expand=False)
    table.add_column("measured")
    table.add_column("Asterism", justify="right")
    table.add_column("peer", justify="right")
    table.add_column("times", justify="right")
    table.add_column("against")
    table.add_column("targets")
    for row in rows:
        table.add_row(
            row.name,
            _figures(row.ours, row.unit),
            _figures(row.peer, row.unit),
            f"{row.times:.1f}x" if row.times is not None else "",
            row.peer_is,
            "\n".join(str(each) for each in row.targets),
        )
    console.print(table)


def save(rows: list[Row], options: dict[str, Any], path: Path) -> None:
    """Write everything that was measured, with where and when."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": options,
        "machine": describe(),
        "peer": peer_versions(),
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(written, indent=2) + "\n")


def spread(measured: list[float]) -> float | None:
    """How far the runs lie apart, the highest from the lowest, by their median; None of fewer than two."""
    return (max(measured) - min(measured)) / median(measured) if len(measured) > 1 else None


def figure(value: float, unit: str) -> str:
    """A figure as a reader takes it in."""
    if unit == "s" and value < 0.1:
        return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"
    return {"s": f"{value:.2f} s", "/s": f"{value:,.0f} /s", "cores": f"{value:.2f} cores"}.get(unit, f"{value:.0f} MB")


def _figures(measured: list[float], unit: str) -> str:
    if not measured:
        return ""
    apart = spread(measured)
    return figure(median(measured), unit) + (f" ±{apart * 50:.0f}%" if apart is not None else "")
