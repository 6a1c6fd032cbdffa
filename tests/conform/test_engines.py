"""Each engine passes the exercises that any engine must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Database

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.gcp.bigquery.engine import BigQueryEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.conform.engine import ENGINE_EXERCISES, ISOLATED_EXERCISES, LIST_EXERCISES, MakeEngine
from asterism.errors import EngineError

ALL = ENGINE_EXERCISES + LIST_EXERCISES + ISOLATED_EXERCISES


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.__name__)
def test_duckdb_conforms(exercise: Callable[[MakeEngine], None], tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "warehouse.duckdb")
    exercise(lambda: engine)  # one file, one connection: another would have to wait


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.__name__)
def test_postgresql_conforms(exercise: Callable[[MakeEngine], None], make_database: Callable[[], Database]) -> None:
    database = make_database()
    exercise(lambda: PostgresEngine(database.url))


# In BigQuery a list has no NULL in it, and is empty where it is NULL: LIST_EXERCISES are left out. It makes tables
# outside of transactions, where others may see them, still empty, before the commit: so are ISOLATED_EXERCISES.
@pytest.mark.parametrize("exercise", ENGINE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_bigquery_conforms(exercise: Callable[[MakeEngine], None], make_dataset: Callable[[], str]) -> None:
    uri = make_dataset()
    exercise(lambda: BigQueryEngine(uri))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO 'asterism-must-not-exist.csv'",
        "ATTACH 'asterism-must-not-exist.db'",
        "SET memory_limit = '1GB'",
        "INSTALL httpfs",
        "SELECT * FROM statement",
    ],
)
def test_duckdb_has_no_way_to_files_network_settings_or_python(statement: str, tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "warehouse.duckdb")
    with pytest.raises(EngineError):
        engine.execute(statement)
    engine.close()


def test_a_password_never_stands_in_an_error() -> None:
    with pytest.raises(EngineError) as error:
        PostgresEngine("postgresql://someone:hunter2@127.0.0.1:1/nothing")
    assert "hunter2" not in str(error.value)
