"""The examples that pull, on their stages `gcp` as they stand: what jupiter does not try of BigQuery."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gcs_server import Buckets
from story.house import EXAMPLES, House

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture
def google(gcs: Buckets, make_dataset: Callable[..., str]) -> Callable[..., House]:
    """Puts an example on its stage `gcp` as it stands: what that leaves open is in the environment."""

    def move(example: str, folder: Path, **environment: str) -> House:
        project = f"project-{uuid4().hex[:12]}"
        make_dataset(project, f"{example}_gcp")
        gcs.objects[f"{project}-lake"] = {}
        given = {"GCP_PROJECT": project, "LAKE_BUCKET": f"{project}-lake", **environment}
        house = House.of(example, folder, "gcp", **given)
        house.patience = 600
        return house

    return move


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with decimals as numbers: as text they have as many zeros as the engine likes."""
    return [{name: _number(value) for name, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) else value


def test_totesys_keeps_every_version(folder: Path, google: Callable[..., House]) -> None:
    here = House.of("totesys", folder / "here")
    there = google("totesys", folder / "there", TOTESYS_URL="embedded:///.asterism/gcp/totesys")
    for house in (here, there):
        house("simulate", "--limit", "100", "--speed", "0", "--seed", "7")
        house("pull")
        house("simulate", "--limit", "20", "--speed", "0", "--seed", "8")
        house("pull", "--reconcile")  # the slower of the two may be due to, and then finds deletions
    assert there.json("verify")["differences"] == 0
    # valid_from is the time of a poll, and part of a version's key; the rows are the same.
    plain = "select sales_order_id, units_sold, unit_price, is_current from fact_sales_order order by 1, 2, 3, 4"
    for question in (plain, "top_sales_staff", "orders_per_day"):
        assert numbers(there.ask(question)) == numbers(here.ask(question)), question


def test_liberta_is_the_same_star(tmp_path: Path, google: Callable[..., House]) -> None:
    here = House.of("liberta", tmp_path / "here")
    there = google("liberta", tmp_path / "there", RAWEVENTS_URL=".asterism/rawevents")
    for house in (here, there):
        made = [sys.executable, "generator/generate.py", "--events", "2000"]
        subprocess.run(made, cwd=house.root, check=True, capture_output=True)
        house("pull")
    assert there.json("verify")["differences"] == 0
    for query in sorted((EXAMPLES / "liberta" / "queries").glob("*.sql")):
        assert numbers(there.ask(query.stem)) == numbers(here.ask(query.stem)), query.stem
