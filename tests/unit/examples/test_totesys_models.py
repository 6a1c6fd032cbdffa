"""The models of examples/totesys: run as they stand on DuckDB, and translated on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from adbc_driver_postgresql import dbapi

from asterism.declare.model import Model
from asterism.plan.translate import translate
from asterism.project import headers

PROJECT = Path(__file__).parents[3] / "examples" / "totesys"
MODELS = {path.stem: path.read_text() for path in sorted((PROJECT / "models").glob("*.sql"))}

WAREHOUSE = {
    "fact_sales_order": "sales_order_id INTEGER, created_date DATE, created_time TIME, last_updated_date DATE, "
    "last_updated_time TIME, sales_staff_id INTEGER, counterparty_id INTEGER, units_sold INTEGER, "
    "unit_price DECIMAL(10,2), currency_id INTEGER, design_id INTEGER, agreed_payment_date DATE, "
    "agreed_delivery_date DATE, agreed_delivery_location_id INTEGER",
    "fact_purchase_orders": "purchase_order_id INTEGER, created_date DATE, created_time TIME, last_updated_date DATE, "
    "last_updated_time TIME, staff_id INTEGER, counterparty_id INTEGER, item_code VARCHAR, item_quantity INTEGER, "
    "item_unit_price DECIMAL(10,2), currency_id INTEGER, agreed_delivery_date DATE, agreed_payment_date DATE, "
    "agreed_delivery_location_id INTEGER",
    "fact_payment": "payment_id INTEGER, created_date DATE, created_time TIME, last_updated_date DATE, "
    "last_updated_time TIME, transaction_id INTEGER, counterparty_id INTEGER, payment_amount DECIMAL(10,2), "
    "currency_id INTEGER, payment_type_id INTEGER, paid BOOLEAN, payment_date DATE",
    "dim_transaction": "transaction_id INTEGER, transaction_type VARCHAR, sales_order_id INTEGER, "
    "purchase_order_id INTEGER",
    "dim_staff": "staff_id INTEGER, first_name VARCHAR, last_name VARCHAR, department_name VARCHAR, location VARCHAR, "
    "email_address VARCHAR",
    "dim_payment_type": "payment_type_id INTEGER, payment_type_name VARCHAR",
    "dim_location": "location_id INTEGER, address_line_1 VARCHAR, address_line_2 VARCHAR, district VARCHAR, "
    "city VARCHAR, postal_code VARCHAR, country VARCHAR, phone VARCHAR",
    "dim_design": "design_id INTEGER, design_name VARCHAR, file_location VARCHAR, file_name VARCHAR",
    "dim_date": "date_id DATE, year INTEGER, month INTEGER, day INTEGER, day_of_week INTEGER, day_name VARCHAR, "
    "month_name VARCHAR, quarter INTEGER",
    "dim_currency": "currency_id INTEGER, currency_code VARCHAR, currency_name VARCHAR",
    "dim_counterparty": "counterparty_id INTEGER, counterparty_legal_name VARCHAR, "
    "counterparty_legal_address_line_1 VARCHAR, counterparty_legal_address_line_2 VARCHAR, "
    "counterparty_legal_district VARCHAR, counterparty_legal_city VARCHAR, counterparty_legal_postal_code VARCHAR, "
    "counterparty_legal_country VARCHAR, counterparty_legal_phone_number VARCHAR",
}
RECORDS = {
    "fact_sales_order": "sales_record_id",
    "fact_purchase_orders": "purchase_record_id",
    "fact_payment": "payment_record_id",
}


def declared(model: str) -> Model:
    found, problems = headers.model(PROJECT / "models" / f"{model}.sql", MODELS[model])
    assert found is not None, problems
    return found


def rows(warehouse: duckdb.DuckDBPyConnection, model: str, where: str = "true") -> list[tuple[Any, ...]]:
    select = f"with iso_4217 as ({MODELS['iso_4217']}) " if model == "dim_currency" else ""
    return warehouse.execute(f"{select} select * from ({MODELS[model]}) as model where {where} order by all").fetchall()


@pytest.fixture
def edited(raw: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables, to be changed by one test alone."""
    raw.execute("begin")
    yield raw
    raw.execute("rollback")


@pytest.fixture(scope="module")
def stored(raw: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every model as a table, without its history."""
    raw.execute("create schema stored; use stored")
    for name in sorted(MODELS, key=lambda name: name != "iso_4217"):
        raw.execute(f"create table {name} as {MODELS[name]}")
    yield raw
    raw.execute("use memory.main; drop schema stored cascade")


@pytest.mark.parametrize("model", WAREHOUSE)
def test_a_model_has_the_columns_that_the_warehouse_is_to_have(raw: duckdb.DuckDBPyConnection, model: str) -> None:
    with_iso = f"with iso_4217 as ({MODELS['iso_4217']}) select * from ({MODELS[model]})"
    described = raw.execute(f"describe {with_iso}").fetchall()
    assert ", ".join(f"{name} {kind}" for name, kind, *_ in described) == WAREHOUSE[model]


@pytest.mark.parametrize("name", WAREHOUSE)
def test_a_model_says_its_kind_and_key(name: str) -> None:
    model = declared(name)
    assert model.kind == name.split("_", 1)[0].replace("dim", "dimension")
    assert WAREHOUSE[name].startswith(" ".join(model.key) + " ")
    assert model.record == RECORDS.get(name)
    assert model.history == ("versions" if name in RECORDS else None)


@pytest.mark.parametrize("name", RECORDS)
def test_every_date_and_every_id_of_a_fact_refers_to_its_dimension(name: str) -> None:
    model = declared(name)
    columns = [column.split(" ") for column in WAREHOUSE[name].replace("(10,2)", "").split(", ")]
    referring = {column for column, kind in columns if kind == "DATE" or column.endswith("_id")} - {*model.key}
    assert {reference.column for reference in model.references} == referring


@pytest.mark.parametrize("name", RECORDS)
def test_no_fact_refers_to_a_row_that_is_not_there(stored: duckdb.DuckDBPyConnection, name: str) -> None:
    for reference in declared(name).references:
        (key,) = declared(reference.table).key
        known = f"select d.{key} from {reference.table} as d"
        column = f"f.{reference.column}"
        sql = f"select count(*) from {name} as f where {column} is not null and {column} not in ({known})"
        assert stored.execute(sql).fetchall() == [(0,)], reference


def test_the_rows_are_as_many_as_the_source_has(stored: duckdb.DuckDBPyConnection) -> None:
    counts = {
        model: stored.execute(f"select count(*), count(distinct {declared(model).key[0]}) from {model}").fetchone()
        for model in WAREHOUSE
        if model != "dim_date"
    }
    assert counts == {
        "fact_sales_order": (11_187, 11_187),
        "fact_purchase_orders": (4_649, 4_649),
        "fact_payment": (15_836, 15_836),
        "dim_transaction": (15_836, 15_836),
        "dim_staff": (20, 20),
        "dim_payment_type": (4, 4),
        "dim_location": (30, 30),
        "dim_design": (473, 473),
        "dim_currency": (3, 3),
        "dim_counterparty": (20, 20),
    }


def test_a_null_integer_stays_a_null_integer(raw: duckdb.DuckDBPyConnection) -> None:
    sale = rows(raw, "dim_transaction", "transaction_type = 'SALE'")[0]
    assert isinstance(sale[2], int)
    assert sale[3] is None


def test_the_text_na_stays_text_and_null_stays_null(raw: duckdb.DuckDBPyConnection) -> None:
    districts = {row[0]: row[3] for row in rows(raw, "dim_location")}
    assert districts[18] == "NA"
    assert districts[1] == "Humberside"
    assert districts[3] is None
    assert rows(raw, "dim_location", "location_id = 30")[0][2] == ""


def test_a_postal_code_keeps_the_zero_it_begins_with(raw: duckdb.DuckDBPyConnection) -> None:
    assert {"01067", "02108", "0800"} <= {row[5] for row in rows(raw, "dim_location")}


def test_account_numbers_never_leave_the_source(stored: duckdb.DuckDBPyConnection) -> None:
    sql = """
        select column_name from information_schema.columns
        where table_schema = 'stored' and column_name like '%ac_number%'
    """
    assert stored.execute(sql).fetchall() == []


def test_a_text_that_is_no_date_is_null_and_stops_nothing(edited: duckdb.DuckDBPyConnection) -> None:
    edited.execute("update totesys.payment set payment_date = 'soon' where payment_id = 5")
    edited.execute("update totesys.sales_order set agreed_delivery_date = '2024-02-30' where sales_order_id = 7")
    assert rows(edited, "fact_payment", "payment_id = 5")[0][-1] is None
    assert rows(edited, "fact_sales_order", "sales_order_id = 7")[0][12] is None
    assert len(rows(edited, "fact_payment")) == 15_836


def test_a_department_that_is_missing_loses_no_staff(edited: duckdb.DuckDBPyConnection) -> None:
    edited.execute("delete from totesys.department where department_id = 1")
    assert [row[3:5] for row in rows(edited, "dim_staff", "staff_id = 1")] == [(None, None)]
    edited.execute("delete from totesys.address")
    assert len(rows(edited, "dim_counterparty")) == 20


def test_an_unknown_currency_has_a_row_and_no_name(edited: duckdb.DuckDBPyConnection) -> None:
    edited.execute("insert into totesys.currency values (4, 'QQQ', now(), now())")
    assert rows(edited, "dim_currency") == [
        (1, "GBP", "Pound Sterling"),
        (2, "USD", "US Dollar"),
        (3, "EUR", "Euro"),
        (4, "QQQ", None),
    ]


def test_iso_4217_names_each_code_once(raw: duckdb.DuckDBPyConnection) -> None:
    codes = [code for code, _ in rows(raw, "iso_4217")]
    assert len(codes) == len(set(codes)) == 178
    assert all(re.fullmatch("[A-Z]{3}", code) for code in codes)


def test_dim_date_describes_each_day_and_leaves_none_out(raw: duckdb.DuckDBPyConnection) -> None:
    days = rows(raw, "dim_date")
    first, last = days[0][0], days[-1][0]
    assert first == date(2020, 1, 1)
    assert last >= date.today() + timedelta(days=5 * 365)  # noqa: DTZ011  current_date of the test's own machine
    assert [day[0] for day in days] == [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for day, year, month, number, weekday, name, month_name, quarter in days:
        assert (year, month, number, weekday) == (day.year, day.month, day.day, day.isoweekday())
        assert (name, month_name) == (day.strftime("%A"), day.strftime("%B"))
        assert quarter == (day.month + 2) // 3


def test_dim_date_holds_a_day_beyond_its_calendar_that_is_mentioned(edited: duckdb.DuckDBPyConnection) -> None:
    edited.execute("update totesys.purchase_order set agreed_delivery_date = '2199-12-31' where purchase_order_id = 1")
    edited.execute("update totesys.sales_order set created_at = '1987-06-05 04:03:02' where sales_order_id = 1")
    assert rows(edited, "dim_date", "date_id = '2199-12-31'")[0][1:] == (2199, 12, 31, 2, "Tuesday", "December", 4)
    assert rows(edited, "dim_date", "date_id = '1987-06-05'")[0][1:] == (1987, 6, 5, 5, "Friday", "June", 2)


def test_every_model_is_the_same_on_postgresql(stored: duckdb.DuckDBPyConnection, filled: Callable[[], str]) -> None:
    with dbapi.connect(filled()) as connection, connection.cursor() as cursor:
        cursor.execute("alter schema public rename to totesys")
        cursor.execute("create schema public")
        for model in sorted(MODELS, key=lambda name: name != "iso_4217"):
            tree = sqlglot.parse_one(MODELS[model], read="duckdb")
            cursor.execute(f"create table {model} as {translate(tree, 'postgres')}")
            columns = [name for name, *_ in stored.execute(f"describe {model}").fetchall()]
            cursor.execute("select " + ", ".join(f"{name}::text" for name in columns) + f" from {model}")
            found = cursor.fetch_arrow()
            stored.execute("create or replace temp table theirs as select * from found")
            del found
            ours = ", ".join(f"cast({name} as varchar) as {name}" for name in columns)
            differ = stored.execute(
                f"(select {ours} from {model} except all from theirs) union all "
                f"(from theirs except all select {ours} from {model}) limit 5"
            ).fetchall()
            assert differ == [], model


def test_this_file_names_every_model() -> None:
    assert {*WAREHOUSE, "iso_4217"} == {path.stem for path in (PROJECT / "models").iterdir()}
