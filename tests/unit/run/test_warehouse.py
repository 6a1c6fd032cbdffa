"""A warehouse over a real PostgreSQL source: what is pulled, landed, compared and made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Database, parquet

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.postgres.source import PostgresSource
from asterism.declare.model import Check, Model, Reference
from asterism.declare.source import Postgres, Pull
from asterism.errors import EngineError, SourceError
from asterism.ports.engine import Engine
from asterism.run.answer import answer
from asterism.run.pull import Pulled, pull
from asterism.run.rebuild import rebuild, refresh
from asterism.run.status import status
from asterism.run.verify import verify
from asterism.run.verify_source import verify_source
from asterism.run.warehouse import Warehouse

MODELS = (
    Model("dim_staff", Path("dim_staff.sql"), "Staff.", "select id, name from s.staff", 1, "dimension", ("id",)),
    Model(
        "fact_order",
        Path("fact_order.sql"),
        "Orders.",
        "select id, staff_id, amount from s.orders",
        1,
        "fact",
        ("id",),
        "versions",
        "order_record_id",
        (Reference("staff_id", "dim_staff"),),
    ),
    Model(
        "revenue",
        Path("revenue.sql"),
        "Revenue.",
        "select name, sum(amount) as revenue, count(*) as orders from fact_order join dim_staff d on d.id = staff_id "
        "where is_current group by name",
        1,
        "mart",
        ("name",),
    ),
    Model(
        "share",
        Path("share.sql"),
        "Orders by their part of the greatest, which is a float.",
        "select o.id, cast(o.amount as double) / 125 as part from s.orders o",
        1,
        "mart",
        ("id",),
    ),
)


@dataclass
class Bench:
    """A source database, and the warehouse that follows it."""

    origin: Database
    folder: Path
    engine: Engine
    warehouse: Warehouse
    source: PostgresSource
    declared: Pull

    def pull(self, *, reconcile: bool = False) -> Pulled:
        return pull(self.warehouse, self.declared, self.source, reconcile=reconcile)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return answer(self.warehouse, sql).rows

    def differences(self) -> int:
        return sum(each.count for each in verify(self.warehouse))


@pytest.fixture(params=["duckdb", "postgresql"])
def bench(request: pytest.FixtureRequest, make_database: Callable[[], Database], tmp_path: Path) -> Iterator[Bench]:
    origin = make_database()
    origin.execute(
        "create table staff (id int primary key, name text not null)",
        "create table orders (id int primary key, staff_id int references staff, amount numeric(10,2), note text)",
        "insert into staff values (1, 'Ana'), (2, 'Bo')",
        "insert into orders select i, 1 + i % 2, i * 1.25, 'NA' from generate_series(1, 100) i",
    )
    engine: Engine = (
        DuckDBEngine(tmp_path / "warehouse.duckdb")
        if request.param == "duckdb"
        else PostgresEngine(make_database().url)
    )
    warehouse = Warehouse(engine, ObstoreLake(f"file://{tmp_path / 'lake'}"), parquet(), MODELS)
    declaration = Postgres(origin.url)
    source = PostgresSource(declaration, origin.url, "s")
    made = Bench(origin, tmp_path, engine, warehouse, source, Pull(declaration, "s", timedelta(1), timedelta(1)))
    made.pull()
    yield made
    source.close()
    engine.close()


def test_a_change_reaches_every_model_behind_it(bench: Bench) -> None:
    bench.origin.execute(
        "update orders set amount = amount + 100 where id = 2", "update staff set name = 'Cy' where id = 2"
    )
    bench.pull()
    assert bench.rows("select name, orders from revenue order by name") == [("Ana", 50), ("Cy", 50)]
    assert bench.rows("select count(*) from fact_order where id = 2") == [(2,)]
    assert bench.differences() == 0


def test_verify_tells_what_somebody_changed_by_hand(bench: Bench) -> None:
    bench.engine.execute("UPDATE revenue SET orders = 7 WHERE name = 'Ana'")
    found = {each.table: (each.missing, each.unexpected) for each in verify(bench.warehouse)}
    assert found["revenue"] == (1, 1)
    assert found["dim_staff"] == (0, 0)
    assert found["fact_order"] == (0, 0)


def test_verify_tells_of_rows_that_stand_twice(bench: Bench) -> None:
    twice = [f"INSERT INTO {each} SELECT * FROM {each} WHERE id = 2" for each in ("dim_staff", "share")]
    if isinstance(bench.engine, PostgresEngine):
        for statement in twice:
            with pytest.raises(EngineError, match="duplicate key"):
                bench.engine.execute(statement)
        return
    for statement in twice:
        bench.engine.execute(statement)
    found = {each.table: (each.missing, each.unexpected) for each in verify(bench.warehouse)}
    assert (found["dim_staff"], found["share"], found["revenue"]) == ((0, 1), (0, 1), (1, 1))


def test_verify_tells_of_a_broken_history(bench: Bench) -> None:
    bench.engine.execute("UPDATE fact_order SET is_current = false WHERE id = 3")
    found = {each.table: each for each in verify(bench.warehouse)}["fact_order"]
    assert (found.missing, found.history) == (1, 1)


def test_verify_against_the_source_tells_what_was_never_pulled(bench: Bench) -> None:
    assert sum(each.count for each in verify_source(bench.warehouse, bench.declared, bench.source)) == 0
    bench.engine.execute("UPDATE s.orders SET note = 'null' WHERE id = 5")
    bench.engine.execute("DELETE FROM s.orders WHERE id = 6")
    found = {each.table: each for each in verify_source(bench.warehouse, bench.declared, bench.source)}["s.orders"]
    assert (found.missing, found.unexpected) == (2, 1)


def test_the_landing_zone_makes_an_equal_warehouse(bench: Bench) -> None:
    bench.origin.execute("update orders set amount = 1 where id = 7", "delete from orders where id = 8")
    bench.pull(reconcile=True)
    bench.origin.execute("insert into orders values (1000, 1, null, null)")
    bench.pull()
    tables = ("fact_order", "dim_staff", "revenue", "s.orders", "s.staff")
    before = {name: sorted(map(repr, bench.rows(f"select * from {name}"))) for name in tables}
    rebuild(bench.warehouse, ("s",))
    assert {name: sorted(map(repr, bench.rows(f"select * from {name}"))) for name in tables} == before
    bench.origin.execute("insert into orders values (1001, 2, 5, 'after')")
    bench.pull()
    assert bench.rows("select note from s.orders where id = 1001") == [("after",)], "the cursor came back with the rest"
    assert bench.differences() == 0


def test_what_a_check_stopped_once_is_current_after_a_rebuild_if_it_passes_by_now(bench: Bench) -> None:
    positive = Check("amount > 0", 1)
    checked = tuple(replace(each, checks=(positive,)) if each.name == "fact_order" else each for each in MODELS)
    warehouse = bench.warehouse = Warehouse(bench.engine, bench.warehouse.lake, bench.warehouse.parquet, checked)
    bench.origin.execute("update orders set amount = -1 where id = 7")
    assert [name for name, _ in bench.pull().held] == ["fact_order", "revenue"]
    bench.origin.execute("update orders set amount = 5 where id = 7")
    assert bench.pull().held == ()
    assert rebuild(warehouse, ("s",)).held == ()
    assert bench.rows("select amount from fact_order where id = 7 and is_current") == [(5,)]
    assert bench.differences() == 0


def test_a_batch_lies_under_the_date_and_number_of_its_cursor(bench: Bench) -> None:
    names = sorted(str(path.relative_to(bench.folder / "lake")) for path in (bench.folder / "lake").rglob("*.parquet"))
    assert any(name.startswith("raw/s/orders/") and name.endswith("000000000000.parquet") for name in names)
    (first,) = [name for name in names if name.startswith("raw/s/orders/")]
    rows = duckdb.sql(f"select count(*), count(distinct id) from '{bench.folder / 'lake' / first}'").fetchall()
    assert rows == [(100, 100)]


def test_the_processed_zone_holds_each_models_change_set(bench: Bench) -> None:
    bench.origin.execute("update orders set amount = 99 where id = 9")
    bench.pull()
    found = sorted((bench.folder / "lake" / "processed" / "fact_order").rglob("*.parquet"))
    rows = duckdb.sql(f"select change, is_current, id from '{found[-1]}' order by all").fetchall()
    assert rows == [("after", False, 9), ("after", True, 9), ("before", True, 9)]


def test_a_column_added_at_the_source_appears_with_what_it_holds(bench: Bench) -> None:
    bench.origin.execute("alter table orders add column colour text default 'red'")
    pulled = bench.pull()
    assert any("colour" in notice for notice in pulled.notices)
    assert bench.rows("select count(*) from s.orders where colour = 'red'") == [(100,)]
    assert bench.differences() == 0


def test_a_column_dropped_at_the_source_keeps_what_it_held(bench: Bench) -> None:
    bench.origin.execute("alter table orders drop column note", "insert into orders values (500, 1, 2)")
    bench.pull()
    assert bench.rows("select count(note), count(*) from s.orders") == [(100, 101)]
    assert bench.differences() == 0


def test_a_type_that_widens_is_followed(bench: Bench) -> None:
    bench.origin.execute(
        "alter table orders alter column amount type numeric(12,3)", "update orders set amount = 1.125 where id = 1"
    )
    pulled = bench.pull()
    assert any("amount" in notice for notice in pulled.notices)
    assert str(bench.rows("select amount from fact_order where id = 1 and is_current")[0][0]).startswith("1.125")
    assert bench.differences() == 0


def test_a_type_that_does_not_fit_what_is_stored_is_reported_and_corrupts_nothing(bench: Bench) -> None:
    before = bench.rows("select * from s.orders order by id")
    bench.origin.execute("alter table orders alter column note type date using date '2024-01-01'")
    with pytest.raises(SourceError, match="note was VARCHAR and is DATE"):
        bench.pull()
    assert bench.rows("select * from s.orders order by id") == before


def test_a_table_that_appears_at_the_source_is_pulled(bench: Bench) -> None:
    bench.origin.execute("create table extra (id int primary key)", "insert into extra values (1)")
    bench.pull()
    assert bench.rows("select id from s.extra") == [(1,)]


def test_an_idle_pull_lands_nothing(bench: Bench) -> None:
    before = sorted((bench.folder / "lake").rglob("*"))
    assert bench.pull().rows == 0
    assert sorted((bench.folder / "lake").rglob("*")) == before


def test_a_model_that_fails_on_data_is_held_and_the_rest_goes_on(bench: Bench) -> None:
    bad = Model(
        "bad", Path("bad.sql"), "Bad.", "select id, cast(note as integer) as n from s.orders", 1, "mart", ("id",)
    )
    bench.warehouse.models = (*MODELS, bad)
    bench.warehouse.forget()
    done = refresh(bench.warehouse)
    assert [name for name, _ in done.held] == ["bad"]
    bench.origin.execute("update orders set amount = 3 where id = 1")
    pulled = bench.pull()
    assert [name for name, _ in pulled.held] == ["bad"]
    assert bench.rows("select amount from fact_order where id = 1 and is_current")[0][0] == 3
    shown = {each.model: each for each in status(bench.warehouse, ("s",)).models}
    assert (shown["bad"].state, shown["revenue"].state) == ("held", "current")
    assert "bad" not in {each.table for each in verify(bench.warehouse)}, "never built: nothing to compare"
    assert [name for name, _ in refresh(bench.warehouse).held] == ["bad"], "asked again by hand, and no better"
    bench.origin.execute("update orders set note = '5'")
    assert bench.pull().held == ()
    assert bench.rows("select distinct n from bad") == [(5,)]


def test_a_held_model_that_stands_is_told_by_verify_and_the_rest_is_compared(bench: Bench) -> None:
    """Its new text has a column that the table lacks, and cannot be computed."""
    broken = replace(MODELS[0], sql="select id, name, cast(name as integer) as number from s.staff")
    bench.warehouse.models = (broken, *MODELS[1:])
    bench.warehouse.forget()
    ((name, reason),) = refresh(bench.warehouse).held[:1]
    found = {each.table: each for each in verify(bench.warehouse)}
    assert name == "dim_staff"
    assert (found[name].held, found[name].count) == (reason, 0)
    assert (found["share"].held, found["share"].count) == ("", 0)
    bench.warehouse.models = MODELS
    bench.warehouse.forget()
    assert refresh(bench.warehouse).held == ()
    assert {(each.held, each.count) for each in verify(bench.warehouse)} == {("", 0)}


def test_a_postgresql_warehouse_has_primary_and_foreign_keys(bench: Bench) -> None:
    if not bench.engine.enforces_keys:
        assert bench.engine.rows("SELECT count(*) FROM duckdb_constraints()")[0][0] == 0
        return
    found = bench.engine.rows(
        "SELECT table_name::text, constraint_type::text FROM information_schema.table_constraints "
        "WHERE table_schema = 'public' AND constraint_type <> 'CHECK' ORDER BY 1, 2"
    )
    assert found == [
        ("dim_staff", "PRIMARY KEY"),
        ("fact_order", "FOREIGN KEY"),
        ("fact_order", "PRIMARY KEY"),
    ]
