"""Polling under fire: writers hold transactions open, take savepoints, catch errors, cascade and lie about time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from conftest import Database

from asterism.adapters.postgres.source import PostgresSource
from asterism.conform.source import Replica
from asterism.errors import SourceError
from asterism.sources import Postgres

_SECONDS, _POLLS = 4, 12
_WRITERS = 8
_TABLES = ("account", "item", "note")
_SCHEMA = (
    "create table account (id serial primary key, v int not null, last_updated timestamp(3) not null)",
    """
    create table item (
        id serial primary key, account_id int references account on delete set null,
        v int not null, last_updated timestamp(3) not null
    )
    """,
    "create table note (id serial primary key, v int not null)",
    # An update that fails half-way is caught, and another way is taken: the block is a subtransaction.
    """
    create function touch(which int, new int) returns void language plpgsql as $$
    begin
        begin
            update account set v = new, last_updated = clock_timestamp() where id = which;
            insert into note (v) values (new);
            if new % 2 = 0 then perform 1 / 0; end if;
        exception when division_by_zero then
            insert into note (v) values (-new);
        end;
    end $$
    """,
    "insert into account (v, last_updated) select 0, now() from generate_series(1, 200)",
    "insert into item (account_id, v, last_updated) select i, 0, now() from generate_series(1, 200) i",
)


class Writer(Thread):
    """Writes until told to stop. Every transaction is one of the kinds that lose rows under a naive watermark."""

    def __init__(self, database: Database, seed: int, stop: Event) -> None:
        super().__init__()
        self._database = database
        self._random = random.Random(seed)
        self._stop_now = stop
        self.committed = 0

    def run(self) -> None:
        kinds = (self._late, self._savepoints, self._caught, self._cascade, self._forgetful, self._skewed)
        with self._database.connect() as connection:
            while not self._stop_now.is_set():
                with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation):
                    with connection.transaction():
                        self._random.choice(kinds)(connection)
                        if self._random.random() < 0.3:
                            time.sleep(self._random.random() * 0.6)
                    self.committed += 1

    def _some(self) -> int:
        return self._random.randint(1, 200)

    def _late(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("insert into account (v, last_updated) values (%s, now())", [self._some()])
        time.sleep(self._random.random() * 0.2)
        connection.execute("insert into item (account_id, v, last_updated) values (null, %s, now())", [self._some()])

    def _savepoints(self, connection: psycopg.Connection[Any]) -> None:
        for number in range(3):
            with suppress(ZeroDivisionError), connection.transaction():
                connection.execute("insert into note (v) values (%s)", [number])
                connection.execute(
                    "update account set v = v + 1, last_updated = clock_timestamp() where id = %s", [self._some()]
                )
                time.sleep(self._random.random() * 0.05)
                if number == 1:
                    raise ZeroDivisionError

    def _caught(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("select touch(%s, %s)", [self._some(), self._some()])

    def _cascade(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("delete from account where id = %s", [self._some()])

    def _forgetful(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("update item set v = v + 1 where id = %s", [self._some()])

    def _skewed(self, connection: psycopg.Connection[Any]) -> None:
        minutes = self._random.randint(-10, 10)
        connection.execute(
            "update item set v = v + 1, last_updated = now() + %s * interval '1 minute' where id = %s",
            [minutes, self._some()],
        )


class Watermark:
    """What most systems do: read what is younger than the youngest row that was read."""

    def __init__(self, url: str) -> None:
        self.tables: dict[str, dict[tuple[int], tuple[Any, ...]]] = {"account": {}, "item": {}}
        self._marks = dict.fromkeys(self.tables, datetime(1970, 1, 1))
        self._connection = psycopg.connect(url, autocommit=True)

    def poll(self) -> None:
        for table, rows in self.tables.items():
            found = self._connection.execute(f"select * from {table} where last_updated > %s", [self._marks[table]])
            for row in found:
                rows[(row[0],)] = row
                self._marks[table] = max(self._marks[table], row[-1])

    def close(self) -> None:
        self._connection.close()


def _wrong(replica: Replica | Watermark, database: Database, *, deletions: bool) -> int:
    """How many rows of the replica differ from the source's; with `deletions`, those that should be gone as well."""
    wrong = 0
    for name, rows in replica.tables.items():
        truth = {(row[0],): row for row in database.rows(f"select * from {name}")}
        wrong += sum(rows.get(key) != row for key, row in truth.items())
        wrong += len(rows.keys() - truth.keys()) if deletions else 0
    return wrong


def _source(url: str) -> PostgresSource:
    return PostgresSource(Postgres(url), url, "shop")


def _poll_under_fire(
    database: Database, url: str, catch_up: Callable[[], None]
) -> tuple[Replica, Watermark, PostgresSource]:
    source, replica, watermark, stop = _source(url), Replica(), Watermark(url), Event()
    writers = [Writer(database, seed, stop) for seed in range(_WRITERS)]
    for writer in writers:
        writer.start()
    until = time.monotonic() + _SECONDS
    polls = 0
    while time.monotonic() < until or polls < _POLLS:
        replica.load(source)
        watermark.poll()
        polls += 1
        time.sleep(0.03)
    stop.set()
    for writer in writers:
        writer.join()
    catch_up()
    replica.load(source)
    watermark.poll()
    watermark.close()
    assert min(writer.committed for writer in writers) > 0
    return replica, watermark, source


def test_no_row_is_lost_on_a_primary_while_a_plain_watermark_loses_some(database: Database) -> None:
    database.execute(*_SCHEMA)
    replica, watermark, source = _poll_under_fire(database, database.url, lambda: None)
    assert _wrong(replica, database, deletions=False) == 0
    assert _wrong(watermark, database, deletions=False) > 0
    replica.pull(source, reconcile=True)
    assert _wrong(replica, database, deletions=True) == 0
    source.close()


def test_no_row_is_lost_on_a_standby_while_a_plain_watermark_loses_some(database: Database, standby) -> None:
    database.execute(*_SCHEMA)
    standby.catch_up()
    replica, watermark, source = _poll_under_fire(database, standby.url(database), standby.catch_up)
    assert _wrong(replica, database, deletions=False) == 0
    assert _wrong(watermark, database, deletions=False) > 0
    replica.pull(source, reconcile=True)
    assert _wrong(replica, database, deletions=True) == 0
    source.close()


def test_a_prepared_transaction_that_commits_late_is_not_lost(database: Database) -> None:
    database.execute("create table t (id int primary key)")
    source, replica = _source(database.url), Replica()
    replica.load(source)
    with database.connect(autocommit=True) as connection:
        connection.execute("begin")
        connection.execute("savepoint a")
        connection.execute("insert into t values (1)")
        connection.execute("prepare transaction 'later'")
    for number in range(3):
        database.execute(f"insert into t values ({number + 10})")
        replica.pull(source)
    database.execute("commit prepared 'later'")
    replica.pull(source)
    assert replica.tables["t"].keys() == {(1,), (10,), (11,), (12,)}
    source.close()


def test_a_promoted_standby_is_read_in_full(database: Database, standby) -> None:
    database.execute("create table t (id int primary key, v int)", "insert into t values (1, 1), (2, 2)")
    standby.catch_up()
    url = standby.url(database)
    source, replica = _source(url), Replica()
    replica.load(source)
    here = Database(url)
    here.rows("select pg_promote()")
    here.execute("delete from t where id = 1", "update t set v = 3")
    with source.pull(replica.cursor) as answer:
        replica.apply(answer)
        replica.cursor = answer.cursor
    assert answer.notices == ("all tables are read again: the standby was promoted",)
    assert replica.tables["t"] == {(2,): (2, 3)}
    with source.pull(replica.cursor) as answer:
        assert answer.notices == ()
    source.close()


def test_the_server_going_down_is_transient_and_the_next_poll_finds_it_again(database: Database) -> None:
    database.execute("create table t (id int primary key)", "insert into t values (1)")
    source, replica = _source(database.url), Replica()
    replica.load(source)
    # What a restart of the server does to connections, without a restart.
    terminate = """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
    """
    database.rows(terminate)
    database.execute("insert into t values (2)")
    replica.pull(source)
    assert replica.tables["t"].keys() == {(1,), (2,)}
    with pytest.raises(SourceError) as caught, source.pull(replica.cursor, reconcile=True) as answer:  # noqa: PT012
        database.rows(terminate)
        Replica().apply(answer)
    assert caught.value.transient
    replica.pull(source)
    source.close()
