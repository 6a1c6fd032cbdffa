"""What is written in DuckDB's dialect means the same in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest
import sqlglot
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


def test_the_latest_row_is_the_same_by_one_term_and_without_a_window() -> None:
    sql = "select k, a, b from t qualify row_number() over (partition by k order by a desc, b desc) = 1"
    expected = [(1, 2, "y"), (2, None, "z"), (3, 5, None)]
    rows = "(1, NULL, NULL), (1, NULL, 'x'), (1, 2, NULL), (1, 2, 'y'), (2, NULL, NULL), (2, NULL, 'z'), (3, 5, NULL)"
    with duckdb.connect() as connection:
        connection.execute(f"create table t as select * from (values {rows}) as v(k, a, b)")
        made = translate(sqlglot.parse_one(sql, read="duckdb"), "duckdb")
        found = connection.execute(f"{made} order by k").fetchall()
        assert found == connection.execute(f"{sql} order by k").fetchall() == expected
        ((_, plan),) = connection.execute(f"explain {made}").fetchall()
    assert "window" not in plan.lower()
