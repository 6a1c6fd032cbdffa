"""`make soak`: a hundred kills at real size, and a record of them in docs/soak.md."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Database
from faults.scene import Scene, behind, copied, settle
from faults.soak_record import SEED, record
from faults.test_kill import Executioner, final_check, under_fire


@dataclass(frozen=True)
class Outcome:
    """What is told of one warehouse."""

    name: str
    executioner: Executioner
    committed: int
    rows: int
    tables: int
    seconds: float

    def told(self) -> str:
        deaths = self.executioner.deaths
        lines = [
            f"### {self.name}: {deaths.total()} kills",
            "",
            f"- {self.committed} transactions committed at the source meanwhile",
            f"- {self.executioner.checks} comparisons with the source: 0 differences",
            f"- at the end {self.rows} rows in {self.tables} tables: 0 differences, and 0 after `rebuild`",
            f"- {self.seconds / 60:.0f} minutes",
            "",
            "| killed in | times |",
            "|---|---:|",
            *(f"| {where} | {times} |" for where, times in sorted(deaths.items())),
            "",
        ]
        return "\n".join(lines)


@pytest.mark.soak
def test_nothing_is_lost_by_a_hundred_kills(tmp_path: Path, make_database: Callable[[], Database]) -> None:
    duckdb = copied(tmp_path / "a" / "totesys", make_database(), chunk_rows=2000)
    outcomes = [endured(duckdb, "DuckDB", 100, anew_every=12)]
    url = make_database().url
    postgres = copied(
        tmp_path / "b" / "totesys", make_database(), chunk_rows=2000, stage="warehouse", warehouse_url=url
    )
    outcomes.append(endured(postgres, "PostgreSQL", 20, anew_every=7))
    record("polled", "\n".join(outcome.told() for outcome in outcomes))


def endured(scene: Scene, name: str, kills: int, *, anew_every: int) -> Outcome:
    begun = time.monotonic()
    settle(scene)
    executioner = under_fire(scene, kills, seed=SEED, anew_every=anew_every)
    final_check(scene)
    with scene.open() as (warehouse, _):
        assert behind(warehouse, scene.source) == []
        names = [*warehouse.ledger.raw_keys(), *warehouse.ledger.models()]
        quoted = [".".join(f'"{part}"' for part in each.split(".")) for each in names]
        rows = sum(warehouse.engine.rows(f"select count(*) from {each}")[0][0] for each in quoted)
    return Outcome(name, executioner, executioner.committed, rows, len(names), time.monotonic() - begun)
