"""The queries of examples/totesys: their answers, reckoned again by hand."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

PROJECT = Path(__file__).parents[3] / "examples" / "totesys"
FACTS = {
    "fact_sales_order": "sales_record_id",
    "fact_purchase_orders": "purchase_record_id",
    "fact_payment": "payment_record_id",
}
LOADED = "timestamp '2024-11-15 19:00:00'"


@pytest.fixture(scope="module")
def warehouse(raw: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every model as a table; of each fact, row 1 has an older version of twice its size and row 2 was deleted."""
    raw.execute("create schema warehouse; use warehouse")
    models = {path.stem: path.read_text() for path in (PROJECT / "models").glob("*.sql")}
    for name in sorted(models, key=lambda name: name != "iso_4217"):
        if name not in FACTS:
            raw.execute(f"create table {name} as {models[name]}")
            continue
        key = (re.search(r"^-- key: (.*)$", models[name], re.MULTILINE) or [""])[1]
        raw.execute(
            f"create table {name} as select row_number() over () as {FACTS[name]}, *, {LOADED} as valid_from, "
            f"if({key} = 2, {LOADED} + interval 1 hour, null) as valid_to, {key} <> 2 as is_current "
            f"from ({models[name]})"
        )
        raw.execute(
            f"insert into {name} select * replace (-{FACTS[name]} as {FACTS[name]}, valid_from - interval 1 day "
            f"as valid_from, valid_from as valid_to, false as is_current) from {name} where {key} = 1"
        )
    yield raw
    raw.execute("use memory.main; drop schema warehouse cascade")


def ask(warehouse: duckdb.DuckDBPyConnection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = warehouse.execute((PROJECT / "queries" / f"{name}.sql").read_text(), parameters or None)
    columns = [column[0] for column in answer.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def sales(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Every current sale of the source: staff, counterparty, currency, amount, day, units."""
    sql = """
        select staff_id, counterparty_id, currency_id, units_sold * unit_price, created_at::date, units_sold
        from totesys.sales_order where sales_order_id <> 2
    """
    return warehouse.execute(sql).fetchall()


def test_top_sales_staff_are_ten_a_currency_and_amounts_stay_apart(warehouse: duckdb.DuckDBPyConnection) -> None:
    revenue: dict[str, Counter[int]] = defaultdict(Counter)
    for staff, _, currency, amount, *_ in sales(warehouse):
        revenue[("GBP", "USD", "EUR")[currency - 1]][staff] += amount
    answer = ask(warehouse, "top_sales_staff")
    assert [row["currency_code"] for row in answer] == ["EUR"] * 10 + ["GBP"] * 10 + ["USD"] * 10
    for code, sums in revenue.items():
        found = [(row["staff_id"], row["revenue"]) for row in answer if row["currency_code"] == code]
        assert found == sums.most_common(10)
    assert [row["place"] for row in answer] == list(range(1, 11)) * 3


def test_revenue_is_not_multiplied_by_a_join(warehouse: duckdb.DuckDBPyConnection) -> None:
    by_country = sum(row["revenue"] for row in ask(warehouse, "revenue_by_country"))
    assert by_country == sum(row[3] for row in sales(warehouse))
    assert sum(row["orders"] for row in ask(warehouse, "revenue_by_country")) == 11_186


def test_revenue_by_country_keeps_currencies_apart(warehouse: duckdb.DuckDBPyConnection) -> None:
    answer = {(row["country"], row["currency_code"]): row["revenue"] for row in ask(warehouse, "revenue_by_country")}
    namibian = sum(row[3] for row in sales(warehouse) if row[1] == 9 and row[2] == 2)
    assert answer["Namibia", "USD"] == namibian > Decimal(0)
    assert len(answer) == 3 * len({country for country, _ in answer})


def test_units_sold_are_of_one_whole_month(warehouse: duckdb.DuckDBPyConnection) -> None:
    june = [row for row in sales(warehouse) if row[4].replace(day=1) == date(2024, 6, 1)]
    answer = ask(warehouse, "units_sold", month=date(2024, 6, 30))
    assert answer == [{"month": date(2024, 6, 1), "orders": len(june), "units_sold": sum(row[5] for row in june)}]
    assert ask(warehouse, "units_sold", month=date(1999, 1, 1)) == [
        {"month": date(1999, 1, 1), "orders": 0, "units_sold": 0}
    ]


def test_unpaid_amounts_are_by_due_date_and_none_is_missing(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("begin")
    warehouse.execute("update fact_payment set payment_date = null where payment_id = 15836")
    answer = ask(warehouse, "unpaid_by_due_date", since=date(2020, 1, 1))
    warehouse.execute("rollback")
    sql = "select count(*), sum(payment_amount) from totesys.payment where not paid and payment_id <> 2"
    found = (sum(row["payments"] for row in answer), sum(row["amount"] for row in answer))
    assert found == warehouse.execute(sql).fetchone()
    assert answer[0]["payment_date"] is None
    keys = [(row["payment_date"], row["payment_type_name"], row["currency_code"]) for row in answer[1:]]
    assert keys == sorted(set(keys))
    past = ask(warehouse, "unpaid_by_due_date", since=date(2024, 1, 1))
    assert all(row["day_name"] in ("Saturday", "Sunday") for row in past if row["payment_date"] <= date(2024, 11, 15))


def test_orders_per_day_count_every_order_once(warehouse: duckdb.DuckDBPyConnection) -> None:
    answer = ask(warehouse, "orders_per_day", since=date(2020, 1, 1))
    assert (sum(row["sales"] for row in answer), sum(row["purchases"] for row in answer)) == (11_186, 4_648)
    assert len(answer) == 532
    assert len(ask(warehouse, "orders_per_day", since=date(2024, 11, 14))) == 2


def test_the_history_of_a_payment_is_in_order(warehouse: duckdb.DuckDBPyConnection) -> None:
    answer = ask(warehouse, "payment_history", payment_id=1)
    assert [(row["valid_from"], row["valid_to"], row["is_current"]) for row in answer] == [
        (datetime(2024, 11, 14, 19), datetime(2024, 11, 15, 19), False),
        (datetime(2024, 11, 15, 19), None, True),
    ]


def test_deleted_orders_are_those_without_a_current_version(warehouse: duckdb.DuckDBPyConnection) -> None:
    answer = ask(warehouse, "deleted_orders")
    assert [(row["order_kind"], row["order_id"], row["deleted_at"]) for row in answer] == [
        ("purchase", 2, datetime(2024, 11, 15, 20)),
        ("sale", 2, datetime(2024, 11, 15, 20)),
    ]
