"""The simulator's writing side, against a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal

import pytest

from asterism.adapters.postgres.player import PostgresPlayer
from asterism.declare.simulator import Transaction
from asterism.errors import SourceError

AT = datetime(2024, 1, 1)
ADD = ("insert into thing (name) values ($1)", (("a",), ("b",)))


@pytest.fixture
def url(database) -> str:
    return database.url


@pytest.fixture
def player(url: str) -> Iterator[PostgresPlayer]:
    with closing(PostgresPlayer(url, "shop")) as playing:
        columns = "id serial, name text not null, price numeric(10,2), day date, fine bool, tags text[]"
        make = f"create table thing ({columns})"
        playing.begin(Transaction(AT, ((make, ((),)),))).commit()
        yield playing


def test_a_statement_runs_once_a_row(player: PostgresPlayer) -> None:
    pending = player.begin(Transaction(AT, (ADD, ("update thing set fine = true", ((),)), ("delete from thing", ()))))
    pending.commit()
    assert pending.rows == 3
    assert player.rows("select name, fine from thing order by id") == [("a", True), ("b", True)]


def test_values_arrive_as_they_are(player: PostgresPlayer) -> None:
    values = ("O'Hara; --", Decimal("12345678.90"), date(2024, 2, 29), False, ["x", None])
    sql = "insert into thing (name, price, day, fine, tags) values ($1, $2, $3, $4, $5)"
    player.begin(Transaction(AT, ((sql, (values,)),))).commit()
    assert player.rows("select name, price, day, fine, tags from thing") == [(values[0], "12345678.90", *values[2:])]


def test_a_null_has_the_type_that_is_written_for_it(player: PostgresPlayer) -> None:
    player.begin(Transaction(AT, (("insert into thing (name, day) values ('a', $1::date)", ((None,),)),))).commit()
    assert player.rows("select day from thing") == [(None,)]


def test_nobody_sees_what_is_pending_and_others_commit_meanwhile(player: PostgresPlayer) -> None:
    held = player.begin(Transaction(AT, (ADD,)))
    player.begin(Transaction(AT, (("insert into thing (name) values ($1)", (("c",),)),))).commit()
    assert player.rows("select name from thing") == [("c",)]
    held.commit()
    assert player.rows("select name from thing order by name") == [("a",), ("b",), ("c",)]


def test_a_rollback_leaves_nothing(player: PostgresPlayer) -> None:
    player.begin(Transaction(AT, (ADD,))).rollback()
    assert player.rows("select * from thing") == []


def test_a_refused_statement_says_so_and_leaves_nothing(player: PostgresPlayer) -> None:
    with pytest.raises(SourceError, match=r"shop: refused a statement of the simulator: .*null value"):
        player.begin(Transaction(AT, (ADD, ("insert into thing (name) values ($1)", ((None,),)))))
    assert player.rows("select * from thing") == []
    player.begin(Transaction(AT, (ADD,))).commit()


def test_closing_gives_up_what_is_pending(player: PostgresPlayer, url: str) -> None:
    with closing(PostgresPlayer(url)) as other:
        other.begin(Transaction(AT, (ADD,)))
    assert player.rows("select * from thing") == []


def test_a_server_that_is_not_there_is_a_transient_error_without_its_password() -> None:
    with closing(PostgresPlayer("postgresql://someone:hush@127.0.0.1:1/db", "shop")) as player:
        with pytest.raises(SourceError, match="cannot be reached") as caught:
            player.rows("select 1")
        assert caught.value.transient
        assert "hush" not in str(caught.value)
