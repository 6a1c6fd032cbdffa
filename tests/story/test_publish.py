"""totesys, its stars published for a BI tool: through the command line, into a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from conftest import Database

EXAMPLE = Path(__file__).parents[2] / "examples" / "totesys"
ASTERISM = Path(sys.executable).with_name("asterism")
STARS = """
select counterparty_legal_country as country, sum(units_sold * unit_price) as revenue
from {0}fact_sales_order join {0}dim_counterparty using (counterparty_id) where is_current group by 1 order by 1
"""


@dataclass(frozen=True)
class Totesys:
    root: Path
    source: Database
    target: Database

    def __call__(self, *arguments: str, code: int = 0) -> str:
        command = [str(ASTERISM), *arguments, "--project", str(self.root), "--stage", "analysis"]
        given = {**os.environ, "TOTESYS_URL": self.source.url, "ANALYSIS_URL": self.target.url}
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=False, timeout=120)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def revenue(self) -> list[list[str]]:
        return [[str(value) for value in row] for row in self.target.rows(STARS.format("analysis."))]

    def revenue_in_the_warehouse(self) -> list[list[str]]:
        rows = json.loads(self("query", STARS.format(""), "--json"))["rows"]
        return [[str(value) for value in row.values()] for row in rows]


@pytest.fixture
def totesys(tmp_path: Path, make_database: Callable[[], Database]) -> Totesys:
    root = tmp_path / "totesys"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    return Totesys(root, make_database(), make_database())


def test_the_stars_of_totesys_stand_in_another_database_and_follow(totesys: Totesys) -> None:
    totesys("simulate", "--prepare", "--seed", "7")
    totesys("pull")
    (first,) = json.loads(totesys("publish", "--json"))["publications"]
    assert len(first["tables"]) == 11
    assert totesys.revenue() == totesys.revenue_in_the_warehouse()
    ((keys, foreign),) = totesys.target.rows(
        "select count(*) filter (where contype = 'p'), count(*) filter (where contype = 'f') from pg_constraint "
        "where connamespace = 'analysis'::regnamespace"
    )
    assert (keys, foreign) == (11, 24)
    with psycopg.connect(totesys.source.url) as connection:
        connection.execute("update staff set last_name = 'Married' where staff_id = 3")
        connection.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id < 20")
    totesys("pull")
    (second,) = json.loads(totesys("publish", "analysis", "--json"))["publications"]
    assert {each["table"]: each["added"] for each in second["tables"]} == {
        "analysis.dim_staff": 1,
        "analysis.fact_sales_order": 38,
    }
    assert totesys.target.rows("select last_name from analysis.dim_staff where staff_id = 3") == [("Married",)]
    assert totesys.revenue() == totesys.revenue_in_the_warehouse()
    (standing,) = json.loads(totesys("status", "--json"))["publications"]
    assert (standing["behind"], standing["error"]) == (0, "")
    (again,) = json.loads(totesys("publish", "--full", "--json"))["publications"]
    assert all(each["removed"] == each["added"] == 0 for each in again["tables"])


def test_what_is_not_published_is_said(totesys: Totesys) -> None:
    assert "Did you mean analysis?" in totesys("publish", "analysys", code=2)
    nowhere = replace(totesys, target=Database(""))
    assert "publishes nothing on stage analysis" in nowhere("publish", code=2)
    assert "analysis: does not publish on stage analysis" in nowhere("publish", "analysis", code=2)
