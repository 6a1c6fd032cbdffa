"""What happens to a source between two polls, short of a plain write."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from conftest import Database

from asterism.adapters.postgres import polling
from asterism.adapters.postgres.source import PostgresSource
from asterism.conform.source import Replica
from asterism.errors import SourceError
from asterism.sources import Postgres


class Polled(Replica):
    """A replica of a source, with the notices of its last answer."""

    def __init__(self, database: Database, **more) -> None:
        super().__init__()
        self.database = database
        self.source = PostgresSource(Postgres(database.url, **more), database.url, "shop")
        self.notices: tuple[str, ...] = ()

    def poll(self, *, reconcile: bool = False) -> None:
        complete = False
        while not complete:
            with self.source.pull(self.cursor, reconcile=reconcile) as answer:
                self.notices, complete = answer.notices, answer.complete
                self.apply(answer)
            self.cursor = json.loads(json.dumps(answer.cursor))

    def rows(self, table: str = "t") -> list[tuple]:
        return sorted(self.tables[table].values())


@pytest.fixture
def polled(database: Database) -> Iterator[Polled]:
    database.execute(
        "create table t (id int primary key, v text)",
        "insert into t select i, 'v' || i from generate_series(1, 5) i",
    )
    polled = Polled(database)
    polled.poll()
    yield polled
    polled.source.close()


def test_a_column_added_with_a_default_appears_in_every_row(polled) -> None:
    polled.database.execute("alter table t add column n int default 7")
    polled.poll()
    assert {row[2] for row in polled.rows()} == {7}
    assert polled.notices == ("t: column n appeared (INTEGER); it is read again",)
    polled.poll()
    assert polled.notices == ()
    assert polled.answered == 0


def test_a_column_that_goes_is_noticed_and_the_rest_goes_on(polled) -> None:
    polled.database.execute("alter table t drop column v", "insert into t values (6)")
    polled.poll()
    assert polled.notices == ("t: column v is gone; the warehouse keeps what it had",)
    assert polled.tables["t"][(6,)] == (6,)


def test_a_column_that_is_excluded_later_is_left_alone_until_it_is_wanted_again(polled) -> None:
    def go_on(*exclude: str) -> None:
        polled.source.close()
        polled.source = PostgresSource(Postgres(polled.database.url, exclude=exclude), polled.database.url, "shop")
        polled.database.execute("update t set v = v || '!' where id = 1")
        polled.poll()

    go_on("t.v")
    assert polled.notices == ("t: column v is gone; the warehouse keeps what it had",)
    assert polled.tables["t"][(1,)] == (1,)
    go_on()
    assert polled.notices == ("t: column v appeared (VARCHAR); it is read again",)
    assert polled.rows()[0] == (1, "v1!!")


def test_a_type_that_changes_without_touching_rows_is_noticed_and_the_table_read_again(polled) -> None:
    polled.database.execute("create table m (id int primary key, p numeric(10,2))", "insert into m values (1, 1.5)")
    polled.poll()
    polled.database.execute("alter table m alter p type numeric(12,2)")
    polled.poll()
    assert polled.notices == ("m: the type of column p is DECIMAL(12,2), it was DECIMAL(10,2); it is read again",)
    assert polled.answered == 1


def test_a_type_that_changes_with_its_rows_is_noticed(polled) -> None:
    polled.database.execute("alter table t alter id type bigint")
    polled.poll()
    assert "the type of column id is BIGINT, it was INTEGER" in polled.notices[0]
    assert polled.answered == 5


def test_a_truncated_table_is_empty_at_the_next_poll(polled) -> None:
    polled.database.execute("truncate t", "insert into t values (9, 'new')")
    polled.poll()
    assert polled.rows() == [(9, "new")]


def test_a_truncate_during_a_poll_does_not_empty_the_warehouse(polled) -> None:
    """After a snapshot a truncated table looks empty, to a reader who holds no lock on it."""
    polled.database.execute("update t set v = 'w'")
    with polled.source.pull(polled.cursor, reconcile=True) as answer, polled.database.connect(autocommit=True) as other:
        other.execute("set lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            other.execute("truncate t")
        polled.apply(answer)
    assert len(polled.rows()) == 5


def test_a_new_table_is_read_whole_and_a_dropped_one_keeps_its_rows(polled) -> None:
    polled.database.execute("create table u (id int primary key)", "insert into u values (1), (2)", "drop table t")
    polled.poll()
    assert len(polled.rows("u")) == 2
    assert len(polled.rows("t")) == 5
    assert polled.notices == (
        "u: a new table",
        "t: no longer at the source, or excluded; the warehouse keeps its rows",
    )


def test_a_table_made_anew_loses_the_rows_of_the_old(polled) -> None:
    polled.database.execute(
        "drop table t", "create table t (id int primary key, v text)", "insert into t values (3, 'x')"
    )
    polled.poll()
    assert polled.rows() == [(3, "x")]


def test_a_renamed_label_of_an_enum_changes_rows_that_nobody_wrote(polled) -> None:
    polled.database.execute("create type mood as enum ('ok', 'bad')", "create table e (id int primary key, m mood)")
    polled.database.execute("insert into e values (1, 'ok')")
    polled.poll()
    polled.database.execute("alter type mood add value 'great'")
    polled.poll()
    assert polled.notices == ()
    polled.database.execute("alter type mood rename value 'ok' to 'fine'")
    polled.poll()
    assert polled.rows("e") == [(1, "fine")]


def test_a_key_that_changes_is_noticed_and_the_table_read_again(polled) -> None:
    polled.database.execute("alter table t drop constraint t_pkey", "alter table t add primary key (v)")
    polled.poll()
    assert "t: the key is (v), it was (id)" in polled.notices[0]
    assert polled.answered == 5


def test_another_cluster_or_an_older_one_is_read_in_full(polled) -> None:
    for change, why in (
        ({"system": "1"}, "another database cluster answers"),
        ({"database": 1}, "the database was made anew"),
        ({"timeline": 99}, "restored or failed over (timeline 99 became 1)"),
        ({"xmax": 2**40}, "went back in time"),
        ({"xmin": -(2**31)}, "wrapped around"),
        ({"standby": True}, "the standby was promoted"),
    ):
        polled.tables["t"][(77,)] = (77, "a ghost")
        polled.cursor |= change
        polled.poll()
        assert polled.notices[0].startswith("all tables are read again: ")
        assert why in polled.notices[0]
        assert polled.answered == 5
        assert (77,) not in polled.tables["t"]


def test_a_load_that_meets_another_cluster_begins_again(database) -> None:
    database.execute("create table t (id int primary key)", "insert into t select generate_series(1, 20)")
    polled = Polled(database, chunk_rows=10)
    polled.pull(polled.source)
    polled.cursor["system"] = "1"
    with polled.source.pull(polled.cursor) as answer:
        assert answer.notices == (
            "the initial load begins again: another database cluster answers (its system identifier changed)",
        )
        assert not answer.complete
    polled.source.close()


def test_a_column_added_during_a_load_reaches_the_rows_before_it(database) -> None:
    database.execute("create table t (id int primary key)", "insert into t select generate_series(1, 20)")
    polled = Polled(database, chunk_rows=10)
    polled.pull(polled.source)
    database.execute("alter table t add column n int default 7")
    polled.poll()
    assert {row[1] for row in polled.rows()} == {7}
    polled.source.close()


def test_a_large_table_is_narrowed_by_an_indexed_time_and_a_reconciliation_finds_what_that_missed(database) -> None:
    database.execute(
        "create table t (id int primary key, v int, last_updated timestamptz)",
        "create index on t (last_updated)",
        "insert into t select i, 0, now() - interval '30 days' from generate_series(1, 1000) i",
        "analyze t",
        f"update pg_class set reltuples = {polling.LARGE * 10} where relname = 't'",
    )
    polled = Polled(database)
    polled.poll()
    database.execute(
        "update t set v = 1, last_updated = now() where id = 1",
        "update t set v = 2 where id = 2",
        "update t set v = 3, last_updated = null where id = 3",
    )
    polled.poll()
    assert [polled.tables["t"][(n,)][1] for n in (1, 2, 3)] == [1, 0, 3]
    database.execute("update t set v = 4, last_updated = now() where id = 4")
    polled.poll()
    polled.poll(reconcile=True)
    assert [polled.tables["t"][(n,)][1] for n in (1, 2, 3, 4)] == [1, 2, 3, 4]
    polled.source.close()


def test_nothing_is_written_to_the_source(polled) -> None:
    def written() -> tuple:
        ((xmax, inserted),) = polled.database.rows(
            "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
            " (select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables)"
        )
        return xmax, inserted

    polled.database.execute("update t set v = 'w'")
    before = written()
    polled.poll()
    polled.poll(reconcile=True)
    polled.source.describe()
    polled.source.estimate({})
    fresh = Polled(polled.database)
    fresh.poll()
    fresh.source.close()
    assert written() == before  # not even a transaction id was taken
    with polled.source.pull(polled.cursor), pytest.raises(SourceError, match="read-only transaction"):
        polled.source._session.execute("insert into t values (99, '')")
