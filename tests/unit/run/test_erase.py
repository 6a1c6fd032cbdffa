"""Erasing: a person is gone from everything that was made of what she left, and from what it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Database
from platforms import Person, Small, tellers

from asterism import Platform, Record
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.errors import LakeError, LogError
from asterism.run.erase import Eraser
from asterism.run.settle import make


class Order(Record, frozen=True):
    number: str
    customer: str


class Customer(Record, frozen=True):
    customer: str


class Regular(Record, frozen=True):
    customer: str
    orders: int


class Count(Record):
    orders: int = 0


def declared() -> Platform:
    """Orders name customers, who are told of once; regular ones are told of by a view, once as well."""
    platform = Platform("shop")
    orders = platform.stream("orders", Order, key="customer", id_field="number")
    customers = platform.stream("customers", Customer, id_field="customer")
    regulars = platform.stream("regulars", Regular, id_field="customer")
    persons = platform.stream("persons", Person)
    platform.stream("accesses")

    @platform.transform(orders, into=customers)
    def customer(order: Order) -> Customer:
        return Customer(customer=order.customer)

    @platform.transform(customers, into=persons)
    def person(customer: Customer) -> Person:
        return Person(name=customer.customer)

    @platform.view(orders, into=regulars)
    def loyal(state: Count, order: Order) -> tuple[Count, list[Regular]]:
        orders = state.orders + 1
        return Count(orders=orders), [Regular(customer=order.customer, orders=orders)] if orders > 1 else []

    return platform


@pytest.fixture(params=["duckdb", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    if request.param == "duckdb":
        made = Small(tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb"), declared(), model=False)
    else:
        make_database: Callable[[], Database] = request.getfixturevalue("make_database")
        database = make_database()
        made = Small(tmp_path, lambda: PostgresEngine(database.url), declared(), model=False)
    yield made
    made.warehouse.engine.close()
    made.log.close()


def order(number: str, customer: str) -> tuple[str, bytes]:
    return number, f'{{"number":"{number}","customer":"{customer}"}}'.encode()


def work(shop: Small, tmp_path: Path) -> None:
    state = SqliteState(tmp_path.with_name(f"{tmp_path.name}-views.db"))  # views are folded anew by who erases
    make(shop.platform, shop.log, state)
    state.close()
    shop.writer.catch_up()


def test_what_was_made_under_ids_of_its_own_goes_with_what_it_was_made_of(shop: Small, tmp_path: Path) -> None:
    shop.send("orders", order("A1", "Zacharias"), order("A2", "Bo"), order("A3", "Zacharias"))
    work(shop, tmp_path)
    assert sorted(shop.rows("SELECT _id FROM streams.customers")) == [("Bo",), ("Zacharias",)]
    assert shop.rows("SELECT _id FROM streams.regulars") == [("Zacharias",)]
    done = shop.eraser.where(shop.stream("orders"), "customer = 'Zacharias'")
    assert done.records == {"orders": 2, "customers": 1, "persons": 1, "regulars": 1}
    assert b"Zacharias" not in shop.bytes_on_disk()
    assert b"Zacharias" not in str(shop.everything()).encode()
    assert shop.rows("SELECT _id FROM streams.customers") == [("Bo",)]
    before = shop.everything()
    shop.rebuild()
    assert shop.everything() == before


def test_what_it_was_made_of_goes_with_what_was_made_under_ids_of_its_own(shop: Small, tmp_path: Path) -> None:
    shop.send("orders", order("A1", "Zacharias"), order("A2", "Bo"), order("A3", "Zacharias"))
    work(shop, tmp_path)
    done = shop.eraser.where(shop.stream("persons"), "name = 'Zacharias'")
    assert done.records == {"orders": 2, "customers": 1, "persons": 1, "regulars": 1}
    assert b"Zacharias" not in shop.bytes_on_disk()
    shop.send("orders", order("A4", "Bo"), order("A5", "Zacharias"))
    work(shop, tmp_path)
    assert shop.rows("SELECT count(*) FROM streams.customers") == [(2,)]  # who comes again is told of again


def test_of_a_record_that_several_made_the_others_stay(shop: Small, tmp_path: Path) -> None:
    shop.send("orders", order("A1", "Bo"), order("A2", "Bo"))
    work(shop, tmp_path)
    assert shop.eraser.where(shop.stream("orders"), "number = 'A1'").records["orders"] == 1
    assert shop.rows("SELECT _id FROM streams.orders") == [("A2",)]


class Mortal:
    """Makes calls of a log and a lake fail from the n-th on, as if the process had died there."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def guard(self, target: Any, names: tuple[str, ...], error: Exception) -> Any:
        mortal = self

        class Guarded:
            def __getattr__(self, name: str) -> Any:
                if name in names:
                    mortal.left -= 1
                    if mortal.left < 0:
                        raise error
                return getattr(target, name)

        return Guarded()


def test_an_erasure_that_dies_anywhere_and_is_begun_again_leaves_nothing(tmp_path: Path) -> None:
    calls = 0
    while True:
        folder = tmp_path / str(calls)
        folder.mkdir()
        shop = Small(folder, lambda folder=folder: DuckDBEngine(folder / "warehouse.duckdb"), declared(), model=False)
        shop.send("orders", order("A1", "Zacharias"), order("A2", "Bo"), order("A3", "Zacharias"))
        work(shop, folder)
        mortal = Mortal(calls)
        lake: ObstoreLake = mortal.guard(shop.lake, ("put", "delete"), LakeError("the lake", "is gone"))
        log: SqliteLog = mortal.guard(shop.log, ("erase",), LogError("the log", "is gone"))
        shop.warehouse.lake = lake
        eraser = Eraser(shop.warehouse, shop.streams, tellers(shop), log)
        died = False
        try:
            eraser.where(shop.stream("persons"), "name = 'Zacharias'")
        except (LakeError, LogError):
            died = True
        shop.warehouse.lake = shop.lake
        shop.eraser.where(shop.stream("persons"), "name = 'Zacharias'")
        assert b"Zacharias" not in shop.bytes_on_disk(), calls
        assert "Zacharias" not in str(shop.everything()), calls
        shop.warehouse.engine.close()
        shop.log.close()
        if not died:
            break
        calls += 5  # every death was tried; a fifth of them tells as much as a rule
    assert calls > 20
