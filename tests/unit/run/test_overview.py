"""What was done, for people: runs with their parts, what came by streams, reports, alerts; on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from conftest import Database, parquet

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.run.ledger import Part, Run
from asterism.run.overview import runs
from asterism.run.warehouse import Warehouse

MOMENT = datetime(2024, 1, 1)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_runs_tell_of_everything_that_was_done_the_newest_first(
    dialect: str, make_database: Callable[[], Database], tmp_path: Path
) -> None:
    engine = DuckDBEngine() if dialect == "duckdb" else PostgresEngine(make_database().url)
    lake = ObstoreLake(tmp_path.as_uri())
    warehouse = Warehouse(engine, lake, parquet(), ())
    ledger, session = warehouse.ledger, warehouse.session
    parts = (Part("read and landed", 0.1), Part("d_user", 0.2, "incremental", 1, 2))
    pulled = Run("1", "pull", "shop", datetime(2023, 1, 1), 0.5, "ok", 1, 2, "", parts)
    ledger.note_run(pulled)
    ledger.batch("streams", 7, [["streams.visits", "key", 3, 0, 0, 3, MOMENT]])
    ledger.note_report("daily", MOMENT, ["a@example.com"])
    session.execute(
        "INSERT INTO _asterism.incidents VALUES ('step', 'source shop', 'it is away', 'Look.', $1, NULL, $2, $3, '[]')",
        [datetime(2022, 1, 1), datetime(2022, 1, 2), '["digest"]'],
    )
    found = runs(warehouse, 10)
    assert {(each.verb, each.step) for each in found[:2]} == {("take in", "streams.visits"), ("report", "daily")}
    assert found[2] == pulled
    assert [(each.verb, each.status) for each in found[3:]] == [("alert over", "ok"), ("alert", "alert")]
    assert found[4].parts == (Part("told 1 of those who are to know"),)
    assert [each.verb for each in runs(warehouse, 9, failed=True)] == ["alert"]
    engine.close()
