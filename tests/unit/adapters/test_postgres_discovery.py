"""Which tables are pulled, by which key; and every obstacle in one error."""

from __future__ import annotations

import pytest
from conftest import Database

from asterism.adapters.postgres.source import PostgresSource
from asterism.conform.source import Replica
from asterism.errors import SourceError
from asterism.sources import Postgres


def _described(database: Database, url: str | None = None, **more):
    source = PostgresSource(Postgres(database.url, **more), url or database.url, "shop")
    try:
        return {table.name: table for table in source.describe()}
    finally:
        source.close()


def test_every_table_without_a_key_is_named_in_one_error_with_the_remedy(database: Database) -> None:
    database.execute(
        "create table fine (id int primary key)",
        "create table none (id int)",
        "create table nullable (id int unique)",
        "create table partial (id int not null)",
        "create unique index on partial (id) where id > 0",
        "create table computed (v text not null)",
        "create unique index on computed (lower(v))",
    )
    with pytest.raises(SourceError) as caught:
        _described(database)
    text = str(caught.value)
    assert text.startswith("shop: 4 tables cannot be pulled")
    for table in ("none", "nullable", "partial", "computed"):
        assert f"{table}: no key. Add a primary key" in text
    assert not caught.value.transient
    assert set(_described(database, exclude=["none", "nullable", "partial", "computed"])) == {"shop.fine"}


def test_a_unique_index_over_not_null_columns_serves_as_a_key(database: Database) -> None:
    database.execute(
        "create table t (a int not null, b int not null, c int not null, unique (c, a), unique (b))",
        "create table r (a int not null unique, b int not null)",
        "create unique index r_b on r (b)",
        "alter table r replica identity using index r_b",
        "create table two (id int not null unique, k int, primary key (k))",
        "create table included (a int, b int, primary key (a) include (b))",
    )
    tables = _described(database)
    assert {name: table.key for name, table in tables.items()} == {
        "shop.t": ("b",),
        "shop.r": ("b",),
        "shop.two": ("k",),
        "shop.included": ("a",),
    }


def test_an_excluded_column_is_never_read_and_one_that_is_not_there_is_refused(database: Database) -> None:
    database.execute(
        "create table staff (id int primary key, name text, born date)",
        "insert into staff values (1, 'Ann', 'infinity')",
    )
    assert _described(database, exclude=["staff.born"])["shop.staff"].column_names == ("id", "name")
    source, replica = PostgresSource(Postgres(database.url, exclude=["staff.born"]), database.url, "shop"), Replica()
    replica.load(source)
    assert list(replica.tables["staff"].values()) == [(1, "Ann")]
    source.close()
    with pytest.raises(SourceError, match=r"does not have: staff\.brn, stuff\.name") as caught:
        _described(database, exclude=["stuff.name", "staff.brn"])
    assert "as `table.column`" in caught.value.remedy
    with pytest.raises(SourceError, match=r"a column of a key: staff\.id"):
        _described(database, exclude=["staff.id"])


def test_nullability_and_comments_come_along(database: Database) -> None:
    database.execute(
        "create table t (id int primary key, a text not null, b text)",
        "comment on column t.b is 'what people say'",
    )
    columns = _described(database)["shop.t"].columns
    assert [(c.name, c.nullable, c.comment) for c in columns] == [
        ("id", False, ""),
        ("a", False, ""),
        ("b", True, "what people say"),
    ]


def test_include_and_exclude_choose_and_a_name_that_is_not_there_is_an_error(database: Database) -> None:
    database.execute(
        "create table a (id int primary key)", "create table b (id int primary key)", "create table c (x int)"
    )
    assert set(_described(database, include=["a", "b"], exclude=["b", "not there"])) == {"shop.a"}
    with pytest.raises(SourceError, match="has no table bb") as caught:
        _described(database, include=["a", "bb"])
    assert "It has a, b, c" in str(caught.value)
    with pytest.raises(SourceError, match="schema 'nowhere' has no table to pull"):
        _described(database, schema="nowhere")


def test_names_that_the_warehouse_could_not_tell_apart_are_refused(database: Database) -> None:
    database.execute('create table staff (id int primary key, "ID" int)', 'create table "Staff" (id int primary key)')
    with pytest.raises(SourceError) as caught:
        _described(database)
    assert "staff: columns ID and id differ in upper and lower case only" in str(caught.value)
    assert "tables Staff and staff differ in upper and lower case only" in str(caught.value)


def test_names_with_a_dot_are_refused(database: Database) -> None:
    database.execute('create table "a.b" (id int primary key)', 'create table c (id int primary key, "d.e" int)')
    with pytest.raises(SourceError) as caught:
        _described(database)
    assert "a.b: the name a.b has a dot. Rename it, or exclude the table." in str(caught.value)
    assert "c: the name d.e has a dot" in str(caught.value)


def test_tables_that_may_not_be_read_are_named(database: Database) -> None:
    role = database.url.split("/")[3].split("?")[0] + "_reader"
    database.execute(
        "create table open (id int primary key)",
        "create table shut (id int primary key)",
        f"create role {role} login",
        f"grant select on open to {role}",
    )
    url = database.url.replace("postgres@", f"{role}@")
    try:
        with pytest.raises(SourceError) as caught:
            _described(database, url)
        assert "shut: permission denied. GRANT SELECT on it" in str(caught.value)
        assert set(_described(database, url, exclude=["shut"])) == {"shop.open"}
    finally:
        database.execute(f"drop owned by {role}", f"drop role {role}")


def test_rows_hidden_by_a_policy_are_an_error_and_not_a_deletion(database: Database) -> None:
    role = database.url.split("/")[3].split("?")[0] + "_guarded"
    database.execute(
        "create table t (id int primary key)",
        f"create role {role} login",
        f"grant select on t to {role}",
        "alter table t enable row level security",
        "insert into t values (1)",
    )
    url = database.url.replace("postgres@", f"{role}@")
    source = PostgresSource(Postgres(url), url, "shop")
    try:
        with pytest.raises(SourceError, match="row-level security policy") as caught, source.pull({}) as answer:
            list(answer.batches)
        assert "BYPASSRLS" in str(caught.value)
    finally:
        source.close()
        database.execute(f"drop owned by {role}", f"drop role {role}")
