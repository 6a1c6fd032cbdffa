"""What is written in DuckDB's dialect means the same in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Database

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.plan.translate import translate

JSON = """cast('{"a": {"b": [1, "two"]}, "it''s": {"x": "y"}, "n": null}' as json)"""


@pytest.mark.parametrize(
    "expression",
    [
        "epoch_ms(1760000000123)",
        f"{JSON} ->> 'n'",
        f"{JSON} ->> 'nothing'",
        f"{JSON} -> 'it''s' ->> 'x'",
        f"{JSON} ->> '$.a.b[1]'",
        f"json_extract_string({JSON}, '$.a.b[0]')",
        f"cast({JSON} -> 'a' -> 'b' ->> 0 as integer) + 1",
    ],
)
def test_an_expression_has_the_same_value_in_postgresql(expression: str, make_database: Callable[[], Database]) -> None:
    values = []
    for engine in (DuckDBEngine(), PostgresEngine(make_database().url)):
        values.append(engine.rows(translate(f"SELECT {expression}", engine.dialect)))
        engine.close()
    assert values[0] == values[1]
