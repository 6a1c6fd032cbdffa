"""Redshift's dialect, run by a PostgreSQL that has been taught the functions that only Redshift has.

That is no Redshift: it says that the statements mean what they should, not that Redshift takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.postgres.redshift import Landing, RedshiftEngine, copying
from asterism.declare.table import Column
from asterism.errors import UsageError
from asterism.plan.translate import translate
from asterism.ports.arrow import ArrowStream
from kernel.cases import CASES, Case
from kernel.laboratory import Laboratory, model, table
from kernel.test_cases import follow

TAUGHT = """
CREATE OR REPLACE FUNCTION strtol(digits text, base int) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || lpad(digits, 16, '0'))::bit(64)::bigint $$
"""


class Played(RedshiftEngine):
    """The connection, the types and the dialect are Redshift's; rows come in as PostgreSQL takes them."""

    settings = RedshiftEngine.settings[:1]

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        return PostgresEngine.load(self, table, columns, data, temporary=temporary)


@pytest.fixture
def played(fresh_postgres: Callable[[], PostgresEngine]) -> Iterator[Callable[[], Played]]:
    opened: list[Played] = []

    def make() -> Played:
        plain = fresh_postgres()
        made = Played(plain._url.replace("postgresql://", "redshift://"))
        opened.append(made)
        made.execute(TAUGHT)
        return made

    yield make
    for engine in opened:
        engine.close()


NOT_THERE = {
    # `first(… order by …)`, which Redshift has not, and which is refused.
    "strings put together in the order of the key where they tie",
    # `listagg(distinct …) within group (…)`, which Redshift has, and no PostgreSQL reads.
    "distinct strings put together in their own order",
    # A running sum without a frame, which Redshift does not take, and which is refused.
    "two windows that share a partition column",
}
THERE = [case for case in CASES if case.name not in NOT_THERE]


@pytest.mark.parametrize("case", THERE, ids=[case.name for case in THERE])
def test_the_case_is_right_in_redshifts_dialect(case: Case, played: Callable[[], Played]) -> None:
    follow(played(), case)


def test_a_surrogate_key_is_the_same_integer_there(played: Callable[[], Played]) -> None:
    models = [model("m", "select k, surrogate_key(k, g) as s, surrogate_key(x) as t from r.d", "k")]
    tables = (table("r.d", "k", k="INTEGER", x="TIMESTAMP", g="VARCHAR"),)
    found = []
    for engine in (DuckDBEngine(), played()):
        laboratory = Laboratory(engine, tables, models)
        laboratory.step({"r.d": ([(1, datetime(2024, 2, 3, 4, 5, 6, 700), "ü"), (2, None, None)], [])})
        found.append(laboratory.rows("select k, s, t from m order by k"))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("select first(a) from t", 'SELECT ANY_VALUE("a") FROM "t"'),
        ("select count(*) filter (where x) from t", 'SELECT COUNT(CASE WHEN "x" THEN 1 END) FROM "t"'),
        ("select a ->> '$.b.c' from t", "SELECT NULLIF(JSON_EXTRACT_PATH_TEXT(\"a\", 'b', 'c', TRUE), '') FROM \"t\""),
        ("delete from s.x as t using m where t.a = m.a", 'DELETE FROM "s"."x" USING "m" WHERE "s"."x"."a" = "m"."a"'),
        (
            "select string_agg(a, ';' order by b) from t",
            "SELECT LISTAGG(\"a\", ';') WITHIN GROUP (ORDER BY \"b\") FROM \"t\"",
        ),
        (
            "select string_agg(distinct a, ';' order by a desc) from t",
            "SELECT LISTAGG(DISTINCT \"a\", ';') WITHIN GROUP (ORDER BY \"a\" DESC NULLS LAST) FROM \"t\"",
        ),
        ("select cast(a as varchar) from t", 'SELECT CAST("a" AS VARCHAR(65535)) FROM "t"'),
    ],
)  # fmt: skip
def test_what_redshift_says_otherwise(given: str, made: str) -> None:
    assert translate(given, "redshift") == made


def test_names_keep_their_case() -> None:
    assert "SET enable_case_sensitive_identifier TO true" in RedshiftEngine.settings


def test_rows_are_copied_from_the_lake_by_a_role() -> None:
    columns = [Column("id", "INTEGER"), Column("at", "TIMESTAMP")]
    assert copying("r.a", columns, "s3://shop/lake/_loading/1.parquet", "arn:aws:iam::1:role/x") == (
        'COPY "r"."a" ("id", "at") FROM \'s3://shop/lake/_loading/1.parquet\' '
        "IAM_ROLE 'arn:aws:iam::1:role/x' FORMAT AS PARQUET"
    )


def test_a_lake_that_redshift_does_not_reach_is_refused(tmp_path: Path) -> None:
    lake = f"file://{tmp_path}"
    with pytest.raises(UsageError, match="takes rows in from S3"):
        RedshiftEngine("redshift://u:p@127.0.0.1:1/db", Landing(ObstoreLake(lake), lake, DuckDBParquet()))
