"""Engines for the kernel's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.embedded import Embedded
from asterism.adapters.postgres.engine import PostgresEngine


@pytest.fixture(scope="module")
def instance() -> Iterator[DuckDBEngine]:
    """A DuckDB. To make one takes longer than to follow most cases in it."""
    engine = DuckDBEngine()
    yield engine
    engine.close()


@pytest.fixture
def fresh_duckdb(instance: DuckDBEngine) -> Callable[[], DuckDBEngine]:
    """A DuckDB engine over an empty database: the same one, swept; one at a time."""

    def make() -> DuckDBEngine:
        for (table,) in instance.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"):
            instance.execute(f'DROP TABLE "{table}"')
        instance.execute("DROP SCHEMA IF EXISTS _asterism CASCADE; DROP SCHEMA IF EXISTS r CASCADE")
        return instance

    return make


@pytest.fixture(scope="module")
def kernel(postgres: Embedded) -> str:
    """The URL of a database of PostgreSQL."""
    engine = PostgresEngine(postgres.url)
    engine.execute("DROP DATABASE IF EXISTS kernel")
    engine.execute("CREATE DATABASE kernel STRATEGY file_copy")
    engine.close()
    return postgres.url.replace("/postgres?", "/kernel?")


@pytest.fixture
def fresh_postgres(kernel: str) -> Iterator[Callable[[], PostgresEngine]]:
    """A PostgreSQL engine over an empty database: the same one, swept; one at a time."""
    opened: list[PostgresEngine] = []

    def make() -> PostgresEngine:
        while opened:
            opened.pop().close()
        engine = PostgresEngine(kernel)
        opened.append(engine)
        for schema in ("_asterism", "r", "public"):
            engine.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        engine.execute("CREATE SCHEMA public")
        return engine

    yield make
    for engine in opened:
        engine.close()
