"""What the SQL passes make of a SELECT, written down: a change of a pass shows as a change of these files.

Each `plans/*.sql` is a model with its header, and below it what is made of it. ASTERISM_GOLDEN=write writes them anew.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
import sqlglot

from asterism.declare.model import Model
from asterism.declare.table import Column, Table
from asterism.plan.compile import compile_models
from asterism.plan.plan import Plan
from asterism.plan.restrict import Scope
from asterism.plan.scope import Delta
from asterism.plan.translate import translate

FOLDER = Path(__file__).parent / "plans"
MARK = "\n-- ---- what is made of it\n"
MOMENT = datetime(2024, 2, 29, 12, 30)


def table(name: str, key: str, columns: str) -> Table:
    return Table(name, tuple(Column(*each.split(":")) for each in columns.split()), (key,))


TABLES = {
    each.name: each
    for each in (
        table("shop.orders", "id", "id:INTEGER customer:INTEGER placed:TIMESTAMP amount:DECIMAL(10,2) state:VARCHAR"),
        table("shop.customers", "id", "id:INTEGER name:VARCHAR country:VARCHAR"),
        table("shop.refunds", "id", "id:INTEGER order_id:INTEGER amount:DECIMAL(10,2)"),
    )
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sql")), ids=lambda path: path.stem)
def test_the_passes_make_what_is_written_down(path: Path) -> None:
    given = path.read_text(encoding="utf-8").split(MARK)[0].rstrip()
    header = [line.removeprefix("-- ") for line in given.splitlines() if line.startswith("--")]
    key = next(line.removeprefix("key: ") for line in header if line.startswith("key: "))
    model = Model(path.stem, path, header[0], given, 1, "mart", tuple(part.strip() for part in key.split(",")))
    compiled = compile_models([model], TABLES)
    text = f"{given}\n{MARK}"
    for problem in compiled.problems:
        text += f"\n-- refused: {problem.fact}\n--   {problem.remedy}\n"
    for plan in compiled.plans:
        text += _told(plan)
    if os.environ.get("ASTERISM_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def _told(plan: Plan) -> str:
    text = f"\n-- {plan.table.name} (key {', '.join(plan.table.key)}): {plan.maintenance}\n"
    text += _pretty("all of it", plan.full(MOMENT))
    if plan.full_because is not None:
        return text
    for name in sorted(plan.inputs):
        query = plan.scope({name: Delta("before", "after")}, MOMENT)
        if query is not None:
            text += _pretty(f"the keys that a change of {name} can touch", query)
    scope = Scope("scope", tuple(place == 0 for place in range(len(plan.scope_columns))))
    text += _pretty("the rows of those keys (the first of them may be NULL)", plan.restricted(scope, MOMENT))
    return text


def _pretty(what: str, query: sqlglot.exp.Query) -> str:
    text = ""
    for dialect in ("duckdb", "postgres", "redshift", "bigquery"):
        sql = translate(query, dialect)
        text += f"\n-- {what}: {dialect}\n{sqlglot.transpile(sql, read=dialect, write=dialect, pretty=True)[0]};\n"
    return text
