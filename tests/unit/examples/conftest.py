"""totesys as its simulator makes it: in PostgreSQL, and its tables in DuckDB as a pull would leave them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

from asterism.adapters.postgres.embedded import Embedded
from asterism.adapters.postgres.player import PostgresPlayer
from asterism.declare.simulator import Simulator
from asterism.run.simulate import prepare
from asterism.sources import Postgres

PROJECT = Path(__file__).parents[3] / "examples" / "totesys"
SEED = 7

TABLES = (
    "address",
    "counterparty",
    "currency",
    "department",
    "design",
    "payment",
    "payment_type",
    "purchase_order",
    "sales_order",
    "staff",
    "transaction",
)

_TYPES = {"integer": "INTEGER", "text": "VARCHAR", "boolean": "BOOLEAN", "timestamp without time zone": "TIMESTAMP"}

Fresh = Callable[[], str]


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    # At the end of the path: in front, the project's platform.py would hide the standard library's.
    if str(PROJECT) not in sys.path:
        sys.path.append(str(PROJECT))
    import totesys_simulator

    return Simulator("live", Postgres(""), totesys_simulator.live, totesys_simulator.prepare)


@pytest.fixture(scope="session")
def empty(postgres: Embedded) -> Fresh:
    """Make an empty database, each time it is called."""
    numbers = count(1)

    def make(template: str = "template1") -> str:
        name = f"totesys_{next(numbers)}"
        _run(postgres.url, f"create database {name} template {template}")
        return postgres.url.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def filled(empty: Fresh, simulator: Simulator) -> Fresh:
    """Make a database with the history of totesys, each time it is called."""
    first = empty()
    player = PostgresPlayer(first)
    prepare(simulator, player, seed=SEED)
    player.close()
    template = first.split("/")[3].split("?")[0]
    return lambda: empty(template)  # type: ignore[call-arg]


@pytest.fixture(scope="session")
def raw(filled: Fresh) -> duckdb.DuckDBPyConnection:
    """The eleven tables in DuckDB's schema `totesys`, with the types that a pull gives them."""
    warehouse = duckdb.connect()
    warehouse.execute("create schema totesys")
    with dbapi.connect(filled()) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns "
                f"where table_schema = 'public' and table_name = '{table}' order by ordinal_position"
            )
            columns = cursor.fetch_arrow()
            described = warehouse.execute("select * from columns").fetchall()
            read = ", ".join(f"{name}::text as {name}" for name, *_ in described)
            cast = ", ".join(f"cast({name} as {_type(*kind)}) as {name}" for name, *kind in described)
            cursor.execute(f"select {read} from {table}")
            rows = cursor.fetch_arrow()
            warehouse.execute(f"create table totesys.{table} as select {cast} from rows")
            del columns, rows
    return warehouse


def _type(kind: str, precision: int | None, scale: int | None) -> str:
    return f"DECIMAL({precision},{scale})" if kind == "numeric" else _TYPES.get(kind, "VARCHAR")


def _run(url: str, sql: str) -> None:
    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
