"""A model whose file names a schema stands there, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Database, parquet

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.declare.model import Model, Query, Reference
from asterism.ports.engine import Engine
from asterism.project import headers
from asterism.project.load import examine
from asterism.run.answer import answer
from asterism.run.rebuild import empty, refresh
from asterism.run.verify import verify
from asterism.run.warehouse import Warehouse


def model(name: str, sql: str, kind: str, **more: object) -> Model:
    made, problems = headers.model(Path(f"models/{name}.sql"), f"-- It.\n-- kind: {kind}\n-- key: a\n{sql}")
    assert made is not None, problems
    return replace(made, **more)  # type: ignore[arg-type]


MODELS = (
    model("ops.dim_a", "select * from (values (1), (2)) as v (a)", "dimension"),
    model("ops.fact_a", "select n.a, n.many from (select a, count(*) as many from ops.dim_a group by a) as n",
          "fact", history="versions", references=(Reference("a", "ops.dim_a"),)),
    model("own", "select a, many from ops.fact_a where is_current", "mart"),
)  # fmt: skip


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    engine: Engine
    if request.param == "duckdb":
        engine = DuckDBEngine()
    else:
        make: Callable[[], Database] = request.getfixturevalue("make_database")
        engine = PostgresEngine(make().url)
    made = Warehouse(engine, ObstoreLake("memory:///"), parquet(), MODELS)
    made.ledger.prepare()
    yield made
    engine.close()


def test_models_stand_in_their_schemas(warehouse: Warehouse) -> None:
    done = refresh(warehouse)
    assert done.held == ()
    assert {each.table for each in done.refreshed} >= {"ops.dim_a", "ops.fact_a", "own"}
    query = Query("q", Path("q.sql"), "", "select a, many, is_current from ops.fact_a order by a", 1)
    assert answer(warehouse, query).rows == [(1, 1, True), (2, 1, True)]
    assert answer(warehouse, "select count(*) from own").rows == [(2,)]
    assert {each.count for each in verify(warehouse)} == {0}


def test_an_edited_model_and_a_reset_leave_nothing_behind_in_a_schema(warehouse: Warehouse) -> None:
    refresh(warehouse)
    edited = model("ops.dim_a", "select * from (values (1), (2), (3)) as v (a)", "dimension")
    warehouse.models = (edited, *MODELS[1:])
    warehouse._compiled = None
    refresh(warehouse)
    assert answer(warehouse, "select a from own order by a").rows == [(1,), (2,), (3,)]
    with warehouse.session.transaction():
        empty(warehouse)
    assert warehouse.engine.columns("ops.fact_a") == ()


def test_a_schema_that_is_not_a_models_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w"\nlake = "l"\n')
    (tmp_path / "platform.py").write_text('from asterism import Platform\nplatform = Platform("p")\n')
    (tmp_path / "models").mkdir()
    for name in ("streams.x", "ops.x", "ops.x.y", "Ops.x"):
        (tmp_path / "models" / f"{name}.sql").write_text("-- It.\n-- kind: mart\n-- key: a\nselect 1 as a\n")
    _, problems = examine(tmp_path, None, {})
    assert sorted(str(each).splitlines()[0] for each in problems) == [
        "models/Ops.x.sql: 'Ops.x' cannot be a name",
        "models/ops.x.y.sql: 'ops.x.y' cannot be a name",
        "models/streams.x.sql: a model cannot stand in the schema 'streams'",
    ]
