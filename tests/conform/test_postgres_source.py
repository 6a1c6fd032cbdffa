"""PostgreSQL conforms to the Source port, and keeps the promises of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from conftest import Database

from asterism.adapters.postgres.source import PostgresSource
from asterism.conform.source import SOURCE_EXERCISES, Origin
from asterism.sources import Postgres

_COLUMNS = {"things": ("id", "name", "amount", "at"), "parts": ("thing", "label", "count")}
_KEYS = {"things": ("id",), "parts": ("thing", "label")}


class PostgresOrigin:
    finds_deletions = True
    one_snapshot = True

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sources: list[PostgresSource] = []
        database.execute(
            "create table things (id integer primary key, name text, amount numeric(10,2), at timestamp)",
            "create table parts (thing integer, label text, count bigint, primary key (thing, label))",
        )

    def source(self, chunk_rows: int = 1000) -> PostgresSource:
        declaration = Postgres(self.database.url, chunk_rows=chunk_rows)
        self.sources.append(PostgresSource(declaration, self.database.url, "origin"))
        return self.sources[-1]

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        columns, key = _COLUMNS[table], _KEYS[table]
        values = ", ".join("%s" for _ in columns)
        update = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
        sql = f"insert into {table} values ({values}) on conflict ({', '.join(key)}) do update set {update}"
        with self.database.connect() as connection:
            connection.cursor().executemany(sql, rows)

    def delete(self, table: str, keys: Sequence[tuple[Any, ...]]) -> None:
        sql = f"delete from {table} where {' and '.join(f'{name} = %s' for name in _KEYS[table])}"
        with self.database.connect() as connection:
            connection.cursor().executemany(sql, keys)


@pytest.fixture
def origin(database: Database) -> Iterator[PostgresOrigin]:
    origin = PostgresOrigin(database)
    yield origin
    for source in origin.sources:
        source.close()


@pytest.mark.parametrize("exercise", SOURCE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_the_source_conforms(exercise: Callable[[Origin], None], origin: PostgresOrigin) -> None:
    exercise(origin)
