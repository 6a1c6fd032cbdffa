"""What is written in DuckDB's dialect becomes what Redshift's documentation says, or is refused.

There is no server of Redshift's that runs elsewhere: the texts are all that can be looked at.
"""

from __future__ import annotations

import pytest

from asterism.errors import EngineError
from asterism.plan.parse import parse
from asterism.plan.translate import translate


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("concat(s, 'x')", "(COALESCE(CAST(\"s\" AS VARCHAR(65535)), '') || COALESCE('x', ''))"),
        ("concat_ws('-', 'x')", "SUBSTRING(COALESCE('-' || 'x', ''), LENGTH('-') + 1)"),
        ("starts_with(s, 'a%')", "(LEFT(\"s\", LENGTH('a%')) = 'a%')"),
        ("ends_with(s, 'a_')", "(RIGHT(\"s\", LENGTH('a_')) = 'a_')"),
        ("contains(s, '%')", "(STRPOS(\"s\", '%') > 0)"),
        (r"s LIKE 'a\b'", r""""s" LIKE 'a\\\\b'"""),
        ("s LIKE p", r""""s" LIKE REPLACE("p", '\\', '\\\\')"""),
        ("s LIKE 'a!%' ESCAPE '!'", "\"s\" LIKE 'a!%' ESCAPE '!'"),
        ("regexp_matches(s, 'a+?$')", r"""(REGEXP_COUNT("s", 'a+?\\z', 1, 'p') > 0)"""),
        ("s ~* 'a'", "(REGEXP_COUNT(\"s\", 'a', 1, 'ip') > 0)"),
        ("s SIMILAR TO 'a|b'", r"""(REGEXP_COUNT("s", '^(?:a|b)\\z', 1, 'p') > 0)"""),
        ("regexp_replace(s, '[0-9]', 'x', 'gi')", "REGEXP_REPLACE(\"s\", '[0-9]', 'x', 1, 'ip')"),
        ("regexp_extract(s, '(a)(b)', 2)", "REGEXP_SUBSTR(\"s\", '(?:a)(b)', 1, 1, 'ep')"),
        ("regexp_extract(s, '(a)[(]')", "REGEXP_SUBSTR(\"s\", '(?:a)[(]', 1, 1, 'p')"),
        ("a // b", 'CAST(TRUNC(("a") / ("b")) AS BIGINT)'),
        ("round(x)", 'TRUNC(("x") + SIGN("x") * 0.5)'),
        ("log10(x)", 'LOG("x")'),
        ("log(2, x)", '(LN("x") / LN(2))'),
        ("second(d)", 'CAST(FLOOR(EXTRACT(SECOND FROM "d")) AS BIGINT)'),
        ("date_part('dow', d)", 'CAST(EXTRACT(DOW FROM "d") AS BIGINT)'),
        ("extract(week FROM d)", "CAST(TO_CHAR(\"d\", 'IW') AS BIGINT)"),
        ("millisecond(d)", 'CAST(DATEDIFF(MILLISECOND, DATE_TRUNC(\'minute\', "d"), "d") AS BIGINT)'),
        (
            "epoch(d)",
            "(CAST(DATEDIFF(MICROSECOND, TIMESTAMP '1970-01-01 00:00:00', \"d\") AS DOUBLE PRECISION) / 1000000)",
        ),
        ("date_diff('week', a, b)", '(DATEDIFF(DAY, "a", "b") / 7)'),
        ("date_diff('month', a, b)", 'DATEDIFF(MONTH, "a", "b")'),
        ("strftime(d, '%Y-W%V')", "(TO_CHAR(\"d\", 'YYYY') || '-W' || TO_CHAR(\"d\", 'IW'))"),
        ("strftime(d, '%B')", "(TRIM(TO_CHAR(\"d\", 'Month')))"),
        ("strftime(d, '%I:%M %p')", "(TO_CHAR(\"d\", 'HH12:MI AM'))"),
        ("strptime(s, '%d/%m/%Y')", "CAST(TO_TIMESTAMP(\"s\", 'DD/MM/YYYY') AS TIMESTAMP)"),
        ("make_timestamp(u)", "DATEADD(MICROSECOND, \"u\", TIMESTAMP '1970-01-01 00:00:00')"),
        ("d + INTERVAL (k) DAY", '"d" + ((("k")) * INTERVAL \'1 DAY\')'),
        ("now()", "CAST(GETDATE() AS TIMESTAMPTZ)"),
        ("current_timestamp", "CAST(GETDATE() AS TIMESTAMPTZ)"),
        ("localtimestamp", "GETDATE()"),
        (
            "first_value(a) OVER (ORDER BY b)",
            'FIRST_VALUE("a") OVER (ORDER BY "b" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)',
        ),
        ("row_number() OVER (ORDER BY b)", 'ROW_NUMBER() OVER (ORDER BY "b")'),
        (
            "string_agg(s, ',' ORDER BY a) FILTER (WHERE b)",
            'LISTAGG(CASE WHEN "b" THEN "s" END, \',\') WITHIN GROUP (ORDER BY "a")',
        ),
        ("* EXCLUDE (a)", '* EXCLUDE ("a")'),
    ],
)
def test_an_expression_becomes_redshifts(given: str, expected: str) -> None:
    assert translate(parse(f"SELECT {given} FROM t"), "redshift") == f'SELECT {expected} FROM "t"'


def test_a_day_is_made_of_its_numbers_and_must_be_in_the_calendar() -> None:
    made = translate(parse("SELECT make_date(y, 2, 29) FROM t"), "redshift")
    year, month, day = (f"CAST({each} AS VARCHAR(65535))" for each in ('"y"', "2", "29"))
    text = f"{year} || '-' || LPAD({month}, 2, '0') || '-' || LPAD({day}, 2, '0')"
    assert made == f"SELECT TO_DATE({text}, 'YYYY-MM-DD', TRUE) FROM \"t\""


@pytest.mark.parametrize(
    ("given", "value", "within", "count"),
    [
        (
            "generate_series(date '2024-01-01', current_date, INTERVAL 2 DAY) AS t (d)",
            "DATEADD(DAY, _n * 2, CAST(CAST('2024-01-01' AS DATE) AS TIMESTAMP))",
            "<= CURRENT_DATE",
            "DATEDIFF(DAY, CAST('2024-01-01' AS DATE), CURRENT_DATE) / 2",
        ),
        ("range(10, 0, -3) AS t (d)", "(10) - _n * 3", "> 0", "ABS((0) - (10)) / 3"),
        ("generate_series(1, 5) AS t (d)", "(1) + _n * 1", "<= 5", "ABS((5) - (1)) / 1"),
    ],
)
def test_a_series_is_made_of_numbers(given: str, value: str, within: str, count: str) -> None:
    made = translate(parse(f"SELECT d FROM {given}"), "redshift")
    assert made.startswith(f'SELECT "d" FROM (SELECT {value} AS "d" FROM (SELECT _d0._d * 1 + ')
    enough = f"_n <= 99999 / (CASE WHEN {count} < 100000 THEN 1 ELSE 0 END)"
    assert made.endswith(f'AS _numbers WHERE {value} {within} AND {enough}) AS "t"')


@pytest.mark.parametrize(
    "expression",
    [
        "[1, 2]",
        "l[1]",
        "array_agg(s)",
        "list_sort(l)",
        "list_sum(l)",
        "string_split(s, ',')",
        "unnest(l)",
        "{'a': 1}",
        "cast(j AS varchar[])",
        "range(3)",
        "json_keys(j)",
        "json_merge_patch(j, '{\"a\": 1}')",
        "j['a']",
        "age(d, d)",
        "isfinite(d)",
        "current_time",
        "first(s ORDER BY d)",
        "any_value(s)",
        "sum(n) OVER (ORDER BY d)",
        "sum(n) OVER (ORDER BY d RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)",
        "lag(n, 1, 0) OVER (ORDER BY d)",
        "regexp_matches(s, p)",
        "regexp_matches(s, 'a', 's')",
        "regexp_replace(s, 'a', 'b')",
        r"regexp_replace(s, '(a)', '\1', 'g')",
        "regexp_extract_all(s, 'a')",
        "format('{}', s)",
        "left(s, -1)",
        "substring(s, -3, 2)",
        "date_trunc('century', d)",
        "extract(century FROM d)",
        "strftime(d, '%U')",
        "strptime(s, '%Y-%m-%dT%H:%M:%S')",
        "strptime(s, '%m')",
        "d + INTERVAL 1.5 DAY",
        "* REPLACE (a + 1 AS a)",
        "#1",
    ],
)
def test_what_redshift_has_not_is_refused(expression: str) -> None:
    with pytest.raises(EngineError, match="it cannot be asked this"):
        translate(parse(f"SELECT {expression} FROM t"), "redshift")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT v FROM t, LATERAL (SELECT t.a + 1 AS v) AS u",
        "SELECT v FROM t, unnest([1, 2]) AS u (v)",
        "SELECT v FROM t, generate_series(1, t.a) AS u (v)",
        "SELECT d FROM generate_series(date '2024-01-01', date '2025-01-01', INTERVAL 1 MONTH) AS t (d)",
        "SELECT i FROM generate_series(1, 9, k) AS t (i)",
    ],
)
def test_a_query_that_redshift_has_not_is_refused(query: str) -> None:
    with pytest.raises(EngineError, match="it cannot be asked this"):
        translate(parse(query), "redshift")
