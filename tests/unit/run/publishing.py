"""A small star and the databases it is published to, for tests to change, break and read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import Database, parquet

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.postgres.source import PostgresSource
from asterism.declare.model import Model, Reference
from asterism.declare.publish import Publication
from asterism.declare.source import Postgres, Pull
from asterism.ports.engine import Engine
from asterism.run.publish import Published, Publisher
from asterism.run.pull import pull
from asterism.run.replica import Replica
from asterism.run.session import Session, quote
from asterism.run.warehouse import Warehouse

TABLES = (
    "create table staff (id int primary key, name text not null, team text)",
    "create table orders (id int primary key, staff_id int not null, amount numeric(10,2), at timestamp, note text)",
    "create view n as select * from generate_series(1, 60) i",
    "insert into staff values (1, 'Ana', 'a'), (2, 'Bo', 'a'), (3, 'Cy', null)",
    "insert into orders select i, 1 + i % 3, i * 1.25, timestamp '2026-03-01' + i * interval '1m' from n",
)


def model(name: str, sql: str, kind: Any, key: str, **more: Any) -> Model:
    return Model(name, Path(f"{name}.sql"), f"About {name}: it's here.", sql, 1, kind, tuple(key.split()), **more)


STAR = {
    each.name: each
    for each in (
        # A header's names need not be spelled as the columns are.
        model("dim_staff", "select id as staff_id, name from s.staff", "dimension", "Staff_ID"),
        model(
            "fact_order",
            "select id, staff_id, amount, at, note from s.orders",
            "fact",
            "id",
            history="versions",
            record="order_record_id",
            references=(Reference("Staff_Id", "dim_staff"),),
        ),
        model(
            "per_staff",
            "select staff_id, sum(amount) as amount, count(*) as orders from fact_order where is_current group by all",
            "mart",
            "staff_id",
            references=(Reference("staff_id", "dim_staff"),),
        ),
        model(
            "per_team",
            "select team, count(*) as members, avg(id) as middle from s.staff group by team",
            "mart",
            "team",
        ),
    )
}


@dataclass
class Press:
    """A source, the warehouse that follows it, and what is published of it."""

    origin: Database
    folder: Path
    models: dict[str, Model] = field(default_factory=lambda: dict(STAR))
    warehouse_url: str = ""
    processed: bool = True

    def __post_init__(self) -> None:
        self.origin.execute(*TABLES)
        self.lake = ObstoreLake((self.folder / "lake").as_uri())
        self.open()

    def open(self) -> None:
        path = self.folder / "warehouse.duckdb"
        self.engine: Engine = PostgresEngine(self.warehouse_url) if self.warehouse_url else DuckDBEngine(path)
        declaration = Postgres(self.origin.url)
        self.source = PostgresSource(declaration, self.origin.url, "s")
        self.declared = Pull(declaration, "s", timedelta(1), timedelta(1))
        self.adopt()

    def adopt(self) -> None:
        """Take the models as they are now."""
        models = tuple(self.models.values())
        self.warehouse = Warehouse(self.engine, self.lake, parquet(), models, processed=self.processed)
        self.warehouse.ledger.prepare()

    def close(self) -> None:
        self.source.close()
        self.engine.close()

    def edit(self, name: str, **changes: Any) -> None:
        self.models[name] = replace(self.models[name], **changes)
        self.adopt()

    def pull(self, *statements: str) -> None:
        """Let something happen at the source, and take it in."""
        self.origin.execute(*statements)
        pull(self.warehouse, self.declared, self.source, reconcile=True)

    def to(self, target: Database, *models: str, schema: str = "analysis") -> Edition:
        declared = Publication("stars", models or tuple(self.models), target.url, schema)
        return Edition(self, target, declared, PostgresEngine(target.url))


@dataclass
class Edition:
    """One publication."""

    press: Press
    target: Database
    declared: Publication
    engine: PostgresEngine

    def publisher(self) -> Publisher:
        replica = Replica(Session(self.engine), "small/stars")
        return Publisher(self.declared, lambda: self.press.warehouse, replica, self.press.lake, parquet())

    def publish(self, *, full: bool = False) -> Published:
        return self.publisher().run(full=full)

    def differences(self) -> dict[str, int]:
        """How many rows of each table are not the same here and there, by the names of their columns."""
        found = {}
        for name in self.declared.models:
            names = sorted(column.name for column in self.press.engine.columns(name))
            listed = ", ".join(map(quote, names))
            here = Counter(self.press.engine.rows(f"SELECT {listed} FROM {quote(name)}"))
            there = Counter(self.engine.rows(f"SELECT {listed} FROM {quote(self.declared.table(name))}"))
            found[name] = (here - there).total() + (there - here).total()
        return {name: count for name, count in found.items() if count}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.target.rows(sql)
