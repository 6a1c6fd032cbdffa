"""What `describe` tells: columns, comments, lineage, how a model is kept, what reads it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import parquet

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.declare.table import Table
from asterism.errors import UsageError
from asterism.project.load import Project, load
from asterism.run.describe import Described, describe, describe_all
from asterism.run.rebuild import refresh
from asterism.run.streams import Streams
from asterism.run.warehouse import Warehouse

FILES = {
    "platform.py": """
from asterism import Platform, Record

platform = Platform("shop")


class Order(Record):
    number: str
    shop: str
    total: float


orders = platform.stream("orders", Order, key="shop", id_field="number")
""",
    "asterism.toml": '[dev]\nwarehouse = "duckdb:///warehouse.duckdb"\nlake = "lake"\n',
    "models/dim_shop.sql": """-- The shops.
-- kind: dimension
-- key: shop
select distinct
    shop, -- what the shop is called
    upper(shop) as label
from orders
""",
    "models/revenue.sql": """-- Revenue of each shop.
-- kind: mart
-- key: shop
with sums as (select shop, sum(total) as total from orders group by shop)
select dim_shop.shop, sums.total as revenue, -- in euros
    dim_shop.label || '!' as loud
from dim_shop join sums on sums.shop = dim_shop.shop
""",
    "queries/top.sql": """-- The best shops.
-- param: least double = 0
-- param: day date
select shop, revenue, $day as day from revenue where revenue > $least order by revenue desc
""",
}


@dataclass
class Shop:
    warehouse: Warehouse
    project: Project

    def describe(self, name: str) -> Described:
        return describe(self.warehouse, self.project, name)

    def column(self, name: str, column: str) -> Any:
        return next(each for each in self.describe(name).columns if each.name == column)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    project = load(tmp_path, environment={})
    streams = Streams.of(project.platform.streams, DuckDBLines())
    lake = ObstoreLake((tmp_path / "lake").as_uri())
    models = tuple(project.models.values())
    warehouse = Warehouse(DuckDBEngine(), lake, parquet(), models, streams=streams)
    warehouse.ledger.prepare()
    shape = next(each for each in streams.shapes.values() if each.table.name == "streams.orders")
    columns = ", ".join(f'"{each.name}" {each.type}' for each in shape.table.columns)
    warehouse.session.execute("CREATE SCHEMA streams")
    warehouse.session.execute(f"CREATE TABLE streams.orders ({columns})")
    warehouse.ledger.note_tables("streams", [Table("streams.orders", (), shape.table.key)])
    refresh(warehouse)
    return Shop(warehouse, project)


def test_a_model_tells_columns_types_and_what_they_are_made_from(shop: Shop) -> None:
    found = shop.describe("revenue")
    assert [(each.name, each.type) for each in found.columns] == [
        ("shop", "VARCHAR"), ("revenue", "DOUBLE"), ("loud", "VARCHAR"),
    ]  # fmt: skip
    assert shop.column("revenue", "revenue").upstream == ("streams.orders.total",)
    assert shop.column("revenue", "loud").upstream == ("dim_shop.label",)


def test_a_comment_is_the_select_item_s_or_that_of_the_column_it_is(shop: Shop) -> None:
    assert shop.column("revenue", "revenue").comment == "in euros"
    assert shop.column("revenue", "shop").comment == "what the shop is called"
    assert shop.column("top", "shop").comment == "what the shop is called"
    assert shop.column("top", "revenue").comment == "in euros"
    assert shop.column("revenue", "loud").comment == ""


def test_a_model_tells_how_it_is_kept_and_what_is_before_and_behind_it(shop: Shop) -> None:
    found = shop.describe("revenue")
    assert (found.kind, found.description, found.key) == ("mart", "Revenue of each shop.", ("shop",))
    assert found.maintenance.split(" ", 1)[0].rstrip(":,") in {"incremental", "full"}
    assert (found.state, found.rows) == ("current", 0)
    assert found.refreshed_at is not None
    assert set(found.inputs) == {"streams.orders", "dim_shop"}
    assert found.dependents == ("top",)


def test_a_query_tells_its_parameters_and_the_types_of_its_answer(shop: Shop) -> None:
    found = shop.describe("top")
    assert found.parameters == (("least", "double", "0"), ("day", "date", None))
    assert [(each.name, each.type) for each in found.columns] == [
        ("shop", "VARCHAR"), ("revenue", "DOUBLE"), ("day", "DATE"),
    ]  # fmt: skip


def test_a_stream_goes_by_its_name_or_its_table_s(shop: Shop) -> None:
    assert shop.describe("orders") == shop.describe("streams.orders")
    assert shop.describe("orders").dependents == ("dim_shop", "revenue")


def test_what_is_not_there_is_refused_with_the_nearest_name(shop: Shop) -> None:
    with pytest.raises(UsageError, match="revenu") as refused:
        shop.describe("revenu")
    assert "Did you mean revenue?" in str(refused.value)


def test_all_of_them_are_the_models_and_the_tables(shop: Shop) -> None:
    found = describe_all(shop.warehouse, shop.project)
    assert [each.name for each in found] == ["dim_shop", "revenue", "streams.orders"]


def test_many_columns_of_many_are_told_in_a_moment(shop: Shop) -> None:
    many = range(200)
    inner = ", ".join(f"total + {n} as c{n}" for n in many)
    outer = ", ".join(f"c{n} * 2 as c{n}" if n % 2 else f"c{n}" for n in many)
    sql = f"with wide as (select number, {inner} from streams.orders) select number, {outer} from wide"
    project = replace(shop.project, models={"wide": replace(shop.project.models["revenue"], name="wide", sql=sql)})
    started = time.process_time()
    found = describe(shop.warehouse, project, "wide")
    assert time.process_time() - started < 5  # a fifth of a second; with copies of the tree it is half a minute
    assert [each.upstream for each in found.columns] == [
        ("streams.orders.number",), *[("streams.orders.total",)] * len(many),
    ]  # fmt: skip
