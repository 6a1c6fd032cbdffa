"""`asterism test` and `asterism report`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.adapters.smtp.postbox import postbox
from unit.cli.test_command_line import asterism

TOML = '[dev]\nwarehouse = "duckdb:///.asterism/w.duckdb"\nlake = ".asterism/lake"\n'
PLATFORM = """
from datetime import datetime

from asterism import Platform, Record
from asterism.sources import Postgres

platform = Platform("shop")


class Order(Record):
    number: int
    price: float | None = None
    at: datetime | None = None


class Sum(Record):
    total: float = 0


class Large(Record):
    number: int


orders = platform.stream("orders", Order, key="number")
large = platform.stream("large", Large)
platform.pull(Postgres("postgresql://127.0.0.1:1/none"), into="shop")
platform.report("figures", ["revenue_of"], to=["jo@example.com"], at="0 5 * * *")


@platform.transform(orders, into=large)
def find(order: Order) -> Large | None:
    if order.price is not None and order.price < 0:
        raise ValueError("less than nothing")
    return Large(number=order.number) if order.price and order.price > 100 else None


@platform.view(orders)
def sums(state: Sum, order: Order) -> Sum:
    return Sum(total=state.total + (order.price or 0))
"""
REVENUE = """\
-- Revenue of a day.
-- kind: mart
-- key: day
select cast("at" as date) as day, sum(price) as total, count(*) as orders, '{"a": 1}'::json as note,
    current_date as today, count(customer.name) as known
from orders left join shop.customer as customer on customer.id = orders.number
group by cast("at" as date)
"""
RUNNING = """\
-- How prices go on.
-- kind: mart
-- key: number
-- history: versions
select number, price from (select number, price, row_number() over (partition by number order by "at" desc, _id desc)
    as age from orders) as o where age = 1
"""
QUERY = """\
-- Revenue of a day.
-- param: day date = current_date - interval 1 day
select day, total from revenue where day = $day
"""
CASES = """\
[tables."shop.customer"]
key = ["id"]
types = { id = "BIGINT", name = "VARCHAR" }

[[test]]
name = "revenue is summed by day"
now = 2026-03-02T05:00:00
[test.given]
orders = [
    { number = 1, price = 10.5, at = 2026-03-01T10:00:00 },
    { number = 2, price = { null = true }, at = 2026-03-01T11:00:00 },
    { number = 3, price = 150, at = 2026-03-02T00:00:00Z },
    { number = 1, price = 12, at = 2026-03-01T12:00:00 },
    { _id = "bad", number = 4, price = -1 },
]
"shop.customer" = [ { id = 1, name = "Jo" }, { id = 2 } ]
[test.expect]
revenue = [
    { day = 2026-03-02, total = 150, orders = 1, note = { a = 1 }, today = 2026-03-02, known = 0 },
    { day = 2026-03-01, total = 22.5, orders = 3, note = { a = 1 }, known = 2 },
    { day = { null = true }, total = -1.0 },
]
revenue_of = [ { total = 22.5 } ]
sums = [ { key = "1", total = 22.5 }, { key = "2" }, { key = "3" }, { key = "4" } ]
"streams.large" = [ { number = 3 } ]
running = [
    { number = 1, price = 12, is_current = true },
    { number = 2, is_current = true }, { number = 3, is_current = true }, { number = 4, is_current = true },
]
"streams._quarantine" = [ { record_id = "bad", reason = "ValueError: less than nothing" } ]

[[test]]
name = "a day is a parameter"
params = { day = 2026-03-02 }
[test.given]
orders = [ { number = 3, price = 1, at = 2026-03-02T00:00:00 } ]
"shop.customer" = []
[test.expect]
revenue_of = [ { day = 2026-03-02, total = 1.0 } ]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in {
        "asterism.toml": TOML,
        "platform.py": PLATFORM,
        "models/revenue.sql": REVENUE,
        "models/running.sql": RUNNING,
        "queries/revenue_of.sql": QUERY,
        "tests/revenue.toml": CASES,
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def tried(shop: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(asterism(shop, "test", *arguments, "--json", code=code).stdout)


def test_cases_hold_and_touch_nothing_of_the_stage(shop: Path) -> None:
    done = tried(shop)
    assert [(each["case"], each["error"], each["differences"]) for each in done["cases"]] == [
        ("revenue is summed by day", None, []),
        ("a day is a parameter", None, []),
    ]
    assert (done["passed"], done["failed"]) == (2, 0)
    assert not (shop / ".asterism").exists()


def test_a_part_of_the_name_chooses_cases(shop: Path) -> None:
    assert [each["case"] for each in tried(shop, "PARAMETER")["cases"]] == ["a day is a parameter"]


def test_what_differs_is_shown_row_by_row(shop: Path) -> None:
    file = shop / "tests" / "revenue.toml"
    file.write_text(file.read_text().replace("total = 150", "total = 151"))
    shown = asterism(shop, "test", code=1)
    assert "tests/revenue.toml: revenue is summed by day" in shown.stdout
    assert [line.split("│")[1:4] for line in shown.stdout.splitlines() if "151" in line or " 150" in line] == [
        [" expected ", " 2026-03-02 ", " 151   "],
        [" found    ", " 2026-03-02 ", " 150.0 "],
    ]
    assert "1 passed, 1 failed" in shown.stderr
    (failed, _) = tried(shop, code=1)["cases"]
    (difference,) = failed["differences"]
    assert difference["target"] == "revenue"
    assert difference["missing"][0]["total"] == 151


def test_the_order_of_rows_counts_where_it_is_asked_for(shop: Path) -> None:
    file = shop / "tests" / "revenue.toml"
    text = file.read_text()
    file.write_text(
        text.replace('name = "revenue is', 'ordered = true\nname = "revenue is').replace("today = 2026-03-02, ", "")
    )
    differences = tried(shop, "summed", code=1)["cases"][0]["differences"]
    assert {each["fact"] for each in differences} == {"the order differs"}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("total = 22.5 }", "totl = 1 }", "revenue_of: it has no column 'totl', which a case expects\n  Did you mean"),
        ("number = 3, price = 150", "number = 3, price = 'much'", "row 3 of orders is none: Expected `float | null`"),
        ("revenue_of = [ { total", "revenu = [ { total", "revenu (case 'revenue is summed by day'): is no query"),
        ('"shop.customer" = [ { id = 1, name = "Jo" }, { id = 2 } ]', "", "there is no table 'shop.customer'"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_carried_out_says_why(shop: Path, old: str, new: str, error: str) -> None:
    file = shop / "tests" / "revenue.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    assert error in tried(shop, "summed", code=1)["cases"][0]["error"]


def test_everything_wrong_with_the_files_is_told_at_once(shop: Path) -> None:
    (shop / "tests" / "wrong.toml").write_text(
        '[[test]]\nexpects = 1\n[[test]]\nname = "a"\nnow = "noon"\nexpct = 1\n'
        '[[test]]\nname = "a"\n[test.expect]\nx = 1\n'
    )
    (shop / "tests" / "broken.toml").write_text("[[test")
    said = asterism(shop, "test", code=2).stderr
    assert "tests/broken.toml: cannot be read" in said
    for fact in ("a case has no name", "has no 'expct'", "is no time", "expects nothing", "is no list of rows"):
        assert fact in said, said


def test_a_report_is_shown_and_sent(shop: Path) -> None:
    file = shop / "platform.py"
    file.write_text(
        file.read_text().replace('platform.pull(Postgres("postgresql://127.0.0.1:1/none"), into="shop")', "")
    )
    revenue = "-- Revenue.\n-- kind: mart\n-- key: day\nselect date '2026-03-01' as day, 2.5 as total\n"
    (shop / "models" / "revenue.sql").write_text(revenue)
    (shop / "models" / "running.sql").unlink()
    asterism(shop, "refresh")
    shown = asterism(shop, "report", "figures", "--day", "2026-03-01").stdout
    assert (
        shown
        == "figures of 2026-03-01\n\nRevenue of a day.\n\nday         total\n----------  -----\n2026-03-01    2.5\n"
    )
    assert "<table" in asterism(shop, "report", "figures", "--day", "2026-03-01", "--html").stdout
    assert "nothing" in asterism(shop, "report", "figures").stdout
    assert "has no mail server" in asterism(shop, "report", "figures", "--send", code=2).stderr
    assert "is not a day" in asterism(shop, "report", "figures", "--day", "monday", code=2).stderr
    assert "Did you mean figures" in asterism(shop, "report", "figure", code=2).stderr
    with postbox() as box:
        (shop / "asterism.toml").write_text(f'{TOML}mail = "{box.url}"\nsender = "a@example.com"\n')
        assert "sent to jo@example.com" in asterism(shop, "report", "figures", "--send").stderr
        assert len(box.messages) == 1
