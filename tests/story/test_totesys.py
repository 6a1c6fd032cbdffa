"""totesys as its user lives with it: everything goes through the command line, the source is a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from asterism.adapters.postgres.embedded import Embedded, embedded
from asterism.project.load import load
from asterism.run.answer import answer
from asterism.run.pull import pull
from asterism.run.simulate import prepare
from asterism.run.warehouse import Warehouse
from asterism.wire import Wiring

EXAMPLE = Path(__file__).parents[2] / "examples" / "totesys"
ASTERISM = Path(sys.executable).with_name("asterism")
QUERIES = {
    "top_sales_staff": {},
    "units_sold": {"month": "2024-06-15"},
    "revenue_by_country": {},
    "unpaid_by_due_date": {},
    "orders_per_day": {},
    "deleted_orders": {},
}
ELEVEN = {
    "fact_sales_order": 11_187,
    "fact_purchase_orders": 4_649,
    "fact_payment": 15_836,
    "dim_transaction": 15_836,
    "dim_staff": 20,
    "dim_payment_type": 4,
    "dim_location": 30,
    "dim_design": 473,
    "dim_currency": 3,
    "dim_counterparty": 20,
}


@dataclass(frozen=True)
class Totesys:
    """A copy of the example, its operational database running."""

    root: Path
    stage: str
    url: str
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run a command; answer what it printed, its errors too where it is to fail."""
        command = [str(ASTERISM), *arguments, "--project", str(self.root), "--stage", self.stage]
        given = {**os.environ, **self.environment, **environment}
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=False, timeout=120)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def ask(self, question: str, **parameters: str) -> list[dict[str, Any]]:
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        return json.loads(self("query", question, *given, "--json"))["rows"]

    def one(self, sql: str) -> Any:
        """The single value of a SELECT in the warehouse."""
        ((value,),) = (row.values() for row in self.ask(sql))
        return value

    @contextmanager
    def source(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A transaction at the source."""
        with psycopg.connect(self.url) as connection:
            yield connection

    def change(self, sql: str, *values: Any) -> None:
        with self.source() as connection:
            connection.execute(sql, values)

    def at_source(self, sql: str, *values: Any) -> Any:
        with self.source() as connection:
            row = connection.execute(sql, values).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Totesys]:
    with platform(tmp_path_factory.mktemp("story") / "totesys", "dev") as totesys:
        yield totesys


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Totesys]:
    """The same with PostgreSQL as the warehouse."""
    folder = tmp_path_factory.mktemp("story") / "totesys"
    server = embedded(folder.parent / "postgres")
    try:
        with platform(folder, "warehouse", WAREHOUSE_URL=server.url) as totesys:
            yield totesys
    finally:
        server.close()


@contextmanager
def platform(root: Path, stage: str, **environment: str) -> Iterator[Totesys]:
    """Copy the example, make its database and pull it."""
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    server: Embedded = embedded(root / ".asterism" / stage / "totesys")  # kept running between the commands
    totesys = Totesys(root, stage, server.url, environment)
    try:
        totesys("simulate", "--prepare", "--seed", "7")
        totesys("pull")
        yield totesys
    finally:
        server.close()


def test_the_platform_is_right_and_every_model_is_kept_current_by_its_key(dev: Totesys) -> None:
    answer = dev("check")
    assert "incremental, by date_id; again every day" in answer
    assert "full" not in answer


@pytest.mark.parametrize("stage", ["dev", "warehouse"])
def test_the_eleven_tables_hold_what_the_source_holds(stage: str, request: pytest.FixtureRequest) -> None:
    totesys: Totesys = request.getfixturevalue(stage)
    sql = " union all ".join(f"select '{table}' as name, count(*) as many from {table}" for table in ELEVEN)
    counts = {row["name"]: row["many"] for row in totesys.ask(sql)}
    # Tests before this one may have changed a little.
    assert all(many <= counts[table] < many + 100 for table, many in ELEVEN.items()), counts
    assert totesys.one("select count(*) from dim_date") >= 6 * 365


def test_a_settled_payment_has_two_versions(dev: Totesys) -> None:
    payment = dev.at_source("select max(payment_id) from payment where not paid and payment_id < 15000")
    dev.change("update payment set paid = true, last_updated = '2024-11-18 07:55:10' where payment_id = %s", payment)
    dev("pull")
    older, newer = dev.ask("payment_history", payment_id=str(payment))
    assert (older["paid"], older["is_current"]) == (False, False)
    assert (newer["paid"], newer["is_current"]) == (True, True)
    assert older["valid_to"] == newer["valid_from"]
    assert older["valid_from"] < older["valid_to"]
    assert newer["valid_to"] is None
    assert newer["last_updated_time"].startswith("07:55:10")
    assert older["payment_record_id"] != newer["payment_record_id"]


def test_a_deleted_order_closes_its_version_and_its_transaction_forgets_it(dev: Totesys) -> None:
    order = dev.at_source("select min(sales_order_id) from sales_order where sales_order_id > 100")
    transaction = dev.at_source("select transaction_id from transaction where sales_order_id = %s", order)
    dev.change("delete from sales_order where sales_order_id = %s", order)
    dev("pull", "--reconcile")
    sql = f"""
        select transaction_type, dim_transaction.sales_order_id, is_current, valid_to > valid_from as closed
        from dim_transaction, fact_sales_order as fact
        where transaction_id = {transaction} and fact.sales_order_id = {order}
    """
    assert dev.ask(sql) == [{"transaction_type": "SALE", "sales_order_id": None, "is_current": False, "closed": True}]
    assert order in [row["order_id"] for row in dev.ask("deleted_orders")]


def test_a_correction_is_counted_once_and_both_versions_stay(dev: Totesys) -> None:
    dev.change("update sales_order set units_sold = units_sold + 5, last_updated = now() where sales_order_id = 300")
    dev("pull")
    (counted,) = dev.ask("""
        select sum(units_sold) filter (where is_current) as units, count(*) as versions,
            count(distinct units_sold) as sizes
        from fact_sales_order where sales_order_id = 300
    """)
    assert int(counted["units"]) == dev.at_source("select units_sold from sales_order where sales_order_id = 300")
    assert (counted["versions"], counted["sizes"]) == (2, 2)


def test_a_member_of_staff_is_renamed_in_every_answer_and_keeps_one_row(dev: Totesys) -> None:
    name = 'O\'Hara-"Ng"; --'
    dev.change("update staff set last_name = %s, last_updated = now()", name)
    dev("pull")
    assert {row["last_name"] for row in dev.ask("top_sales_staff")} == {name}
    assert dev.ask("select last_name, count(*) as staff from dim_staff group by all") == [
        {"last_name": name, "staff": 20}
    ]


def test_a_dimension_is_not_read_again_whole(dev: Totesys) -> None:
    dev.change("update address set district = 'NA' where address_id = 7")  # forgetful of last_updated, too
    dev("pull")
    landed = sorted((dev.root / ".asterism/dev/lake/raw/totesys/address").rglob("*.parquet"), key=os.path.getmtime)
    rows = duckdb.execute("select address_id, district from read_parquet(?)", [str(landed[-1])]).fetchall()
    assert rows == [(7, "NA")]
    assert dev.one("select district from dim_location where location_id = 7") == "NA"


def test_a_late_commit_of_the_same_instant_is_not_lost(dev: Totesys) -> None:
    insert = """
        insert into design (created_at, last_updated, design_name, file_location, file_name)
        values ('2024-11-15 10:00', '2024-11-15 10:00', %s, '/designs', 'x.json')
    """
    count = "select count(*) from dim_design where design_name in ('late', 'early')"
    with psycopg.connect(dev.url) as late:
        late.execute(insert, ["late"])
        dev.change(insert, "early")
        dev("pull")
        assert dev.one(count) == 1
    dev("pull")
    assert dev.one(count) == 2


def test_pulling_again_changes_nothing(dev: Totesys) -> None:
    tables = (*ELEVEN, "dim_date")
    sql = " union all ".join(f"select '{table}' as name, count(*) as many from {table}" for table in tables)
    sql += " order by name"
    dev("pull")
    before = dev.ask(sql)
    dev("pull", "--reconcile")
    assert dev.ask(sql) == before


def test_a_source_that_is_down_is_an_error(dev: Totesys) -> None:
    said = dev("pull", code=1, TOTESYS_URL="postgresql://someone:hush@127.0.0.1:1/totesys")
    assert "totesys" in said
    assert "hush" not in said


def test_a_batch_that_cannot_be_landed_is_pulled_the_next_time(dev: Totesys) -> None:
    lake = dev.root / ".asterism/dev/lake"
    lake.rename(lake.with_name("away"))
    lake.write_text("no folder")
    dev.change("update staff set first_name = 'Ada', last_updated = now() where staff_id = 2")
    dev("pull", code=1)
    lake.unlink()
    lake.with_name("away").rename(lake)
    assert dev.one("select first_name from dim_staff where staff_id = 2") != "Ada"
    dev("pull")
    assert dev.one("select first_name from dim_staff where staff_id = 2") == "Ada"


def test_no_date_an_unknown_currency_and_a_far_date_have_their_rows(dev: Totesys) -> None:
    with dev.source() as connection:
        connection.execute("insert into currency (currency_code, last_updated) values ('QQQ', now())")
        connection.execute(
            "update purchase_order set agreed_payment_date = 'whenever', agreed_delivery_date = '2217-02-03', "
            "currency_id = (select max(currency_id) from currency) where purchase_order_id = 10"
        )
    dev("pull")
    sql = """
        select agreed_payment_date, currency_code, currency_name, day_name from fact_purchase_orders
        join dim_currency on dim_currency.currency_id = fact_purchase_orders.currency_id
        join dim_date on dim_date.date_id = agreed_delivery_date
        where purchase_order_id = 10 and is_current
    """
    (row,) = dev.ask(sql)
    assert row == {"agreed_payment_date": None, "currency_code": "QQQ", "currency_name": None, "day_name": "Monday"}


def test_a_parameter_is_a_value_and_never_sql(dev: Totesys) -> None:
    assert "1 or true" in dev("query", "payment_history", "--param", "payment_id=1 or true", code=2)


@pytest.mark.parametrize("stage", ["dev", "warehouse"])
def test_some_days_of_life_end_in_an_equal_warehouse(stage: str, request: pytest.FixtureRequest) -> None:
    totesys: Totesys = request.getfixturevalue(stage)
    totesys("simulate", "--limit", "60", "--speed", "0", "--seed", "11")
    totesys("pull")
    totesys("simulate", "--limit", "60", "--speed", "0", "--seed", "11")
    totesys("pull", "--reconcile")
    assert "0 differences" in totesys("verify")
    sums = {
        "sales_order": ("fact_sales_order", "units_sold * unit_price"),
        "purchase_order": ("fact_purchase_orders", "item_quantity * item_unit_price"),
        "payment": ("fact_payment", "payment_amount"),
    }
    here = totesys.ask(
        " union all ".join(
            f"select '{table}' as name, count(*) as many, cast(sum({amount}) as decimal(18, 2)) as amount "
            f"from {fact} where is_current"
            for table, (fact, amount) in sums.items()
        )
    )
    for row in here:
        there = totesys.at_source(f"select count(*) || ' ' || sum({sums[row['name']][1]}) from {row['name']}")
        assert f"{row['many']} {row['amount']}" == there


def test_both_warehouses_answer_alike(tmp_path: Path) -> None:
    """Within this process, since it is about the engines: each is pulled from one source and asked every query."""
    shutil.copytree(EXAMPLE, tmp_path / "totesys", ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    environment = {"TOTESYS_URL": "embedded:///.asterism/totesys"}
    answers = []
    for stage in ("dev", "warehouse"):
        project = load(tmp_path / "totesys", stage, environment)
        with Wiring(project.stage) as wiring:
            (pulled,), (simulator,) = project.pulls, project.simulators
            prepare(simulator, wiring.player(simulator), seed=7)
            warehouse = Warehouse(wiring.engine(), wiring.lake(), wiring.parquet(), tuple(project.models.values()))
            pull(warehouse, pulled, wiring.source(pulled))
            answers.append({name: answer(warehouse, project.queries[name], given) for name, given in QUERIES.items()})
    assert answers[0] == answers[1]
    assert all(each.rows for name, each in answers[0].items() if name != "deleted_orders")


def test_postgresql_keeps_the_references_of_facts(warehouse: Totesys) -> None:
    with psycopg.connect(warehouse.environment["WAREHOUSE_URL"]) as connection:
        counted = connection.execute(
            "select count(*) from pg_constraint join pg_class on pg_class.oid = conrelid "
            "where contype = 'f' and relname = 'fact_sales_order'"
        ).fetchone()
    assert counted == (9,)


def test_a_warehouse_is_made_again_from_what_was_landed(dev: Totesys) -> None:
    sql = "select payment_id, payment_amount, paid, valid_from, valid_to from fact_payment order by 1, 4 limit 300"
    before = dev.ask(sql)
    dev("rebuild")
    assert dev.ask(sql) == before
    assert "0 differences" in dev("verify")


def test_production_takes_no_invented_rows(dev: Totesys) -> None:
    production = Totesys(dev.root, "prod", dev.url)
    places = {"TOTESYS_URL": dev.url, "WAREHOUSE_URL": "duckdb:///.asterism/prod.duckdb", "LAKE_URL": ".asterism/prod"}
    said = production("simulate", "--limit", "1", code=2, **places)
    assert "production" in said
