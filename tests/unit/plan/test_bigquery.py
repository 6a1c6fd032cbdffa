"""What is written in DuckDB's dialect means the same in BigQuery, or is refused.

Two witnesses that are not BigQuery: local-bigquery, which runs DuckDB, and ZetaSQL's reference implementation, whose
language BigQuery's is. Where neither knows a function, its documentation was read.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.gcp.bigquery.engine import BigQueryEngine
from asterism.errors import EngineError
from asterism.plan.parse import parse
from asterism.plan.translate import translate

PYTHON = Path(__file__).parents[3] / ".emulators" / "bigquery" / "bin" / "python"
ROW = """(SELECT cast(7 AS bigint) AS i, cast(-7 AS bigint) AS j, cast(2 AS bigint) AS k, cast(NULL AS bigint) AS z,
cast(2.5 AS double) AS x, cast(1.25 AS decimal(10, 2)) AS n, 'Hello World' AS s, cast(NULL AS varchar) AS e,
'abc123def45' AS r, date '2024-02-09' AS d, date '2023-12-31' AS sunday, timestamp '2024-02-09 05:06:07.008' AS t,
timestamptz '2024-02-29 10:11:12+02' AS zoned, [3, 1, 2] AS l,
cast('{"a": {"b": [1, "two"], "c": null}, "n": null, "x": 1.5}' AS json) AS js) AS q"""
SAME = r"""
s LIKE 'Hel\lo%';  'a\b' LIKE 'a\b';  'a_b' LIKE 'a\_b';  s LIKE s;  s ILIKE concat('h', '%');  s NOT LIKE 'x\y'
'a!%b' LIKE 'a!!!%b' ESCAPE '!';  'axb' LIKE 'a!_b' ESCAPE '!';  'a\b' LIKE 'a\!b' ESCAPE '!'
contains(s, 'LO');  contains(s, 'lo');  contains(e, 'lo');  trim(' a	');  rtrim('a	 ')
greatest(s, e);  least(e, s);  greatest(i, k, z);  least(z, z);  greatest(1, 2.5)
concat(s, i, NULL, e, n);  concat_ws('-', s, e, i);  split_part('a,b,c', ',', 3);  split_part('a', ',', 2)
split_part(e, ',', 1);  sha256(s);  sha1(s);  log(100);  log(2, 8)
regexp_extract('xaby', 'a(b)');  regexp_extract('xaby', 'a(b)', 1);  regexp_extract(r, 'zzz');  regexp_extract(e, 'z')
regexp_extract('2024-02-29', '(\d+)-(\d+)-(\d+)', 2);  regexp_extract('a(b)c', '\((.)\)', 1)
regexp_extract('ab]', '[(\]]')
regexp_extract(s, 'HELLO', 0, 'i');  regexp_extract_all('a1b2', '([a-z])([0-9])', 2);  regexp_matches(s, 'HELLO', 'i')
regexp_replace(s, 'L', 'X', 'gi');  regexp_full_match(r, '[a-z]+');  s SIMILAR TO 'H.*';  s SIMILAR TO 'ell'
r ~* 'ABC'
i / k;  i / 0 > i;  n / 3;  cast(5 / 2 AS integer);  cast(7 / 2 AS integer);  cast(-5 / 2 AS bigint)
cast(cast(2.5 AS double) AS integer);  cast(n AS hugeint);  cast(i AS uinteger)
date_trunc('week', sunday);  date_trunc('week', date '2024-01-01');  date_trunc('week', t);  date_trunc('quarter', d)
date_diff('week', date '2024-01-07', date '2024-01-08');  date_diff('week', sunday, d);  date_diff('week', d, sunday)
date_diff('hour', timestamp '2024-01-01 10:59:00', timestamp '2024-01-01 11:01:00');  date_diff('hour', sunday, d)
date_diff('day', timestamptz '2024-01-01 23:00:00+00', timestamptz '2024-01-02 01:00:00+00')
date_diff('day', t, zoned)
date_diff('month', sunday, d);  date_diff('quarter', sunday, d);  t::date - sunday::date;  d + 1
epoch(t);  extract(epoch FROM d);  extract(millisecond FROM t);  microsecond(t);  extract(dayofweek FROM sunday)
dayofweek(sunday);  weekday(d);  isodow(sunday);  week(sunday);  weekofyear(sunday);  isoyear(sunday)
minute(t);  second(t)
date_part('week', sunday);  datepart('millisecond', t);  date_part('doy', d);  extract(year FROM d);  dayofyear(d)
strftime(d, '%-d.%-m.%y');  strftime(t, '%-H %-M %-S %-I %-j %-y %g %f');  strftime(t, '%c, %x, %X')
strftime(d, '%Y%m%d')
strftime(t, 'at %H o''clock, 100%%');  strftime(d, '%Y-W%V %A %B');  strftime(t, '%I:%M %p %a %b %u %w %U %W %G %j')
strptime('2024-02-29', '%Y-%m-%d');  strptime('2024-02-29T10:11:12', '%Y-%m-%dT%H:%M:%S')
strptime('9/2/24', '%-d/%-m/%y')
strptime('2024-02-29', '%Y-%m-%d')::date;  strptime('Feb 29 2024 10:11 PM', '%b %d %Y %I:%M %p')
zoned AT TIME ZONE 'Europe/Berlin';  t::timestamp AT TIME ZONE 'Europe/Berlin'
(t::timestamp AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin'
date '2024-02-29'::timestamp;  timestamp '2024-02-29 10:00:00'::date;  date '2024-02-29'::varchar
l[1];  l[k];  l[-1];  l[-2];  l[9];  range(3, 0, -1);  range(0, 7, k);  generate_series(3, 1, -1)
generate_series(sunday, d, INTERVAL 1 MONTH);  generate_series(date '2024-01-31', date '2024-06-30', INTERVAL 1 MONTH)
json_keys(js, '$.a');  js ->> 'a';  '{"a":[1,2]}' ->> '$.a';  '{"a":null}' ->> 'a';  js ->> 'n';  js ->> 'x'
coalesce(js -> 'x', js) ->> '$';  substring(s, 2, 3);  substring(s, -3)
"""
REFERENCE = r"""
l[0];  l[j];  strptime('2024-02-29 10:11:12.345', '%Y-%m-%d %H:%M:%S.%f');  try_strptime('abc', '%Y');  i / 0
json_keys(js)
"""
"""Of these the emulator makes something else than DuckDB and ZetaSQL do."""
ROWS = """(VALUES (1, 'x', cast(1.5 AS double)), (2, 'x', 2.5), (2, 'y', 3.5), (NULL, 'Y', 4.5), (3, NULL, 5.5))
AS t (a, g, w)"""
ASKED = (
    "string_agg(g, ',' ORDER BY a, w)",
    "string_agg(g, ',' ORDER BY a NULLS FIRST, w)",
    "string_agg(g, ',' ORDER BY a DESC NULLS FIRST, w)",
    "string_agg(DISTINCT g, ',' ORDER BY g DESC)",
    "string_agg(DISTINCT g, ',' ORDER BY g DESC) FILTER (WHERE a > 1)",
    "string_agg(g, ',' ORDER BY w) FILTER (WHERE a > 1)",
    "first(g ORDER BY a NULLS FIRST)",
    "first(g ORDER BY w DESC)",
    "last(g ORDER BY w)",
    "last(a ORDER BY a NULLS FIRST)",
    "count(*) FILTER (WHERE a > 1)",
    "count(DISTINCT g) FILTER (WHERE a > 1)",
    "avg(w) FILTER (WHERE g = 'x')",
    "any_value(w) FILTER (WHERE a = 1)",
)
QUERIES = (
    *(f"SELECT {each} FROM {ROWS}" for each in ASKED),
    f"SELECT lower(g) AS g, count(*) FROM {ROWS} GROUP BY g",
    f"SELECT DISTINCT ON (g) g, a, w FROM {ROWS} ORDER BY g, a DESC, w DESC",
    f"SELECT DISTINCT ON (g) g, w FROM {ROWS} WHERE w > 2 ORDER BY g, w",
    "SELECT generate_series FROM generate_series(1, 2)",
    "SELECT range FROM range(2)",
)
BY_REFERENCE = (
    f"SELECT first(w ORDER BY a DESC, w) FILTER (WHERE g = 'x'), first(w ORDER BY w) FILTER (WHERE a > 99) FROM {ROWS}",
    f"SELECT arg_max(g, a), arg_min(g, w), arg_max(w, a) FILTER (WHERE w < 3) FROM {ROWS}",
)
"""The emulator takes no notice of IGNORE NULLS."""


def expressions(text: str) -> list[str]:
    return [each.strip() for line in text.strip().splitlines() for each in line.split(";  ")]


def test_an_expression_has_the_same_value_in_bigquery(make_dataset: Callable[[], str]) -> None:
    own, theirs = DuckDBEngine(), BigQueryEngine(make_dataset())
    for line in SAME.strip().splitlines():
        sql = f"SELECT {', '.join(f'{each} AS c{place}' for place, each in enumerate(expressions(line)))} FROM {ROW}"
        assert theirs.rows(translate(parse(sql), "bigquery")) == own.rows(sql), line
    for sql in QUERIES:
        assert sorted(theirs.rows(translate(parse(sql), "bigquery")), key=repr) == sorted(own.rows(sql), key=repr), sql
    own.close()
    theirs.close()


@pytest.mark.soak
def test_a_query_has_the_same_answer_in_the_reference_implementation_of_zetasql() -> None:
    if not PYTHON.exists():
        pytest.skip("no ZetaSQL: make .emulators/bigquery/.made, which needs Python 3.13")
    asked = [f"SELECT {each} FROM {ROW}" for each in (*expressions(SAME), *expressions(REFERENCE))]
    asked += [*QUERIES, *BY_REFERENCE]
    given = json.dumps({sql: translate(parse(sql), "bigquery") for sql in asked})
    script = str(Path(__file__).with_name("reference.py"))
    done = subprocess.run([str(PYTHON), script], input=given, capture_output=True, text=True, check=True)
    found, own = json.loads(done.stdout), DuckDBEngine()
    for sql in asked:
        told = found[sql] if isinstance(found[sql], str) else sorted(map(plain, found[sql]))
        assert told == sorted(plain(spelled(row)) for row in own.rows(sql)), sql
    own.close()


_TYPED = r'(?:DATETIME|DATE|TIMESTAMP|BIGNUMERIC|NUMERIC) "([^"]*)"|CAST\("(inf|nan)" AS FLOAT64\)'
_NUMBER = r'(?<![\d:.\w"-])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\d:\w"-])'


def spelled(value: Any) -> str:
    """A value of DuckDB's as ZetaSQL writes it down."""
    if isinstance(value, tuple | list):
        listed = ", ".join(map(spelled, value))
        return f"[{listed}]" if isinstance(value, list) else f"({listed})"
    if isinstance(value, bool) or value is None:
        return "NULL" if value is None else str(value).lower()
    if isinstance(value, datetime | date):
        return str(value).replace("+00:00", "+00")
    return f"{float(value):.12g}" if isinstance(value, int | float | Decimal) else json.dumps(value, ensure_ascii=False)


def plain(text: str) -> str:
    """What ZetaSQL writes down without the types that it names, and numbers in one form."""
    told = re.sub(_TYPED, r"\1\2", re.sub(r"^STRUCT\(", "(", text))
    told = re.sub(_NUMBER, lambda found: f"{float(found[0]):.12g}", told)
    return re.sub(r"(\.\d*?)0+(?=\D|$)", r"\1", told).replace("\\", "").replace("'", '"')


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("strptime(s, '%Y-%m-%d %H:%M:%S.%f')", "PARSE_DATETIME('%Y-%m-%d %H:%M:%E*S', `s`)"),
        ("try_strptime(s, '%d/%m/%Y')", "SAFE.PARSE_DATETIME('%d/%m/%Y', `s`)"),
        ("any_value(s)", "ANY_VALUE(`s`)"),
        ("l[0]", "`l`[SAFE_ORDINAL(0)]"),
        ("now()", "CURRENT_TIMESTAMP()"),
        ("localtimestamp", "CURRENT_DATETIME()"),
        ("cast(x AS integer)", "CAST(`x` AS INT64)"),
        ("d - e", "`d` - `e`"),
    ],
)
def test_an_expression_becomes_bigquerys(given: str, expected: str) -> None:
    assert translate(parse(f"SELECT {given} FROM t"), "bigquery") == f"SELECT {expected} FROM `t`"


@pytest.mark.parametrize(
    "expression",
    [
        "regexp_replace(s, 'l', 'x')",
        "regexp_replace(s, 'l', 'x', 'gm')",
        "regexp_extract(s, p, 1)",
        "regexp_extract(s, 'a', 1)",
        "regexp_extract(s, 'a', n)",
        "s LIKE p ESCAPE '!'",
        "substring(s, 0, 2)",
        "substring(s, -3, 2)",
        "split_part(s, ',', -1)",
        "format('{}', s)",
        "typeof(s)",
        "json_type(j)",
        "date_trunc('century', d)",
        "date_diff('decade', d, d)",
        "extract(century FROM d)",
        "strftime(d, '%z')",
        "strftime(d, '%n')",
        "strftime(d, f)",
        "strptime(s, '%z')",
        "strptime(s, '%H:%M')",
        "strptime(s, '%g')",
        "array_agg(s) FILTER (WHERE n > 1)",
        "#1",
        "* RENAME (a AS b)",
        "j ->> '$.a[-1]'",
    ],
)
def test_what_would_be_something_else_in_bigquery_is_refused(expression: str) -> None:
    with pytest.raises(EngineError, match="it cannot be asked this"):
        translate(parse(f"SELECT {expression} FROM t"), "bigquery")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT v, o FROM unnest([1]) WITH ORDINALITY AS u (v, o)",
        "SELECT lower(g) AS g, count(*) FROM t JOIN u ON t.a = u.b GROUP BY g",
        "SELECT DISTINCT ON (g) g FROM t QUALIFY row_number() OVER (ORDER BY a) < 9",
    ],
)
def test_a_query_that_would_ask_something_else_of_bigquery_is_refused(query: str) -> None:
    with pytest.raises(EngineError, match="it cannot be asked this"):
        translate(parse(query), "bigquery")
