"""examples/user_data: what is found in JSON of any shape, and what becomes of it, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Database
from unit.examples.pushed import EXAMPLES, Pushed, pushed

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.project.load import load

ANA = {
    "name": {"first_name": "Ana", "middle_name": "Q.", "last_name": "Roe"},
    "address": {"city": "Lodz", "zip_code": "02169", "phone": "555"},
}
FOUND = {"first_name": "Ana", "middle_name": "Q.", "last_name": "Roe", "zip_code": "02169"}


@pytest.fixture(params=["duckdb", "postgresql"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pushed]:
    if request.param == "duckdb":
        with pushed("user_data", tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb")) as made:
            yield made
    else:
        make: Callable[[], Database] = request.getfixturevalue("make_database")
        database = make()
        with pushed("user_data", tmp_path, lambda: PostgresEngine(database.url)) as made:
            yield made


def persons(value: Any) -> list[dict[str, str]]:
    """What the example's transform makes of a request."""
    (transform,) = load(EXAMPLES / "user_data", "dev", {}).platform.transforms
    found = transform.function(value)
    return [{name: text for name in FOUND if (text := getattr(each, name)) is not None} for each in found]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (ANA, [FOUND]),
        (FOUND, [FOUND]),
        ({"data": [{"person": ANA}]}, [FOUND]),
        ([ANA, {"zip_code": "00501"}], [FOUND, {"zip_code": "00501"}]),
        ([[ANA], []], [FOUND]),
        (json.dumps(ANA), [FOUND]),
        (json.dumps(json.dumps([ANA, FOUND])), [FOUND, FOUND]),
        ({"body": json.dumps(ANA)}, [FOUND]),
        ({"last_name": "Bo", "at": [{"zip_code": "01"}, {"zip_code": "2"}]}, [{"zip_code": "01", "last_name": "Bo"}]),
        ({"users": [ANA, {"first_name": "Bo"}]}, [FOUND, {"first_name": "Bo"}]),
        ({"zip_code": "9", "users": [ANA, {"first_name": "Bo"}]}, [{"zip_code": "9"}, FOUND, {"first_name": "Bo"}]),
        ({"a": {"b": {"last_name": "deep"}}, "last_name": "shallow"}, [{"last_name": "deep"}]),
        ({"zip_code": 2169, "first_name": None, "last_name": ""}, [{"zip_code": "2169"}]),
        ({"first_name": {"last_name": "within"}}, [{"last_name": "within"}]),
        ({"first_name": "{brace"}, [{"first_name": "{brace"}]),
    ],
)  # fmt: skip
def test_persons_are_found_wherever_they_stand(value: Any, found: list[dict[str, str]]) -> None:
    assert persons(value) == found


@pytest.mark.parametrize("value", [{}, [], {"user": {"city": "Lodz"}}, 7, "Ana", None, True, {"zip_code": [True, 1.5]}])
def test_none_of_the_four_is_an_error_that_says_so(value: Any) -> None:
    with pytest.raises(ValueError, match="none of first_name, middle_name, last_name, zip_code is in it"):
        persons(value)


def test_every_shape_becomes_rows_and_what_has_no_person_is_set_aside(door: Pushed) -> None:
    door.send("raw-users", ANA, {"city": "Lodz"}, json.dumps([ANA, {"first_name": "Bo", "zip_code": "00501"}]))
    assert door.ask("select count(*) as n from streams.raw_users") == [{"n": 3}]
    told = door.ask("find_user", last_name="Roe")
    assert [{name: row[name] for name in FOUND} for row in told] == [FOUND, FOUND]
    assert door.ask("find_user", last_name="Roe", first_name="Bo") == []
    assert [(row["zip_code"], row["users"]) for row in door.ask("users_by_zip_code")] == [("02169", 2), ("00501", 1)]
    assert sorted(row["persons"] for row in door.ask("requests")) == [0, 1, 2]
    (item,) = door.aside()
    assert item.place == "transform extract"
    assert item.reason == "ValueError: none of first_name, middle_name, last_name, zip_code is in it"
    assert json.loads(item.body) == {"city": "Lodz"}
    assert door.is_right()


def test_a_record_nested_as_deeply_as_may_be_is_looked_into(door: Pushed) -> None:
    value: Any = ANA
    for _ in range(99):
        value = {"in": [value]}
    door.send("raw-users", value, ANA)
    assert len(door.ask("find_user", last_name="Roe")) == 2


def test_personal_data_is_closed_and_has_an_end() -> None:
    streams = load(EXAMPLES / "user_data", "dev", {}).platform.streams
    assert not any(stream.public for stream in streams)
    assert {stream.keep for stream in streams} == {timedelta(days=365)}
