"""examples/user_data, as its user lives with it: JSON of any shape, mending, forgetting persons, and an end by age."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import httpx
import pytest
from gcs_server import Buckets
from story.clouds import copy_lake, move_to_aws, move_to_gcp
from story.house import EXAMPLES, House

ANA = {
    "name": {"first_name": "Ana", "middle_name": "Q.", "last_name": "Roe"},
    "address": {"city": "Lodz", "zip_code": "02169", "phone": "555"},
}
SCOPES = ("ingest:raw-users", "read", "admin")
LIVE = '''

class Place(Record):
    """Who was described last of a place."""

    descriptions: int = 0
    last_name: str = ""


@platform.view(users, key="zip_code")
def places(state: Place, user: User) -> Place:
    return Place(descriptions=state.descriptions + 1, last_name=user.last_name or state.last_name)
'''

SHAPES = {
    "flat": {
        "first_name": "Flat",
        "zip_code": "00501",
        "age": 9007199254740993,
        "share": 0.1,
        "tags": [],
        "none": None,
    },
    "deep": {"a": [{"b": {"first_name": "Ünïcode \u2603 \"quoted\" \\ 'single'"}}, {"c": [{"zip_code": "00501"}]}]},
    "text": json.dumps(json.dumps([{"first_name": "One"}, {"zip_code": "00501"}])),
    "list": {"all": [{"first_name": "One", "note": "two\nlines"}, {"first_name": "Two", "last_name": ""}]},
    "odd": {"$id": {"a.b": True}, "": [[1, [2.5, {"last_name": "Nested"}]]], "day": "2024-02-29T00:00:00Z"},
    "none": {"city": "Lodz", "zip": "no such field"},
}
"""JSON of any shape, by its id."""


@pytest.fixture(scope="module", params=["dev", pytest.param("aws_local", marks=pytest.mark.soak)])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The office on a stage. Nothing but `asterism.toml` says which one."""
    house = House.of("user_data", tmp_path_factory.mktemp("story"), request.param)
    (house.root / "platform.py").write_text((house.root / "platform.py").read_text() + LIVE)
    if request.param == "aws_local":
        move_to_aws(house, request.getfixturevalue("aws"))
    with house.running():
        yield house


@pytest.fixture
def door(office: House) -> Iterator[httpx.Client]:
    with office.client(*SCOPES) as client:
        yield client


def send(door: httpx.Client, value: Any, identifier: str = "") -> list[str]:
    """Post JSON and answer the ids."""
    headers = {"Idempotency-Key": identifier} if identifier else {}
    answer = door.post("/streams/raw-users", json=value, headers=headers)
    assert answer.status_code == 202, answer.text
    ids: list[str] = answer.json()["ids"]
    return ids


def persons(office: House, request: str, many: int) -> list[dict[str, Any]]:
    """The persons that were found in a request, once there are so many."""
    sql = f"""
        select first_name, middle_name, last_name, zip_code from users
        where starts_with(_id, 'extract/{request}/') order by _id
    """
    rows: list[dict[str, Any]] = office.until(lambda: (found := office.ask(sql)) and len(found) == many and found)
    return rows


def aside(office: House, identifier: str) -> dict[str, Any]:
    """What was set aside of a request, once it is."""
    found: dict[str, Any] = office.until(
        lambda: next((item for item in office.aside() if item["record_id"] == identifier), None)
    )
    return found


def landed(office: House, stream: str) -> list[Path]:
    """The files of the landing zone, or copies of its objects."""
    lake = office.root / ".asterism" / office.stage / "lake"
    if office.stage == "aws_local":
        copy_lake(office, lake)
    return sorted((lake / "raw/streams" / stream).rglob("*.ndjson.zst"))


def test_the_readme_leads_to_a_person_in_a_table(office: House) -> None:
    text = (EXAMPLES / "user_data" / "README.md").read_text()
    assert "    asterism run --project examples/user_data\n" in text
    (body,) = re.findall(r"^    curl \S+ -H \"Authorization: Bearer \$TOKEN\" -d '(.*)'$", text, re.MULTILINE)
    (scope,) = re.findall(r"TOKEN=\$\(asterism token create --scope (\S+) ", text)
    with office.client(scope) as door:
        (identifier,) = send(door, json.loads(body))
    assert [row["zip_code"] for row in persons(office, identifier, 1)] == ["02169"]
    commands = re.findall(r"^ +asterism (query .*|quarantine list) --project examples/user_data$", text, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        name, *rest = re.findall(r'"[^"]*"|\S+', command)
        office(name, *(word.strip('"') for word in rest))
    (row,) = office.ask("find_user", last_name="Roe")
    assert (row["first_name"], row["middle_name"]) == ("Ana", "Q.")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"first_name": "Flat", "zip_code": "00501"}, [("Flat", "00501")]),
        ({"a": [{"b": {"first_name": "Deep"}}, {"c": [{"zip_code": "00501"}]}]}, [("Deep", "00501")]),
        (json.dumps({"first_name": "Twice", "zip_code": "00501"}), [("Twice", "00501")]),
        (json.dumps(json.dumps([{"first_name": "One"}, {"zip_code": "00501"}])), [("One", None), (None, "00501")]),
        ({"all": [{"first_name": "One"}, {"first_name": "Two"}]}, [("One", None), ("Two", None)]),
    ],
)
def test_json_of_any_shape_becomes_persons(office: House, door: httpx.Client, value: Any, names: list[Any]) -> None:
    (identifier,) = send(door, value)
    assert [(row["first_name"], row["zip_code"]) for row in persons(office, identifier, len(names))] == names


def test_a_list_of_objects_is_a_record_each(office: House, door: httpx.Client) -> None:
    first, second = send(door, [{"first_name": "One"}, {"last_name": "Two"}])
    assert (persons(office, first, 1)[0]["first_name"], persons(office, second, 1)[0]["last_name"]) == ("One", "Two")


@pytest.mark.parametrize(
    ("body", "title"), [(b"", "Empty request"), (b"[]", "Empty request"), (b"{", "Malformed JSON")]
)
def test_an_empty_and_a_malformed_request_are_told_so(door: httpx.Client, body: bytes, title: str) -> None:
    answer = door.post("/streams/raw-users", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == title


def test_nobody_without_a_token_sends_or_reads_personal_data(office: House) -> None:
    with httpx.Client(base_url=office.url, trust_env=False) as stranger:
        answers = [
            stranger.post("/streams/raw-users", json=ANA),
            stranger.get("/views/places"),
            stranger.get("/quarantine"),
        ]
    assert {answer.status_code for answer in answers} == {401}
    with office.client("ingest:raw-users") as sender:
        assert sender.get("/views/places").status_code == 403
        assert sender.get("/quarantine").status_code == 403


def test_one_bad_record_does_not_fail_its_batch(office: House, door: httpx.Client) -> None:
    lines = b'{"first_name":"Before"}\n{"first_name":\n{"city":"Lodz"}\n{"first_name":"After"}\n'
    told = door.post("/streams/raw-users", content=lines, headers={"Content-Type": "application/x-ndjson"}).json()
    assert [each["index"] for each in told["refused"]] == [1]
    before, nobody, after = told["ids"]
    assert persons(office, before, 1)[0]["first_name"] == "Before"
    assert persons(office, after, 1)[0]["first_name"] == "After"
    assert aside(office, nobody)["place"] == "transform extract"


def test_what_was_accepted_is_kept_as_it_came_and_never_dropped(office: House, door: httpx.Client) -> None:
    (identifier,) = send(door, {"city": "Lodz", "zip": "no such field"})
    item = aside(office, identifier)
    assert item["reason"] == "ValueError: none of first_name, middle_name, last_name, zip_code is in it"
    assert json.loads(item["body"]) == {"city": "Lodz", "zip": "no such field"}
    (row,) = office.ask(f"select record, _received_at from streams.raw_users where _id = '{identifier}'")
    assert row["record"] in ({"city": "Lodz", "zip": "no such field"}, '{"city":"Lodz","zip":"no such field"}')
    assert item["received_at"] is None or item["received_at"] == row["_received_at"]


def test_two_batches_of_one_minute_are_two_objects(office: House, door: httpx.Client) -> None:
    found = [landed(office, "raw-users")]
    for name in ("Early", "Late"):
        (identifier,) = send(door, {"first_name": name})
        persons(office, identifier, 1)
        found.append(landed(office, "raw-users"))
    assert len(found[0]) < len(found[1]) < len(found[2])
    assert {*found[0]} < {*found[1]} < {*found[2]}
    assert re.search(r"raw-users/\d{4}/\d\d/\d\d/\d\d/\d{12}\.ndjson\.zst$", str(found[2][-1]))


def test_the_raw_backup_is_a_record_a_line_that_any_sql_can_ask(office: House, door: httpx.Client) -> None:
    (identifier,) = send(door, ANA)
    persons(office, identifier, 1)
    files = [str(file) for file in landed(office, "raw-users")]
    sql = "select record->'address'->>'zip_code', received_at from read_ndjson(?, compression = 'zstd') where id = ?"
    ((zip_code, received_at),) = duckdb.execute(sql, [files, identifier]).fetchall()
    assert zip_code == "02169"
    assert received_at is not None


def test_a_retry_makes_no_new_rows_and_leaves_the_time_of_receipt(office: House, door: httpx.Client) -> None:
    assert send(door, ANA, "signup-1") == ["signup-1"]
    persons(office, "signup-1", 1)
    sql = "select _received_at, record from streams.raw_users where _id = 'signup-1'"
    before = office.ask(sql)
    answer = door.post("/streams/raw-users", json=ANA, headers={"Idempotency-Key": "signup-1"})
    known = 1 if office.stage == "dev" else 0  # Kinesis remembers no ids: the table does
    assert (answer.status_code, answer.json()["duplicates"]) == (202, known)
    (later,) = send(door, {"first_name": "Later"})
    persons(office, later, 1)
    assert office.ask(sql) == before
    assert len(persons(office, "signup-1", 1)) == 1


def test_what_was_set_aside_is_shown_replayed_after_a_correction_and_dropped(office: House, door: httpx.Client) -> None:
    (mended,) = send(door, {"firstName": "Camel"})
    (useless,) = send(door, {"hobby": "chess"})
    item, other = aside(office, mended), aside(office, useless)
    shown = office("quarantine", "show", item["id"])
    assert '{"firstName":"Camel"}' in shown
    assert door.get("/quarantine").json()["items"]
    assert "1 refused again" in office("quarantine", "replay", item["id"], code=1)
    spelled = '    if name == "firstName":\n        name = "first_name"\n'
    within = '    """What a member of an object tells: a field\'s text, or what stands within it."""\n'
    office.taken_up(lambda: office.edit(within, within + spelled, "persons.py"))
    assert office.json("quarantine", "replay", item["id"])["taken"] == [item["id"]]
    assert persons(office, mended, 1)[0]["first_name"] == "Camel"
    assert office.json("quarantine", "drop", other["id"]) == {"dropped": 1}
    assert not {mended, useless} & {each["record_id"] for each in office.aside()}
    office("quarantine", "show", other["id"], code=2)


def test_a_person_who_is_erased_is_nowhere_any_more(office: House, door: httpx.Client) -> None:
    gone = {"first_name": "Zbigniewa", "last_name": "Quibblethorn", "zip_code": "98765"}
    (alone,) = send(door, gone)
    (group,) = send(door, {"users": [gone, {"first_name": "Bystander", "last_name": "Roe"}]})
    (twice,) = send(door, json.dumps(gone))
    (odd,) = send(door, {"Surname": "Quibblethorn"})
    (stays,) = send(door, {"first_name": "Stays", "last_name": "Quill"})
    for identifier, many in ((alone, 1), (group, 2), (twice, 1), (stays, 1)):
        persons(office, identifier, many)
    aside(office, odd)
    office.until(lambda: office.view("places").get("98765", {}).get("descriptions") == 3)
    assert office.holding("Quibblethorn")
    told = office.json("erase", "--stream", "users", "--where", "last_name = 'Quibblethorn'", "--yes")
    assert told["records"] == {"users": 4, "raw-users": 3}
    told = office.json("erase", "--stream", "raw-users", "--where", "cast(record as varchar) like '%Quibblethorn%'")
    assert told["records"] == {"raw-users": 1}
    assert office.ask("find_user", last_name="Quibblethorn") == []
    assert "98765" not in office.view("places")
    assert not {alone, group, twice, odd} & {each["record_id"] for each in office.aside()}
    assert office.holding("Quibblethorn") == []
    assert len(persons(office, stays, 1)) == 1
    assert "0 differences" in office("verify")


def test_made_anew_from_the_lake_an_erased_person_stays_erased(tmp_path: Path) -> None:
    house = House.of("user_data", tmp_path)
    everybody = "select * from fact_user order by user_id"
    with house.running(), house.client(*SCOPES) as door:
        (gone,) = send(door, {"last_name": "Quibblethorn"})
        (stays,) = send(door, {"last_name": "Quill"})
        (odd,) = send(door, {"surname": "Quibblethorn"})
        persons(house, gone, 1)
        persons(house, stays, 1)
        item = aside(house, odd)
        house("erase", "--stream", "users", "--where", "last_name = 'Quibblethorn'", "--yes")
        house("quarantine", "drop", item["id"])
        house("erase", "--stream", "raw-users", "--where", f"_id = '{odd}'", "--yes")
        assert house.holding("Quibblethorn") == []
        before = house.ask(everybody)
        assert [row["last_name"] for row in before] == ["Quill"]
    house("rebuild")
    assert house.ask(everybody) == before
    assert house.holding("Quibblethorn") == []
    with house.running(), house.client(*SCOPES) as door:
        persons(house, send(door, {"last_name": "Later"})[0], 1)
        assert house.one("select count(*) as n from fact_user") == 2


def test_a_condition_that_is_more_than_one_erases_nothing(office: House) -> None:
    count = office.one("select count(*) as n from users")
    for condition in (
        "true; drop table streams.users",
        "last_name in (select 'Roe') limit 1",
        "nonsense(",
        "lastname = 'Roe'",
    ):
        office("erase", "--stream", "users", "--where", condition, "--yes", code=2)
    office("erase", "--stream", "user", "--where", "true", "--yes", code=2)
    assert office.one("select count(*) as n from users") == count


def test_what_has_reached_its_age_is_forgotten_by_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = House.of("user_data", tmp_path_factory.mktemp("age"))
    (house.root / "platform.py").write_text((house.root / "platform.py").read_text() + LIVE)
    with house.running(), house.client(*SCOPES) as door:
        (old,) = send(door, {"last_name": "Methuselah"})
        (odd,) = send(door, {"aged": "Methuselah"})
        assert door.post("/streams/raw-users", content=b'{"broken": "Methuselah"').status_code == 400
        persons(house, old, 1)
        aside(house, odd)
        house.until(lambda: house.view("places").get("", {}).get("last_name") == "Methuselah")
    house.edit('keep="365d"', 'keep="1s"')
    with house.running():
        house.until(lambda: house.view("places") == {})
        house.until(lambda: house.one("select count(*) as n from streams.raw_users") == 0)
        house.until(lambda: house.aside() == [])
        assert house.one("select count(*) as n from fact_user") == 0
        # In DuckDB's file deleted rows may leave bytes until somebody is erased: age does without a copy of everything.
        house.until(lambda: all("warehouse.duckdb" in file for file in house.holding("Methuselah")))


@pytest.mark.slow
def test_at_google_the_same_persons_are_found_in_bigquery(
    tmp_path: Path, pubsub: str, bigtable: str, gcs: Buckets, lone_dataset: str
) -> None:
    """Pub/Sub, Cloud Storage and BigQuery know what the embedded stage does of the same requests; both are killed."""
    here, there = House.of("user_data", tmp_path / "here"), House.of("user_data", tmp_path / "there")
    move_to_gcp(there, gcs, lone_dataset)
    there.patience = 300
    known = [known_of(house) for house in (here, there)]
    assert known[0] == known[1]
    assert {each["user_id"].split("/")[1] for each in known[1]["persons"]} == SHAPES.keys() - {"none"}
    assert there.json("verify")["differences"] == 0


def known_of(house: House) -> dict[str, Any]:
    """What an office knows once the requests have come to it, the second of them twice."""
    with house.running(stop=signal.SIGKILL), house.client(*SCOPES) as door:
        for identifier, value in (*SHAPES.items(), ("deep", SHAPES["deep"])):
            send(door, value, identifier)
        time.sleep(Random(20_260_101).uniform(0, 3))  # amid the tables' first batch
    with house.running():
        people = "select * exclude (received_at) from fact_user order by user_id"
        house.until(lambda: len(house.ask(people)) == 7)
        house.until(house.aside)
        requests = {each["request_id"]: each for each in house.ask("requests")}
        return {
            "persons": house.ask(people),
            "requests": {name: (opened(each["record"]), each["persons"]) for name, each in requests.items()},
            "zip codes": house.ask("select zip_code, users from users_by_zip_code order by 1"),
            "aside": [(each["record_id"], each["reason"]) for each in house.aside()],
        }


def opened(record: Any) -> Any:
    """A record, whether an engine answers JSON as a value or as text."""
    return json.loads(record) if isinstance(record, str) else record


def test_production_is_never_reset(tmp_path: Path) -> None:
    places = {"WAREHOUSE_URL": "duckdb:///.asterism/prod.duckdb", "LAKE_URL": ".asterism/prod-lake"}
    house = House.of("user_data", tmp_path, "prod", **places)
    assert "production" in house("reset", "--yes", "prod", code=2)
    assert "no simulator" in house("simulate", code=2) or "production" in house("simulate", code=2)
