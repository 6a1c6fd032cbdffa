"""What is made of statements for BigQuery, written down; and, by its analyzer, that plans and queries are its SQL."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from asterism.adapters.amplitude import events
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.gcp.bigquery.types import kind_of
from asterism.declare.table import Column, flat, plain
from asterism.plan.compile import compile_models
from asterism.plan.scope import Delta
from asterism.plan.translate import translate
from asterism.project.load import load
from asterism.run.answer import statement
from asterism.run.session import Session, quote
from asterism.run.streams import Streams
from asterism.wire import Wiring

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("bigquery.sql")
PYTHON = ROOT / ".emulators" / "bigquery" / "bin" / "python"
MARK = "--> "
MOMENT = datetime(2024, 2, 29)
GIVEN = {"date": "2024-01-01", "timestamp": "2024-01-01", "varchar[]": '["a"]'}


def test_statements_become_what_is_written_down() -> None:
    head, *blocks = FILE.read_text(encoding="utf-8").rstrip().split("\n\n")
    text = head
    for block in blocks:
        given = block.partition(";\n")[0].removesuffix(";")
        text += f"\n\n{given};\n{MARK}{translate(given, 'bigquery')}"
    if os.environ.get("ASTERISM_GOLDEN") == "write":
        FILE.write_text(f"{text}\n", encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == f"{text}\n"


@pytest.mark.soak
@pytest.mark.parametrize("example", ["jupiter", "occupancy", "user_data"])
def test_what_is_asked_of_bigquery_is_its_sql(example: str) -> None:
    if not PYTHON.exists():
        pytest.skip("no ZetaSQL: make .emulators/bigquery/.made, which needs Python 3.13")
    asked = _asked(example)
    assert len(asked["statements"]) >= 3
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("analyzer.py"))],
        input=json.dumps(asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {}


def _asked(example: str) -> dict[str, dict[str, Any]]:
    """The tables of an example, and what its models and queries are for BigQuery. DuckDB knows the types."""
    project = load(ROOT / "examples" / example, "dev")
    with Wiring(project.stage) as wiring:
        raw = {name: shape.table for name, shape in Streams.of(project.platform.streams, wiring.lines()).shapes.items()}
    raw |= {table.name: table for table in (events.tables("amplitude") if example == "jupiter" else ())}
    engine = DuckDBEngine()
    session = Session(engine)
    asked: dict[str, dict[str, Any]] = {"tables": {}, "statements": {}}

    def stand(name: str, rest: str) -> None:
        if schema := name.rpartition(".")[0]:
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        engine.execute(f"CREATE TABLE {quote(name)} {rest}")
        for prefix in ("", "before_", "after_"):
            asked["tables"][prefix + flat(name)] = [
                (plain(column.name), kind_of(column.type)) for column in engine.columns(name)
            ]

    for table in raw.values():
        stand(table.name, f"({', '.join(map(_spelled, table.columns))})")
    for plan in compile_models(project.models.values(), raw).plans:
        stand(plan.table.name, f"AS {plan.full_sql(MOMENT, 'duckdb')}")
        asked["statements"][plan.table.name] = plan.full_sql(MOMENT, "bigquery")
        for name in plan.inputs if plan.full_because is None else ():
            change = {name: Delta(f"before_{flat(name)}", f"after_{flat(name)}")}
            if scope := plan.scope_sql(change, MOMENT, "bigquery"):
                asked["statements"][f"{plan.table.name} by {name}"] = scope
    for query in project.queries.values():
        values = {each.name: GIVEN.get(each.type, "1") for each in query.parameters if each.default is None}
        asked["statements"][query.name] = statement(query, values, frozenset({*raw, *project.models}), "bigquery").text
    return asked


def _spelled(column: Column) -> str:
    return f"{quote(column.name)} {column.type}"
