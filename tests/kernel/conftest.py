"""Engines for the kernel's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from asterism.adapters.postgres.embedded import Embedded
from asterism.adapters.postgres.engine import PostgresEngine


@pytest.fixture
def fresh_postgres(postgres: Embedded) -> Iterator[Callable[[], PostgresEngine]]:
    """A PostgreSQL engine over an empty database: the same one, swept."""
    engine = PostgresEngine(postgres.url)
    engine.execute("DROP DATABASE IF EXISTS kernel")
    engine.execute("CREATE DATABASE kernel")
    engine.close()
    url = postgres.url.replace("/postgres?", "/kernel?")
    opened: list[PostgresEngine] = []

    def make() -> PostgresEngine:
        made = PostgresEngine(url)
        for schema in ("_asterism", "r", "public"):
            made.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        made.execute("CREATE SCHEMA public")
        opened.append(made)
        return made

    yield make
    for engine in opened:
        engine.close()
