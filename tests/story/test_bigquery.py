"""The examples that pull, on a warehouse in BigQuery: what jupiter does not try of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from story.house import EXAMPLES, House

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def moved(example: str, folder: Path, warehouse: str) -> House:
    house = House.of(example, folder)
    house.patience = 600
    text = (house.root / "asterism.toml").read_text()
    settings = re.sub(r'warehouse = "[^"]*"', f'warehouse = "{warehouse}"', text, count=1)
    (house.root / "asterism.toml").write_text(settings)
    return house


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with decimals as numbers: as text they have as many zeros as the engine likes."""
    return [{name: _number(value) for name, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) else value


def test_totesys_keeps_every_version(folder: Path, make_dataset: Callable[[], str]) -> None:
    here, there = House.of("totesys", folder / "here"), moved("totesys", folder / "there", make_dataset())
    for house in (here, there):
        house("simulate", "--limit", "100", "--speed", "0", "--seed", "7")
        house("pull")
        house("simulate", "--limit", "20", "--speed", "0", "--seed", "8")
        house("pull")
    assert there.json("verify")["differences"] == 0
    # valid_from is the time of a poll, and part of a version's key; the rows are the same.
    plain = "select sales_order_id, units_sold, unit_price, is_current from fact_sales_order order by 1, 2, 3, 4"
    for question in (plain, "top_sales_staff", "orders_per_day"):
        assert numbers(there.ask(question)) == numbers(here.ask(question)), question


def test_liberta_is_the_same_star(tmp_path: Path, make_dataset: Callable[[], str]) -> None:
    here, there = House.of("liberta", tmp_path / "here"), moved("liberta", tmp_path / "there", make_dataset())
    for house in (here, there):
        made = [sys.executable, "generator/generate.py", "--events", "2000"]
        subprocess.run(made, cwd=house.root, check=True, capture_output=True)
        house("pull")
    assert there.json("verify")["differences"] == 0
    for query in sorted((EXAMPLES / "liberta" / "queries").glob("*.sql")):
        assert numbers(there.ask(query.stem)) == numbers(here.ask(query.stem)), query.stem
