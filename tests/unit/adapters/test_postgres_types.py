"""Every type of PostgreSQL arrives as it was, or is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from conftest import Database

from asterism.adapters.postgres.source import PostgresSource
from asterism.conform.source import Replica
from asterism.errors import SourceError
from asterism.sources import Postgres

_UUID = UUID("177a6bb5-bcdb-4084-a9dd-1ea709eb1b25")

# PostgreSQL's type and value; DuckDB's type and value.
_CASES: list[tuple[str, str, str, Any]] = [
    ("boolean", "true", "BOOLEAN", True),
    ("smallint", "-32768", "SMALLINT", -32768),
    ("integer", "-2147483648", "INTEGER", -(2**31)),
    ("bigint", "9223372036854775807", "BIGINT", 2**63 - 1),
    ("real", "1.5", "FLOAT", 1.5),
    ("double precision", "0.1", "DOUBLE", 0.1),
    ("double precision", "'infinity'", "DOUBLE", float("inf")),
    ("numeric(10,2)", "12345678.90", "DECIMAL(10,2)", Decimal("12345678.90")),
    ("numeric(38,0)", "'" + "9" * 38 + "'", "DECIMAL(38,0)", Decimal("9" * 38)),
    ("numeric(5,-2)", "12345", "DECIMAL(7,0)", Decimal(12300)),
    ("numeric(3,5)", "0.00123", "DECIMAL(5,5)", Decimal("0.00123")),
    ("numeric(39,1)", "1.5", "VARCHAR", "1.5"),
    ("numeric", "1.500", "VARCHAR", "1.500"),
    ("numeric", "'NaN'", "VARCHAR", "NaN"),
    ("text", "'ü \\ '' 漢'", "VARCHAR", "ü \\ ' 漢"),
    ("varchar(5)", "'NA'", "VARCHAR", "NA"),
    ("char(5)", "'ab'", "VARCHAR", "ab"),
    ("name", "'n'", "VARCHAR", "n"),
    ("uuid", f"'{_UUID}'", "UUID", _UUID),
    ("bytea", "'\\x00ff'", "BLOB", b"\x00\xff"),
    ("date", "'0044-03-15 BC'", "DATE", None),
    ("date", "'2024-02-29'", "DATE", date(2024, 2, 29)),
    ("time", "'23:59:59.999999'", "TIME", time(23, 59, 59, 999999)),
    ("timestamp(3)", "'1969-12-31 23:59:59.999'", "TIMESTAMP", datetime(1969, 12, 31, 23, 59, 59, 999000)),
    (
        "timestamptz",
        "'2024-01-01 00:00+02'",
        "TIMESTAMP WITH TIME ZONE",
        datetime(2023, 12, 31, 22, tzinfo=UTC),
    ),
    ("interval", "'1 mon -2 days 3:04'", "VARCHAR", "1 mon -2 days +03:04:00"),
    ("json", "'{\"a\":  1}'", "JSON", '{"a":  1}'),
    ("jsonb", "'{\"a\":  1e400}'", "JSON", '{"a": 1' + "0" * 400 + "}"),
    ("integer[]", "'{1,NULL,-3}'", "INTEGER[]", [1, None, -3]),
    ("integer[]", "'{}'", "INTEGER[]", []),
    ("integer[][]", "'{{1,2},{3,4}}'", "VARCHAR", "{{1,2},{3,4}}"),
    ("text[]", "array['a', null, 'NULL', '']", "VARCHAR[]", ["a", None, "NULL", ""]),
    ("numeric(5,2)[]", "'{1.5,NULL}'", "DECIMAL(5,2)[]", [Decimal("1.50"), None]),
    ("date[]", "'{2024-01-01}'", "DATE[]", [date(2024, 1, 1)]),
    ("jsonb[]", "array['{\"a\": 1}'::jsonb]", "JSON[]", ['{"a": 1}']),
    ("mood", "'ok'", "VARCHAR", "ok"),
    ("mood[]", "'{ok,bad}'", "VARCHAR[]", ["ok", "bad"]),
    ("positive", "1.5", "DECIMAL(12,3)", Decimal("1.500")),
    ("pair", "row(1, 'b c')", "VARCHAR", '(1,"b c")'),
    ("int4range", "'[1,3]'", "VARCHAR", "[1,4)"),
    ("inet", "'10.0.0.1/8'", "VARCHAR", "10.0.0.1/8"),
    ("bit(3)", "'101'", "VARCHAR", "101"),
    ("oid", "'4294967295'", "BIGINT", 2**32 - 1),
    ("timetz", "'10:00+02'", "VARCHAR", "10:00:00+02"),
    ("tsvector", "'a b'", "VARCHAR", "'a' 'b'"),
]
_TYPES = (
    "create type mood as enum ('ok', 'bad')",
    "create type pair as (a int, b text)",
    "create domain amount as numeric(12,3)",
    "create domain positive as amount check (value > 0)",
)


def _source(database: Database, **more: Any) -> PostgresSource:
    return PostgresSource(Postgres(database.url, **more), database.url, "shop")


def test_values_arrive_in_types_that_hold_them(database: Database) -> None:
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _, _, _) in enumerate(_CASES))
    values = ", ".join(value for _, value, _, _ in _CASES)
    database.execute(*_TYPES, f"create table t (id int primary key, {columns})")
    database.execute(f"insert into t values (1, {values})", "insert into t (id) values (2)")
    source = _source(database)
    (table,) = source.describe()
    assert [column.type for column in table.columns[1:]] == [kind for _, _, kind, _ in _CASES]
    with source.pull({}) as answer:
        (batch,) = answer.batches
        arrived = duckdb.connect()
        arrived.execute("set TimeZone = 'UTC'")
        typed = ", ".join(f'"{column.name}"::{column.type}' for column in table.columns)
        first, second = arrived.from_arrow(batch.rows).project(typed).order("1").fetchall()
    for (kind, value, _, expected), got in zip(_CASES, first[1:], strict=True):
        if expected is None:
            assert got is not None, kind
        elif isinstance(expected, datetime) and expected.tzinfo:
            assert got.astimezone(UTC) == expected
        else:
            assert got == expected, (kind, value)
    assert set(second[1:]) == {None}
    source.close()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("numeric(10,2)", "NaN"),
        ("date", "infinity"),
        ("timestamp", "-infinity"),
        ("timestamptz", "infinity"),
        ("timestamp", "294276-01-01 00:00:00"),
        ("integer[]", "{{1,2},{3,4}}"),
        ("date[]", "{2024-01-01,infinity}"),
        ("numeric(5,2)[]", "{1.00,NaN}"),
    ],
)
def test_a_value_that_would_be_spoilt_is_refused_with_table_and_column(database: Database, kind, value) -> None:
    database.execute(f"create table t (id int primary key, c {kind})", f"insert into t values (1, '{value}')")
    source = _source(database)
    with pytest.raises(SourceError) as caught:
        Replica().load(source)
    assert f"public.t.c is {value}" in str(caught.value)
    assert "exclude the column" in str(caught.value)
    assert not caught.value.transient
    database.execute("update t set c = null")
    Replica().load(source)
    source.close()


def test_odd_names_are_only_names(database: Database) -> None:
    database.execute(
        'create schema "My ""Shop"" 1"',
        """
        create table "My ""Shop"" 1"."Order Line; --" (
            "Key ""x"" 1" text, "n%s $1" int, "É" text, primary key ("n%s $1", "Key ""x"" 1")
        )
        """,
        'insert into "My ""Shop"" 1"."Order Line; --" select i::text, i, null from generate_series(1, 25) i',
    )
    source, replica = _source(database, schema='My "Shop" 1', chunk_rows=10), Replica()
    (table,) = source.describe()
    assert table.name == "shop.Order Line; --"
    assert table.key == ("n%s $1", 'Key "x" 1')
    replica.load(source)
    assert len(replica.tables["Order Line; --"]) == 25
    source.close()


def test_a_partitioned_table_is_one_table_and_an_inheriting_table_its_own(database: Database) -> None:
    database.execute(
        "create table p (id int, v text, primary key (id)) partition by range (id)",
        "create table p1 partition of p for values from (0) to (10)",
        "create table p2 partition of p for values from (10) to (100)",
        "create table parent (id int primary key)",
        "create table child (extra text, primary key (id)) inherits (parent)",
        "create view v as select * from p",
        "create materialized view mv as select * from p",
        "insert into p select i, 'x' from generate_series(1, 30) i",
        "insert into parent values (1)",
        "insert into child values (1, 'same key')",
    )
    source, replica = _source(database, chunk_rows=7), Replica()
    replica.load(source)
    assert {name: len(rows) for name, rows in replica.tables.items()} == {"p": 30, "parent": 1, "child": 1}
    database.execute("update p set v = 'y' where id in (3, 20)")
    replica.pull(source)
    assert replica.answered == 2
    database.execute("create table p3 (id int primary key, v text)", "insert into p3 values (200, 'old')")
    replica_before = replica.cursor
    source_of_p = _source(database, include=["p"])
    database.execute("alter table p attach partition p3 for values from (100) to (300)")
    replica.cursor = replica_before
    replica.pull(source_of_p)
    assert (200,) in replica.tables["p"]
    source.close()
    source_of_p.close()


def test_generated_columns_are_read_as_what_they_are(database: Database) -> None:
    database.execute(
        "create table t (id int primary key, a int, twice int generated always as (a * 2) stored)",
        "insert into t values (1, 4)",
    )
    source, replica = _source(database), Replica()
    replica.load(source)
    assert replica.tables["t"][(1,)] == (1, 4, 8)
    source.close()


_KEYS = (
    'text collate "C"',
    'text collate "en-x-icu"',
    "uuid",
    "numeric",
    "timestamptz",
    "mood",
    "bytea",
    "char(8)",
    "date",
    "double precision",
)


@pytest.mark.parametrize("kind", _KEYS)
def test_chunks_meet_whatever_the_type_of_the_key(database: Database, kind) -> None:
    if "icu" in kind and not database.rows("select 1 from pg_collation where collname = 'en-x-icu'"):
        pytest.skip("this PostgreSQL was built without ICU")
    values = {
        "uuid": "gen_random_uuid()",
        "numeric": "i * 1.10",
        "timestamptz": "now() + i * interval '1 second'",
        "mood": "('m' || lpad(i::text, 2, '0'))::mood",
        "bytea": "decode(lpad(to_hex(i * 37 % 256), 2, '0'), 'hex')",
        "date": "current_date + i",
        "double precision": "i / 3.0",
        "char(8)": "i::text",
    }
    labels = ", ".join(f"'m{n:02}'" for n in range(1, 41))
    database.execute(f"create type mood as enum ({labels})", f"create table t (k {kind} primary key, i int)")
    value = values.get(kind, "(array['a', 'B', 'ä', 'Z', '-', ' ', '''', '_'])[1 + i % 8] || i")
    database.execute(f"insert into t select {value}, i from generate_series(1, 40) i")
    source, replica = _source(database, chunk_rows=7), Replica()
    seen = 0
    while not replica.pull(source):
        seen += replica.answered
    assert seen == 40
    assert sorted(row[1] for row in replica.tables["t"].values()) == list(range(1, 41))
    source.close()


@pytest.mark.parametrize(
    ("kind", "value", "chunks"),
    [
        ("integer", "i - 21", 6),  # numbers below and above nothing, each in use: 40 rows by seven
        ("bigint", "i * 1.5", 9),  # two of three are in use, so that a chunk of seven numbers has five rows or four
        ("bigint", "i * 1000000007::bigint", 6),  # hardly any is: the rows themselves are counted
        ("integer", "i + case when i > 20 then 30 else 0 end", 10),  # a chunk may well be empty
        ("smallint", "32727 + i", 6),  # the last of them is the last there is
    ],
)
def test_whole_numbers_are_cut_where_they_are_dense(database: Database, kind, value, chunks) -> None:
    database.execute(
        f"create table t (k {kind} primary key, i int)",
        f"insert into t select {value}, i from generate_series(1, 40) i",
        "analyze t",  # which is how it is known how dense they are
    )
    source, replica = _source(database, chunk_rows=7), Replica()
    answered = []
    while not replica.pull(source):
        answered.append(replica.answered)
    assert max(answered) <= 7
    assert (len(answered), sum(answered)) == (chunks, 40)
    assert sorted(row[1] for row in replica.tables["t"].values()) == list(range(1, 41))
    source.close()


def test_a_large_table_begins_with_a_shorter_chunk(database: Database) -> None:
    """So that the warehouse has something to do while the next one is read."""
    database.execute("create table t (k int primary key)", "insert into t select generate_series(1, 400000)", "analyze")
    source, cursor, ends = _source(database, chunk_rows=160_000), {}, []
    while not ends or not cursor["load"]["done"]:
        with source.pull(cursor) as answer:
            cursor = answer.cursor
        ends.append(cursor["load"]["rows"])
    assert ends[:2] == [80_000, 240_000]
    source.close()


def test_a_database_of_another_encoding_arrives_as_unicode(database: Database) -> None:
    name = database.url.split("/")[3].split("?")[0] + "_latin1"
    database.execute(f"create database {name} encoding 'LATIN1' locale 'C' template template0")
    old = Database(database.url.replace(f"/{name.removesuffix('_latin1')}?", f"/{name}?"))
    old.execute("create table t (k text primary key)", "insert into t values ('é'), ('ü'), ('z')")
    source, replica = _source(old, chunk_rows=1), Replica()
    replica.load(source)
    assert set(replica.tables["t"]) == {("é",), ("ü",), ("z",)}
    source.close()
    database.execute(f"drop database {name}")
