"""What a person reads when a PostgreSQL refuses."""

from __future__ import annotations

import socket

import pytest
from conftest import Database

from asterism.adapters.postgres.failures import failure, scrubbed
from asterism.adapters.postgres.source import PostgresSource
from asterism.errors import SourceError
from asterism.sources import Postgres


def _refusal(url: str, **more) -> SourceError:
    source = PostgresSource(Postgres(url, **more), url, "shop")
    with pytest.raises(SourceError) as caught, source.pull({}) as answer:
        list(answer.batches)
    source.close()
    return caught.value


def test_a_server_that_is_down_is_transient() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refusal = _refusal(f"postgresql://someone:s3cr%40t@127.0.0.1:{port}/shop")
    assert refusal.transient
    assert "Connection refused" in str(refusal)
    assert "Is the server up" in str(refusal)
    assert "s3cr" not in str(refusal)


def test_a_wrong_password_is_not() -> None:
    error = OSError('connection to server at "db" failed: FATAL:  password authentication failed for user "me"')
    refusal = failure("shop", "postgresql://me:nope@db/shop", error)
    assert not refusal.transient
    assert str(refusal).startswith('shop: password authentication failed for user "me"')
    assert "Correct the password" in str(refusal)


def test_an_unknown_database_and_an_unknown_role_are_not(database: Database) -> None:
    refusal = _refusal(database.url.replace("/test_", "/no_"))
    assert not refusal.transient
    assert "does not exist" in str(refusal)
    assert "name of the database" in str(refusal)
    refusal = _refusal(database.url.replace("postgres@", "nobody@"))
    assert not refusal.transient
    assert "Check the role" in str(refusal)


def test_a_url_that_is_none_is_told_without_its_password() -> None:
    refusal = _refusal("postgresql://me:pass@word@host:port/x")
    assert not refusal.transient
    assert "word" not in str(refusal).replace("password", "")


def test_a_statement_timeout_says_what_to_raise(database: Database) -> None:
    name = database.url.split("/")[3].split("?")[0]
    database.execute(
        "create table t (id int primary key, v text)",
        "insert into t select i, repeat('x', 100) from generate_series(1, 300000) i",
        f"alter database {name} set statement_timeout = '1ms'",
    )
    refusal = _refusal(database.url)
    assert refusal.transient
    assert "statement timeout" in str(refusal)
    assert "statement_timeout" in str(refusal)


def test_a_password_is_scrubbed_in_every_spelling() -> None:
    for url in (
        "postgresql://me:p%40ss@host/db",
        "postgresql://host/db?user=me&password=p%40ss",
        "host=h password=p%40ss user=me",
    ):
        assert scrubbed("said p@ss and p%40ss", url) in ("said *** and ***", "said p@ss and ***", "said *** and ***")
        assert "p%40ss" not in scrubbed("said p@ss and p%40ss", url)
