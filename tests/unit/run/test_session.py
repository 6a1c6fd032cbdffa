"""The names of temporary tables."""

from __future__ import annotations

from contextlib import suppress

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.errors import EngineError
from asterism.run.session import Session


def test_each_transaction_gives_the_names_of_the_last_so_that_its_statements_are_known() -> None:
    session, given = Session(DuckDBEngine()), []
    for _ in range(2):
        with session.transaction():
            given.append([session.keep("SELECT 1 AS n"), session.keep("SELECT 2 AS n")])
    with suppress(EngineError), session.transaction():
        given.append([session.keep("SELECT 1 AS n"), session.keep("SELECT 2 AS n")])
        session.execute("SELECT * FROM nothing")
    with session.transaction():
        given.append([session.keep("SELECT 1 AS n"), session.keep("SELECT 2 AS n")])
    assert given == [given[0]] * 4


def test_a_name_that_was_given_outside_of_a_transaction_is_not_given_in_it() -> None:
    session = Session(DuckDBEngine())
    outside = session.name()
    session.execute(f"CREATE TEMPORARY TABLE {outside} AS SELECT 1 AS n")
    with session.transaction():
        assert session.rows(f"SELECT n FROM {session.keep('SELECT 2 AS n')}") == [(2,)]
    assert session.rows(f"SELECT n FROM {outside}") == [(1,)]
