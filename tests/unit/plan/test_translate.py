"""What is written in DuckDB's dialect means the same in PostgreSQL and in BigQuery."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest
import sqlglot
from conftest import Database

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.gcp.bigquery.engine import BigQueryEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.errors import EngineError
from asterism.plan.parse import parse
from asterism.plan.translate import translate

JSON = """cast('{"a": {"b": [1, "two"]}, "it''s": {"x": "y"}, "n": null}' as json)"""


KEYED = (
    """cast('{"a": {"b": [1, 2]}, "a.b": 3, "it''s": [5, 6], "a-b": [7, 8], "x/y": 9, "a b": 1, "[0]": 4}' as json)"""
)
PARTS = (
    "extract(second FROM T)", "extract(epoch FROM T)", "extract(millisecond FROM T)", "extract(week FROM T)",
    "second(T)", "date_part('second', T)", "date_part('dow', T)", "datepart('hour', T)", "date_trunc('day', T)",
)  # fmt: skip
UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond")
CAST_FIRST = (
    "date '2024-02-29'::timestamp",
    "timestamp '2024-02-29 10:11:12'::date",
    "date '2024-02-29'::varchar || time '10:00:00'::varchar",
    "coalesce(date '2024-02-29'::timestamp, timestamp '2024-03-01')",
)
LINES = "(VALUES (1, 'a' || chr(10) || 'b'), (2, 'axb'), (3, 'xaxbx'), (4, 'AXB'), (5, 'a.b'), (6, ''), (7, NULL))"
MATCHES = (
    "regexp_matches(x, 'a.b')", "regexp_matches(x, 'a.b', 's')", "regexp_matches(x, 'a[^x]b')", "x ~ 'a.b'",
    "regexp_matches(x, 'A.b', 'i')", r"regexp_matches(x, 'a\.b|a[.]b')", "x !~ 'a.b'", "x ~* 'a.B'",
    "regexp_full_match(x, 'a.b|x')", "x SIMILAR TO 'a.b'", "regexp_replace(x, 'a.b', 'y')",
    "regexp_replace(x, 'a.b', 'y', 's')", "regexp_extract(x, 'a.b')", "regexp_extract(x, 'a(.)(b)?', 1)",
    "regexp_extract(x, '(A)(.)', 2, 'i')", "regexp_matches(x, '(?s)a.b')", "regexp_extract(x, 'q(.)', 1)",
)  # fmt: skip
WHOLE = ("$", "")
EVERYWHERE = ("a.b", "$.a.b", "$.a-b[1]", "$.it''s[1]", '$."a.b"', "x/y", "a b", "[0]")
PATHS = (*EVERYWHERE, *WHOLE, "/a/b/1", "/x~1y", "$.a.b[#-1]", "$.a.b[-2]")


@pytest.mark.parametrize(
    "expression",
    [
        "epoch_ms(1760000000123)",
        "make_timestamp(1760000000123456)",
        "make_timestamp(-1)",
        "make_date(2024, 2, 29)",
        *(each.replace("T)", "timestamp '2023-12-31 10:30:45.987654')") for each in PARTS),
        "7 // 2",
        "-7 // 2",
        "date_trunc('month', date '2024-02-29')",
        "date_trunc('week', timestamptz '2024-02-29 10:00:00+02')",
        "strptime('29/02/2024 10:11', '%d/%m/%Y %H:%M')",
        "strftime(date '2024-02-29', '%d.%m.%y')",
        "strftime(date '2024-02-29', '%Y-W%V, %A %-d %B at Day %u %w %j')",
        "strftime(timestamp '2024-02-29 22:01:02.003', '%I:%M %p, %-I %-M %g %f %c')",
        "strptime('2024-02-29T10:11:12.5', '%Y-%m-%dT%H:%M:%S.%f')",
        "strptime('29.2.2024 10 PM', '%d.%-m.%Y %I %p')",
        *(f"date_diff('{each}', timestamp '2023-12-31 10:59:59.9', timestamp '2024-01-07 11:00:00')" for each in UNITS),
        *(f"date_diff('{each}', timestamp '2024-01-07 11:00:00', date '2023-10-01')" for each in UNITS),
        r"'a\\b' LIKE 'a\\b'",
        r"'a_b' LIKE 'a\\_b'",
        r"'A\\b' ILIKE concat('a', '\\', '%')",
        "'a!b' LIKE 'a!!b' ESCAPE '!'",
        "contains('a%b', '%b')",
        r"regexp_replace('aXbX', 'X', '<\0>', 'g')",
        *(
            f"(SELECT string_agg(coalesce(cast({call} AS varchar), '-'), '|' ORDER BY n) FROM {LINES} AS t (n, x))"
            for call in MATCHES
        ),
        "ends_with('a_b', '_b')",
        "range(3, 0, -1)",
        "generate_series(date '2024-01-01', date '2024-01-05', INTERVAL (1 + 1) DAY)",
        "range(0, 7, cast(2 AS bigint))",
        "date '2024-02-29' + INTERVAL (1 + 1) DAY",
        "date '2024-02-29' + INTERVAL (1 + 1) QUARTER",
        "dayofweek(date '2023-12-31')",
        "epoch(timestamp '2024-02-29 10:11:12.5')",
        "isoyear(date '2024-12-31')",
        "(SELECT first(a ORDER BY a DESC) FILTER (WHERE a < 3) FROM (VALUES (1), (2), (3)) AS t (a))",
        *CAST_FIRST,
        "strptime(replace('2024%-02', '%', ''), '%Y-%m')",
        "round(3 << 1)",
        "round(cast(2.5 AS double))",
        "round(cast(-2.5 AS double))",
        "round(cast(NULL AS double))",
        "cast(round(cast(2.5 AS decimal(5, 1))) AS decimal(5, 0))",
        "generate_series(date '2024-01-01', date '2024-01-03', INTERVAL 1 DAY)",
        "(SELECT max(d) FROM generate_series(date '2024-01-01', date '2024-01-03', INTERVAL 1 DAY) AS t (d))",
        "(SELECT max(d) FROM range(date '2024-01-01', date '2024-01-03', INTERVAL 1 DAY) AS t (d))",
        "[1, 2, 3][-1]",
        "[1, 2, 3][-3]",
        "'abc' SIMILAR TO 'a.c|x'",
        "generate_series(1, 3)",
        "range(3)",
        f"{JSON} ->> 'n'",
        f"{JSON} ->> 'nothing'",
        f"{JSON} -> 'it''s' ->> 'x'",
        f"{JSON} ->> '$.a.b[1]'",
        f"json_extract_string({JSON}, '$.a.b[0]')",
        f"cast({JSON} -> 'a' -> 'b' ->> 0 as integer) + 1",
        f"(SELECT string_agg(k, ',' ORDER BY k) FROM (SELECT unnest(json_keys({JSON})) AS k) AS q)",
        "(SELECT count(*) FROM (SELECT unnest(json_keys(cast('[1]' AS json))) AS k) AS q)",
        "json_keys(cast(NULL AS json)) IS NULL",
        *(f"replace({KEYED} ->> '{path}', ' ', '')" for path in PATHS if path not in WHOLE),
        *(f"{KEYED} -> '{path}' ->> 'x/y'" for path in WHOLE),
        *(
            f"json_merge_patch(cast({target} AS json), '{{\"n\": null, \"a\": 1, \"it''s\": [2, 3]}}') ->> '{path}'"
            for target in ("""'{"n": 7, "a": {"b": 1}, "o": 8}'""", "'[1]'", "NULL")
            for path in ("n", "a", "o", "$.it''s[1]")
        ),
    ],
)
def test_an_expression_has_the_same_value_in_postgresql(expression: str, make_database: Callable[[], Database]) -> None:
    values = []
    for engine in (DuckDBEngine(), PostgresEngine(make_database().url)):
        values.append(engine.rows(translate(parse(f"SELECT {expression}"), engine.dialect)))
        engine.close()
    assert values[0] == values[1]


def test_a_path_into_json_is_read_as_duckdb_reads_it() -> None:
    engine = DuckDBEngine()
    for path in PATHS:
        sql = f"SELECT {KEYED} ->> '{path}'"
        assert engine.rows(translate(parse(sql), "duckdb")) == engine.rows(sql), path
    engine.close()


@pytest.mark.parametrize(
    "expression",
    [
        *CAST_FIRST,
        f"json_type({JSON} -> 'a')",
        f"json_array_length({JSON} -> 'a' -> 'b')",
        f"upper({JSON} -> 'it''s' ->> 'x')",
        "(SELECT json_type(j -> 'a' -> 'b') FROM (SELECT json('{\"a\": {\"b\": 1}}') AS j))",
        "(SELECT coalesce(j ->> 'x', j -> 'a' ->> 'b') FROM (SELECT json('{\"a\": {\"b\": 1}}') AS j))",
        "list_transform([1, 2], lambda v: v + 1)",
    ],
)
def test_an_expression_is_read_as_duckdb_reads_it(expression: str) -> None:
    engine = DuckDBEngine()
    assert engine.rows(translate(parse(f"SELECT {expression}"), "duckdb")) == engine.rows(f"SELECT {expression}")
    engine.close()


@pytest.mark.parametrize(
    "expression",
    [
        "strftime(d, '%U')",
        "strftime(d, '%z')",
        "strftime(d, f)",
        "strptime(s, '%H:%M')",
        "date_trunc('century', d)",
        "d + INTERVAL 1.5 DAY",
        "l[:-1]",
        "* EXCLUDE (a)",
        "* REPLACE (a + 1 AS a)",
        "substring(s, -3, 2)",
        "format('{}', s)",
        "s ->> '$.*'",
    ],
)
def test_what_would_be_something_else_in_postgresql_is_refused(expression: str) -> None:
    with pytest.raises(EngineError, match="it cannot be asked this"):
        translate(parse(f"SELECT {expression} FROM t"), "postgres")


@pytest.mark.parametrize("dialect", ["postgres", "bigquery", "redshift"])
@pytest.mark.parametrize("path", ["*", "$.*", "$..b", "$.a[*]", "$a", "$."])
def test_a_path_that_an_engine_has_not_is_refused(path: str, dialect: str) -> None:
    with pytest.raises(EngineError, match="not one of keys and places"):
        translate(parse(f"SELECT x ->> '{path}' FROM t"), dialect)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b", "NULLIF(JSON_EXTRACT_PATH_TEXT(\"x\", 'a.b', TRUE), '')"),
        ("$.a.b", "NULLIF(JSON_EXTRACT_PATH_TEXT(\"x\", 'a', 'b', TRUE), '')"),
        (
            "$.a[1].b",
            """NULLIF(JSON_EXTRACT_PATH_TEXT(NULLIF(JSON_EXTRACT_ARRAY_ELEMENT_TEXT(\
NULLIF(JSON_EXTRACT_PATH_TEXT("x", 'a', TRUE), ''), 1, TRUE), ''), 'b', TRUE), '')""",
        ),
    ],
)
def test_a_path_in_redshift_goes_through_keys_and_places(path: str, expected: str) -> None:
    assert translate(parse(f"SELECT x ->> '{path}' FROM t"), "redshift") == f'SELECT {expected} FROM "t"'


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


QUERIES = (
    f"""SELECT epoch_ms(1760000000123), {JSON} ->> 'n', {JSON} ->> 'nothing', {JSON} -> 'it\'\'s' ->> 'x',
            {JSON} ->> '$.a.b[1]', cast({JSON} -> 'a' -> 'b' ->> 0 as integer) + 1""",
    "SELECT " + ", ".join(f"{KEYED} ->> '{path}'" for path in EVERYWHERE),
    """SELECT surrogate_key(7, 'ä:', NULL, TIMESTAMP '2024-02-29 07:55:00.12', DATE '2024-02-29', true),
            surrogate_key(TIMESTAMP '2024-02-29 07:55:00')""",
    """SELECT dayname(d), isodow(d), extract(dow FROM d), extract(doy FROM d), quarter(d), extract(week FROM d),
            d + INTERVAL 1 MONTH, date_trunc('month', d), cast(1.255 AS DECIMAL(10,2))
            FROM (SELECT TIMESTAMP '2023-12-31 10:30:00' AS d)""",
    "SELECT d FROM generate_series(DATE '2024-01-30', DATE '2024-03-01', INTERVAL 1 DAY) AS t (d) ORDER BY d",
    "SELECT h FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL 6 HOUR) AS t (h) ORDER BY h",
    """SELECT a FROM (VALUES (1), (2), (2), (NULL), (NULL)) AS v (a)
            EXCEPT ALL SELECT b FROM (VALUES (2), (NULL)) AS w (b) ORDER BY 1""",
    "SELECT a, sum(a) OVER (ORDER BY a) FROM (VALUES (2), (NULL), (1)) AS v (a) ORDER BY a",
    "SELECT count(*) FROM (SELECT NULL AS a UNION ALL SELECT 1) AS v JOIN (SELECT NULL AS b) AS w ON _same(a, b)",
)


def test_a_query_has_the_same_answer_in_bigquery(make_dataset: Callable[[], str]) -> None:
    own, theirs = DuckDBEngine(), BigQueryEngine(make_dataset())
    for query in QUERIES:
        assert theirs.rows(translate(query, "bigquery")) == own.rows(translate(query, "duckdb")), query
    own.close()
    theirs.close()
