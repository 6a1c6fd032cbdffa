"""A stream whose field gets a type that what is stored does not fit: it stands still alone, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from story.house import PATIENCE, House

PLATFORM = """\
from asterism import Platform, Record

platform = Platform("shop")


class Sale(Record):
    number: str
    amount: float


class Visit(Record):
    page: str


platform.stream("sales", Sale, id_field="number", public=True)
platform.stream("visits", Visit, public=True)
"""
SETTINGS = '[dev]\nwarehouse = "duckdb:///.asterism/dev/w.duckdb"\nlake = ".asterism/dev/lake"\ndisk_limit = 100\n'
SALES = "select number, amount from sales order by number"


@pytest.fixture
def shop(tmp_path: Path) -> House:
    (tmp_path / "platform.py").write_text(PLATFORM)
    (tmp_path / "asterism.toml").write_text(SETTINGS)
    return House(tmp_path)


def push(house: House, stream: str, record: dict[str, object]) -> None:
    answer = httpx.post(f"{house.url}/streams/{stream}", json=record, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text


def visits(house: House) -> int:
    return house.one("select count(*) as n from visits")


def sold(house: House) -> list[tuple[str, float]]:
    return [(row["number"], row["amount"]) for row in house.ask(SALES)]


def stands(house: House) -> str:
    return next(each["error"] for each in house.json("status")["streams"] if each["stream"] == "sales")


@pytest.mark.slow(20)
def test_it_stands_still_alone_until_its_type_is_changed_back(shop: House) -> None:
    with shop.running():
        push(shop, "sales", {"number": "a", "amount": 1.5})
        shop.until(lambda: sold(shop) == [("a", 1.5)])
        shop.taken_up(lambda: shop.edit("amount: float", "amount: int"))
        push(shop, "sales", {"number": "b", "amount": 2})
        push(shop, "visits", {"page": "/"})
        shop.until(lambda: visits(shop) == 1)
        assert "amount was DOUBLE and is BIGINT, and what is stored does not fit" in stands(shop)
        shop.until(lambda: [each for each in shop.told("incident") if each["subject"] == "stream sales"])
        assert [each["task"] for each in shop.told("failed")] == ["stream sales"]
        assert "does not fit" in shop("erase", "--stream", "sales", "--where", "number = 'a'", "--yes", code=1)
        assert sold(shop) == [("a", 1.5)]
    assert "does not fit" in stands(shop)
    with shop.running():
        push(shop, "visits", {"page": "/"})
        shop.until(lambda: visits(shop) == 2)
        shop.taken_up(lambda: shop.edit("amount: int", "amount: float"))
        push(shop, "sales", {"number": "c", "amount": 3.5})
        shop.until(lambda: sold(shop) == [("a", 1.5), ("b", 2), ("c", 3.5)])
        assert not stands(shop)
        shop.until(lambda: [each for each in shop.json("alerts", "list")["incidents"] if each["over_at"]])


@pytest.mark.slow(20)
def test_a_rebuild_takes_what_fits_and_sets_the_rest_aside(shop: House) -> None:
    with shop.running():
        push(shop, "sales", {"number": "a", "amount": 1.5})
        push(shop, "sales", {"number": "b", "amount": 2})
        shop.until(lambda: len(sold(shop)) == 2)
        shop.taken_up(lambda: shop.edit("amount: float", "amount: int"))
        push(shop, "sales", {"number": "c", "amount": 3})
        push(shop, "visits", {"page": "/"})
        shop.until(lambda: visits(shop) == 1)
    shop("rebuild")
    assert not stands(shop)
    with shop.running():
        shop.until(lambda: sold(shop) == [("b", 2), ("c", 3)])
        shop.until(lambda: [each["record_id"] for each in shop.aside()] == ["a"])
        assert visits(shop) == 1
