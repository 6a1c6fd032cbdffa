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
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from asterism.adapters.postgres.embedded import Embedded, embedded

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

pytestmark = pytest.mark.timeout(300)


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
    """Copy the example, make its database, one transaction old, and pull it."""
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    server: Embedded = embedded(root / ".asterism" / stage / "totesys")  # kept running between the commands
    totesys = Totesys(root, stage, server.url, environment)
    try:
        totesys("simulate", "--limit", "1", "--speed", "0", "--seed", "7")
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
    transaction = dev.one(f"select transaction_id from dim_transaction where sales_order_id = {order}")
    dev.change("delete from sales_order where sales_order_id = %s", order)
    dev("pull", "--reconcile")
    (version,) = dev.ask(f"select valid_to, is_current from fact_sales_order where sales_order_id = {order}")
    assert version["is_current"] is False
    assert version["valid_to"] is not None
    sql = f"select transaction_type, sales_order_id from dim_transaction where transaction_id = {transaction}"
    assert dev.ask(sql) == [{"transaction_type": "SALE", "sales_order_id": None}]
    assert order in [row["order_id"] for row in dev.ask("deleted_orders")]


def test_a_correction_is_counted_once_and_both_versions_stay(dev: Totesys) -> None:
    before = dev.one("select sum(units_sold) from fact_sales_order where is_current")
    dev.change("update sales_order set units_sold = units_sold + 5, last_updated = now() where sales_order_id = 300")
    dev("pull")
    assert int(dev.one("select sum(units_sold) from fact_sales_order where is_current")) == int(before) + 5
    assert dev.one("select count(*) from fact_sales_order where sales_order_id = 300") == 2


def test_a_member_of_staff_is_renamed_in_every_answer_and_keeps_one_row(dev: Totesys) -> None:
    dev.change("update staff set last_name = %s, last_updated = now() where staff_id = 1", 'O\'Hara-"Ng"; --')
    dev("pull")
    assert dev.ask("select last_name from dim_staff where staff_id = 1") == [{"last_name": 'O\'Hara-"Ng"; --'}]
    names = {row["last_name"] for row in dev.ask("top_sales_staff") if row["staff_id"] == 1}
    assert names <= {'O\'Hara-"Ng"; --'}
    assert dev.one("select count(*) from dim_staff") == 20


def test_a_dimension_is_not_read_again_whole(dev: Totesys) -> None:
    dev.change("update address set district = 'NA' where address_id = 7")  # forgetful of last_updated, too
    dev("pull")
    landed = sorted((dev.root / ".asterism/dev/lake/raw/totesys/address").rglob("*.parquet"), key=os.path.getmtime)
    rows = duckdb.execute("select address_id, district from read_parquet(?)", [str(landed[-1])]).fetchall()
    assert rows == [(7, "NA")]
    assert dev.one("select district from dim_location where location_id = 7") == "NA"


def test_a_late_commit_is_not_lost(dev: Totesys) -> None:
    insert = """
        insert into design (created_at, last_updated, design_name, file_location, file_name)
        values (%s, %s, %s, '/designs', 'x.json')
    """
    with psycopg.connect(dev.url) as late:
        late.execute(insert, ("2024-11-15 10:00", "2024-11-15 10:00", "late"))
        dev.change(insert, "2024-11-15 18:00", "2024-11-15 18:00", "early")
        dev("pull")
        assert dev.one("select count(*) from dim_design where design_name in ('late', 'early')") == 1
    dev("pull")
    assert dev.one("select count(*) from dim_design where design_name in ('late', 'early')") == 2


def test_two_rows_of_the_same_instant_are_both_there_however_the_polls_fall(dev: Totesys) -> None:
    for name in ("instant one", "instant two"):
        dev.change(
            "insert into design (created_at, last_updated, design_name, file_location, file_name) "
            "values ('2024-11-15 12:00', '2024-11-15 12:00', %s, '/designs', 'x.json')",
            name,
        )
        dev("pull")
    assert dev.one("select count(*) from dim_design where design_name like 'instant%'") == 2


def test_pulling_again_changes_nothing(dev: Totesys) -> None:
    tables = (*ELEVEN, "dim_date")
    sql = " union all ".join(f"select '{table}' as name, count(*) as many from {table}" for table in tables)
    dev("pull", "--reconcile")
    before = dev.ask(sql)
    dev("pull")
    dev("pull", "--reconcile")
    assert dev.ask(sql) == before


def test_a_source_that_is_down_is_an_error_and_moves_nothing(dev: Totesys) -> None:
    said = dev("pull", code=1, TOTESYS_URL="postgresql://someone:hush@127.0.0.1:1/totesys")
    assert "totesys" in said
    assert "hush" not in said
    assert "0 differences" in dev("verify")


def test_a_batch_that_cannot_be_landed_is_pulled_the_next_time(dev: Totesys) -> None:
    lake = dev.root / ".asterism/dev/lake"
    lake.rename(lake.with_name("away"))
    lake.write_text("no folder")
    dev.change("update department set manager = 'Ada' where department_id = 1")
    dev.change("update staff set first_name = 'Ada', last_updated = now() where staff_id = 2")
    dev("pull", code=1)
    lake.unlink()
    lake.with_name("away").rename(lake)
    assert dev.one("select first_name from dim_staff where staff_id = 2") != "Ada"
    dev("pull")
    assert dev.one("select first_name from dim_staff where staff_id = 2") == "Ada"


def test_a_date_that_is_none_is_null_and_the_load_goes_on(dev: Totesys) -> None:
    dev.change("update purchase_order set agreed_payment_date = 'whenever' where purchase_order_id = 9")
    dev("pull")
    sql = "select agreed_payment_date from fact_purchase_orders where purchase_order_id = 9 and is_current"
    assert dev.one(sql) is None


def test_an_unknown_currency_and_a_far_date_have_their_rows(dev: Totesys) -> None:
    with dev.source() as connection:
        connection.execute("insert into currency (currency_code, last_updated) values ('QQQ', now())")
        connection.execute(
            "update purchase_order set agreed_delivery_date = '2217-02-03', currency_id = "
            "(select max(currency_id) from currency) where purchase_order_id = 10"
        )
    dev("pull")
    sql = """
        select currency_code, currency_name, day_name from fact_purchase_orders
        join dim_currency on dim_currency.currency_id = fact_purchase_orders.currency_id
        join dim_date on dim_date.date_id = agreed_delivery_date
        where purchase_order_id = 10 and is_current
    """
    assert dev.ask(sql) == [{"currency_code": "QQQ", "currency_name": None, "day_name": "Monday"}]


def test_a_parameter_is_a_value_and_never_sql(dev: Totesys) -> None:
    dev("query", "payment_history", "--param", "payment_id=1 or true", code=2)
    assert len(dev.ask("payment_history", payment_id="1")) <= 2


@pytest.mark.parametrize("stage", ["dev", "warehouse"])
def test_some_days_of_life_end_in_an_equal_warehouse(stage: str, request: pytest.FixtureRequest) -> None:
    totesys: Totesys = request.getfixturevalue(stage)
    for seed in ("11", "11"):
        totesys("simulate", "--limit", "60", "--speed", "0", "--seed", seed)
        totesys("pull")
    totesys("pull", "--reconcile")
    assert "0 differences" in totesys("verify")
    sums = {
        "sales_order": ("fact_sales_order", "units_sold * unit_price"),
        "purchase_order": ("fact_purchase_orders", "item_quantity * item_unit_price"),
        "payment": ("fact_payment", "payment_amount"),
    }
    for table, (fact, amount) in sums.items():
        there = totesys.at_source(f"select count(*) || ' ' || sum({amount}) from {table}")
        (here,) = totesys.ask(f"select count(*) as many, sum({amount}) as amount from {fact} where is_current")
        assert there == f"{here['many']} {Decimal(here['amount'])}"


def test_both_warehouses_answer_alike(dev: Totesys, warehouse: Totesys) -> None:
    with_sums = (
        "select currency_id, count(*) as many, sum(payment_amount) as amount from fact_payment where payment_id "
    )
    sql = f"{with_sums} between 2000 and 9000 group by currency_id order by currency_id"
    assert dev.ask(sql) == warehouse.ask(sql)
    for name, parameters in QUERIES.items():
        here, there = dev.ask(name, **parameters), warehouse.ask(name, **parameters)
        assert [list(row) for row in here[:1]] == [list(row) for row in there[:1]], name


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
