"""Questions from outside, on both engines: pages, versions, limits, forms, and what is refused."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from conftest import Database

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.sheets import DuckDBSheets
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.declare.model import Parameter, Query
from asterism.errors import UsageError
from asterism.ports.engine import Engine
from asterism.run.ask import Asking, explain, table
from asterism.run.ledger import Ledger
from asterism.run.session import Session
from asterism.run.wish import Refusal, Reply, Wish

SQL = {
    "numbers": (
        "select i, i % 3 as k, case when i > 3 then i * 1.5 end as v from t where i >= $least order by k desc",
    ),
    "nulls": ("select i, case when i % 2 = 0 then i end as even from t order by even desc nulls first, 1",),
    "elsewhere": ("select i from t order by i % 4, i",),
    "loose": ("select i from t",),
    "many": ("select i, i * 1.5 as price, 'text ' || i as text from generate_series(1, 30000) as r(i)",),
    "long": ("select i, repeat('x', 400000) as text from t order by i",),
    "endless": (
        "select count(*) as c from generate_series(1, 100000000) as a(i), generate_series(1, 1000000) as b(j)",
    ),
    "clock": ("select current_timestamp as now",),
    "same": ("select 1 as a, 2 as a",),
    "sums": (
        """with few as (
            select i, cast(i * 1.25 as decimal(9, 2)) as price, cast(i as bigint) as large from t where i >= $least
        )
        select i % 3 as k, sum(i) as whole, sum(large) as larger, avg(i) as mean, sum(price) as money,
            sum(price * i) as product, coalesce(max(price), 0) as most, count(*) as c
        from few group by i % 3 order by money desc""",
    ),
}


@dataclass
class Place:
    engine: Engine
    asking: Asking
    folder: Path

    def reply(self, name: str = "", **wish: Any) -> tuple[Reply, bytes]:
        reply, body = self.asking.ask(Wish(name=name, **wish), lambda: False)
        assert isinstance(reply, Reply), reply
        return reply, body

    def refused(self, name: str = "", **wish: Any) -> Refusal:
        refusal, _ = self.asking.ask(Wish(name=name, **wish), lambda: False)
        assert isinstance(refusal, Refusal), refusal
        return refusal

    def pages(self, name: str, limit: int, between: Callable[[], None] = lambda: None) -> list[list[dict[str, Any]]]:
        """Page after page; `between` each and the next something happens."""
        found, after = [], ""
        while True:
            reply, body = self.reply(name, limit=limit, after=after)
            found.append(json.loads(body)["rows"])
            if not reply.next:
                return found
            after = reply.next
            between()


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, make_database: Callable[[], Database]) -> Iterator[Place]:
    duck = request.param == "duckdb"
    engine: Engine = DuckDBEngine(tmp_path / "w.duckdb") if duck else PostgresEngine(make_database().url)
    Ledger(Session(engine)).prepare()
    engine.execute("CREATE TABLE t (i INTEGER)")
    engine.execute("INSERT INTO t SELECT i FROM generate_series(0, 9) AS r(i)")
    least = (Parameter("least", "integer", "0"),)
    queries = {
        name: Query(name, Path(f"{name}.sql"), name, sql, 1, least if "$least" in sql else ())
        for name, (sql,) in SQL.items()
    }
    landed = frozenset({"streams.clicks"})
    book: Any = SimpleNamespace(
        queries=queries, tables=frozenset({"t"}), landed=landed, row_limit=100_000, timeout=20.0
    )
    yield Place(engine, Asking(engine.reader, DuckDBSheets(), tmp_path / "answers", book), tmp_path / "answers")
    engine.close()


def test_pages_hold_every_row_once_in_the_query_s_order(place: Place) -> None:
    (whole,) = place.pages("numbers", 100)
    assert [row["k"] for row in whole] == sorted((row["k"] for row in whole), reverse=True)
    for limit in (1, 3, 4, 10):
        assert [row for page in place.pages("numbers", limit) for row in page] == whole


@pytest.mark.parametrize("name", ["nulls", "elsewhere"])
def test_nulls_and_orders_by_what_is_not_shown_part_into_pages_as_well(place: Place, name: str) -> None:
    (whole,) = place.pages(name, 100)
    assert [row for page in place.pages(name, 3) for row in page] == whole
    assert len(whole) == 10


def test_rows_that_come_and_go_between_pages_neither_repeat_nor_hide_others(place: Place) -> None:
    changes = iter(["INSERT INTO t VALUES (-1), (-2)", "DELETE FROM t WHERE i IN (-1, 0, 2)"])
    found = place.pages("nulls", 4, lambda: place.engine.execute(next(changes, "SELECT 1")) and None)
    numbers = [row["i"] for page in found for row in page]
    assert len(numbers) == len(set(numbers))
    assert {1, 3, 4, 5, 6, 7, 8, 9} <= set(numbers)


def test_without_an_order_there_are_no_pages_and_it_is_told_that_rows_were_cut(place: Place) -> None:
    reply, body = place.reply("loose", limit=4)
    assert (reply.next, reply.cut, len(json.loads(body)["rows"])) == ("", True, 4)
    reply, _ = place.reply("loose", limit=10)
    assert not reply.cut


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("timestamp", "2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00"),
        ("timestamp", "2026-01-01T10:00:00Z", "2026-01-01T10:00:00"),
        ("timestamp", "2026-01-01 10:00", "2026-01-01T10:00:00"),
        ("double", "1e308", 1e308),
        ("double", "1e400", None),
        ("decimal(10,2)", "-12345678.5", "-12345678.50"),
        ("decimal(10,2)", "123456789", None),
        ("decimal(2,2)", "0", "0.00"),
        ("timestamptz", "2026-01-01T10:00:00 02:00", None),
        ("json", "{bad", None),
    ],
)
def test_a_value_is_taken_for_what_it_says_or_refused(place: Place, kind: str, text: str, value: Any) -> None:
    typed = Query("typed", Path("typed.sql"), "", "select $least as value", 1, (Parameter("least", kind),))
    queries = place.asking.book.queries
    place.asking.book = SimpleNamespace(**{**vars(place.asking.book), "queries": {**queries, "typed": typed}})
    if value is None:
        assert place.refused("typed", values={"least": text}).parameter == "least"
    else:
        _, body = place.reply("typed", values={"least": text})
        assert json.loads(body)["rows"] == [{"value": value}]


@pytest.mark.parametrize("after", ["x", "W1siMiJdLDFd", "bnVsbA", "W251bGwsLTVd"])
def test_a_mark_that_is_none_is_refused(place: Place, after: str) -> None:
    refusal = place.refused("numbers", after=after)
    assert (refusal.kind, refusal.parameter) == ("unfit", "after")


def test_an_answer_that_is_known_is_not_run_until_the_data_have_another_version(place: Place) -> None:
    reply, _ = place.reply("numbers")
    assert place.reply("numbers", known=reply.tag)[0].same
    assert not place.reply("numbers", known=reply.tag, values={"least": "1"})[0].same
    assert not place.reply("numbers", known=reply.tag, form="csv")[0].same
    place.engine.execute("INSERT INTO _asterism.refreshes VALUES (1, current_timestamp::timestamp, now()::timestamp)")
    place.asking.changed()
    assert not place.reply("numbers", known=reply.tag)[0].same


def test_what_asks_for_the_clock_or_for_asterism_s_own_tables_has_no_tag(place: Place) -> None:
    assert place.reply("clock")[0].tag == ""
    assert place.reply(sql="select count(*) as c from _asterism.runs")[0].tag == ""


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_text_is_the_same_by_rows_and_by_columns(place: Place, form: Any) -> None:
    def read(limit: int) -> list[Any]:
        _, body = place.reply("numbers", form=form, limit=limit)
        text = body.decode()
        if form == "csv":
            return list(csv.reader(text.splitlines()))
        return json.loads(text)["rows"] if form == "json" else [json.loads(line) for line in text.splitlines()]

    assert read(10_000) == read(10_001)


def test_a_large_answer_stands_in_a_file(place: Place) -> None:
    reply, body = place.reply("many", limit=50_000)
    assert body == b""
    rows = json.loads(reply.before + Path(reply.file).read_text() + reply.behind)["rows"]
    assert (len(rows), rows[-1]["text"]) == (30_000, f"text {rows[-1]['i']}")
    reply, _ = place.reply("long")
    assert len(json.loads(Path(reply.file).read_text())["rows"]) == 10


def test_parquet_keeps_the_types(place: Place, tmp_path: Path) -> None:
    _, body = place.reply("numbers", form="parquet")
    (tmp_path / "a.parquet").write_bytes(body)
    relation = duckdb.connect().sql(f"select * from '{tmp_path / 'a.parquet'}'")
    assert relation.columns == ["i", "k", "v"]
    assert str(relation.types[0]) == "INTEGER"
    assert str(relation.types[2]).startswith("DECIMAL")
    assert len(relation.fetchall()) == 10


def test_arrow_is_a_stream_of_batches(place: Place) -> None:
    import nanoarrow

    _, body = place.reply("numbers", form="arrow")
    rows = nanoarrow.ArrayStream.from_readable(body).read_all().to_pylist()
    assert sorted(row["i"] for row in rows) == [*range(10)]


SUMS = [
    {"k": 0, "whole": 18, "larger": 18, "mean": 4.5, "money": "22.50", "product": "157.50", "most": "11.25", "c": 4},
    {"k": 2, "whole": 15, "larger": 15, "mean": 5.0, "money": "18.75", "product": "116.25", "most": "10.00", "c": 3},
    {"k": 1, "whole": 12, "larger": 12, "mean": 4.0, "money": "15.00", "product": "82.50", "most": "8.75", "c": 3},
]


@pytest.mark.parametrize("limit", [100, 20_000])
def test_computed_numbers_are_the_same_on_every_engine(place: Place, limit: int) -> None:
    _, body = place.reply("sums", limit=limit)
    assert json.loads(body)["rows"] == SUMS
    assert [row for page in place.pages("sums", 1) for row in page] == SUMS
    assert table(place.engine.reader(), place.asking.book, "sums", {})["rows"] == SUMS


def test_computed_numbers_have_the_same_types_in_files(place: Place, tmp_path: Path) -> None:
    _, body = place.reply("sums", form="parquet")
    (tmp_path / "sums.parquet").write_bytes(body)
    with duckdb.connect() as connection:
        found = connection.execute(f"DESCRIBE SELECT * FROM '{tmp_path / 'sums.parquet'}'").fetchall()
    kinds = {name: kind for name, kind, *_ in found}
    assert kinds.pop("whole") in {"DECIMAL(38,0)", "BIGINT"}  # a sum of integers is one of 64 bits to PostgreSQL
    assert [*kinds.values()] == [
        "INTEGER", "DECIMAL(38,0)", "DOUBLE", "DECIMAL(38,2)", "DECIMAL(38,2)", "DECIMAL(12,2)", "BIGINT",
    ]  # fmt: skip


def test_columns_of_one_name_are_told_apart(place: Place) -> None:
    assert json.loads(place.reply("same")[1]) == {"columns": ["a", "a_2"], "rows": [{"a": 1, "a_2": 2}]}


def test_a_question_that_takes_too_long_is_stopped_and_its_reader_goes_on(place: Place) -> None:
    for _ in range(5):
        assert place.refused("endless", timeout=0.2).kind == "late"
    assert len(json.loads(place.reply("numbers")[1])["rows"]) == 10


def test_a_question_for_nobody_is_stopped(place: Place) -> None:
    left = threading.Event()
    timer = threading.Timer(0.2, left.set)
    timer.start()
    refusal, _ = place.asking.ask(Wish(name="endless"), left.is_set)
    timer.join()
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "gone"


def test_how_a_question_would_be_answered_is_told_in_the_engine_s_words(place: Place) -> None:
    book: Any = SimpleNamespace(queries={}, tables=frozenset({"t"}), landed=frozenset())
    least = Query("least", Path("least.sql"), "", "select i from t where i > $i", 1, (Parameter("i", "integer"),))
    book.queries["least"] = least
    for question, values in (("select i from t where i > 3", {}), ("least", {"i": "3"})):
        found = explain(place.engine.reader(), book, question, values)
        assert "scan" in found["plan"].lower()
        assert found["bytes"] is None
    with pytest.raises(UsageError, match="is not a query of this platform"):
        explain(place.engine.reader(), book, "nothing", {})


def test_a_question_waits_for_no_transaction_and_sees_nothing_half_done(place: Place) -> None:
    with place.engine.transaction():
        place.engine.execute("INSERT INTO t VALUES (10)")
        assert len(json.loads(place.reply("loose")[1])["rows"]) == 10
    assert len(json.loads(place.reply("loose")[1])["rows"]) == 11


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select pg_read_file('/etc/passwd')",
        "select * from query('select 1')",
        "select * from duckdb_settings()",
        "select getenv('HOME')",
        "insert into t values (1)",
        "with x as (select 1) delete from t",
        "select 1; drop table t",
        "copy t to '/tmp/asterism-must-not-exist'",
        "set memory_limit = '1GB'",
        "attach '/tmp/asterism-must-not-exist.db'",
        "select * from t for update",
        "",
    ],
)
def test_sql_reads_tables_and_does_nothing_else(place: Place, sql: str) -> None:
    assert place.refused(sql=sql).kind in {"sql", "engine"}
    assert len(json.loads(place.reply("loose")[1])["rows"]) == 10
    assert not Path("/tmp/asterism-must-not-exist").exists()


def test_a_refusal_names_what_is_wrong(place: Place) -> None:
    wrong = place.refused(sql="select 1 +\nfrom where")
    assert (wrong.kind, wrong.line) == ("sql", 2)
    assert place.refused("numbers", values={"least": "99999999999"}).parameter == "least"
    assert place.refused("numbers", values={"leest": "1"}).parameter == "leest"
    assert "Did you mean numbers?" in place.refused("number").detail
    assert place.refused("numbers", limit=100_001).parameter == "limit"
    assert place.refused("numbers", timeout=21.0).parameter == "timeout"
    for name in ("clicks", "streams.clicks"):
        refused = place.refused(sql=f"select count(*) from {name}")
        assert refused.kind == "sql"
        assert "streams.clicks goes to the lake alone, and has no table. Ask it in the lake" in refused.detail


def test_a_table_that_is_not_there_is_told_from_one_that_is_not_made_yet(place: Place) -> None:
    place.asking.book.tables = frozenset({"t", "later"})
    refusal = place.refused(sql="select count(*) as c from later join t on true")
    assert (refusal.kind, refusal.detail) == ("engine", "The table 'later' is not made yet.")
    refusal = place.refused(sql="select i from t\nwhere i in (select i from latr)")
    assert (refusal.kind, refusal.line) == ("sql", 2)
    assert refusal.detail == "There is no table 'latr'. Did you mean later?"
    assert "nowhere" in place.refused(sql="select nowhere from t").detail


def test_after_the_engine_was_closed_it_is_told_that_the_warehouse_is_away(place: Place) -> None:
    place.reply("loose")
    place.engine.close()
    assert place.refused("loose").kind == "away"
