"""examples/occupancy, as its user lives with it: sensors, counts, made-up days, trouble, and a newer version."""

from __future__ import annotations

import re
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import httpx
import pytest
from story.clouds import move_to_aws, move_to_gcp
from story.house import EXAMPLES, House

ACCESS = {"eventTime": "2019-08-05 14:02:11", "event": 1, "service": "door-3"}
SCOPES = ("ingest:accesses", "read", "admin")
BROKEN = """
@platform.view(accesses, key=None)
def broken(state: Occupancy, access: Access) -> Occupancy:
    if access.service == "door-13":
        raise ZeroDivisionError("door-13 was never installed")
    return counted(state, access)


copies = platform.stream("copies")


@platform.transform(accesses, into=copies)
def failing(access: Access) -> Access:
    raise RuntimeError("nothing can be made of it")
"""


@pytest.fixture(scope="module", params=["dev", "gcp_local", pytest.param("aws_local", marks=pytest.mark.soak)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The site on a stage. Nothing but `asterism.toml` says which one."""
    house = House.of("occupancy", tmp_path_factory.mktemp("story"), request.param)
    if request.param == "gcp_local":
        for server in ("pubsub", "bigtable"):
            request.getfixturevalue(server)
        move_to_gcp(house, request.getfixturevalue("gcs"))
    if request.param == "aws_local":
        move_to_aws(house, request.getfixturevalue("aws"))
    with house.running() as made:
        yield made


@pytest.fixture
def door(site: House) -> Iterator[httpx.Client]:
    with site.client(*SCOPES) as client:
        yield client


def access(service: str, event: int = 1, at: str = "2019-08-05T14:02:11") -> dict[str, Any]:
    return {"eventTime": at, "event": event, "service": service}


def send(door: httpx.Client, record: Any, identifier: str = "", code: int = 202) -> dict[str, Any]:
    headers = {"Idempotency-Key": identifier} if identifier else {}
    answer = door.post("/streams/accesses", json=record, headers=headers)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


def live(door: httpx.Client, service: str) -> int | None:
    """The live count of a sensor."""
    answer = door.get(f"/views/occupancy/{service}")
    return answer.json()["value"]["currentOccupancy"] if answer.status_code == 200 else None


def stored(site: House, service: str) -> int:
    count: int = site.one(f"select count(*) as n from fact_access where service = '{service}'")
    return count


def test_the_readme_leads_to_a_live_count_and_a_page_that_shows_the_api(site: House) -> None:
    text = (EXAMPLES / "occupancy" / "README.md").read_text()
    assert "    asterism run --project examples/occupancy\n" in text
    (scopes,) = re.findall(r"TOKEN=\$\(asterism token create (.*) --project examples/occupancy\)", text)
    token = site("token", "create", *shlex.split(scopes)).strip()
    first, second = re.findall(r"^    (curl .*)$", text, re.MULTILINE)
    assert curl(first, token, site).status_code == 202
    site.until(lambda: curl(second, token, site).json()["items"])
    (item,) = curl(second, token, site).json()["items"]
    assert (item["key"], item["value"]["currentOccupancy"]) == ("door-3", 1)
    page = httpx.get(f"{site.url}/docs", trust_env=False)
    assert page.status_code == 200
    assert "://" not in re.sub(r"<!--.*?-->", "", page.text)  # it asks no other host for anything
    described = httpx.get(f"{site.url}/openapi.json", trust_env=False).json()
    assert "/streams/accesses" in described["paths"]
    assert "eventTime" in described["components"]["schemas"]["Access"]["properties"]


def curl(line: str, token: str, site: House) -> httpx.Response:
    """Do what a line of the README does with curl."""
    _, url, *options = shlex.split(line.replace("$TOKEN", token).replace("http://127.0.0.1:8000", site.url))
    given = dict(zip(options[::2], options[1::2], strict=True))
    name, _, value = given.pop("-H").partition(": ")
    body = given.pop("-d", None)
    assert not given
    method = "POST" if body else "GET"
    return httpx.request(method, url, headers={name: value}, content=body, trust_env=False)


def test_the_rest_of_the_readme_runs(site: House) -> None:
    text = (EXAMPLES / "occupancy" / "README.md").read_text()
    lines = re.findall(r"^    asterism (.*) --project examples/occupancy$", text, re.MULTILINE)
    commands = [shlex.split(line) for line in lines if not line.startswith(("run", "simulate"))]
    assert len(commands) >= 4
    for command in commands:
        site(*command)
    assert "fact_access" in site("status")


def test_nobody_without_a_token_sends_or_reads(site: House) -> None:
    with httpx.Client(base_url=site.url, trust_env=False) as stranger:
        assert stranger.post("/streams/accesses", json=ACCESS).status_code == 401
        assert stranger.get("/views/occupancy").status_code == 401
        assert stranger.post("/simulate/visitors", json={"limit": 1}).status_code == 401
    with site.client("read") as reader:
        assert reader.post("/streams/accesses", json=ACCESS).status_code == 403


def test_events_sent_twice_by_many_clients_count_once_and_none_is_lost(site: House, door: httpx.Client) -> None:
    """Read, add, write back would count a repeated one twice, and lose what two clients send at once."""
    random = Random(5)
    events = [(f"crowd-{n}", access(f"lift-{n % 3}", random.choice((1, 1, -1)))) for n in range(300)]
    site.until(lambda: live_of_site(door) == int(site.one("select coalesce(sum(event), 0) as n from fact_access")))
    before = live_of_site(door)
    twice = random.sample(events * 2, 600)
    with ThreadPoolExecutor(8) as clients:
        told = list(clients.map(lambda each: send(door, each[1], each[0]), twice))
    known = sum(each["duplicates"] for each in told)
    assert known == 300 if site.stage == "dev" else known <= 300  # brokers remember no ids: table and views do
    expected: Counter[str] = Counter()
    for _, event in events:
        expected[event["service"]] += event["event"]
    site.until(lambda: live_of_site(door) == before + expected.total())
    site.until(lambda: {service: live(door, service) for service in expected} == expected)
    site.until(lambda: sum(stored(site, service) for service in expected) == 300)
    sql = "select service, sum(event) as inside from fact_access where service like 'lift-%' group by service"
    assert {row["service"]: int(row["inside"]) for row in site.ask(sql)} == expected


def live_of_site(door: httpx.Client) -> int:
    items = door.get("/views/site").json()["items"]
    return items[0]["value"]["currentOccupancy"] if items else 0


def test_two_events_of_one_sensor_in_one_second_are_two_rows(site: House, door: httpx.Client) -> None:
    told = send(door, [access("gate-1")] * 3)
    again = send(door, access("gate-1"))
    assert len({*told["ids"], *again["ids"]}) == 4
    site.until(lambda: stored(site, "gate-1") == 4)
    site.until(lambda: live(door, "gate-1") == 4)


def test_each_event_is_a_row_by_sensor_and_time_with_the_count_that_it_left_beside_it(
    site: House, door: httpx.Client
) -> None:
    for number, (event, minute) in enumerate([(1, 5), (1, 1), (-1, 9), (1, 5)]):
        for _ in range(2):
            send(door, access("hatch", event, f"2019-08-05T14:{minute:02d}:11"), f"hatch-{number}")
        site.until(lambda: live_events(door, "hatch") == number + 1)  # noqa: B023 - at once
    rows = site.json("events", "accesses", "--key", "hatch")["items"]
    assert [(each["id"], each["at"]) for each in rows] == [
        ("hatch-1", "2019-08-05T14:01:11"), ("hatch-0", "2019-08-05T14:05:11"),
        ("hatch-3", "2019-08-05T14:05:11"), ("hatch-2", "2019-08-05T14:09:11"),
    ]  # fmt: skip
    assert [each["realTimeStatus"]["currentOccupancy"] for each in rows] == [2, 1, 2, 1]
    assert rows[0]["event"] == access("hatch", 1, "2019-08-05T14:01:11")
    asked: dict[str, Any] = {"key": "hatch", "since": "2019-08-05T16:05:11+02:00", "until": "2019-08-05T14:09:11"}
    first = door.get("/events/accesses", params={**asked, "limit": 1}).json()
    rest = door.get("/events/accesses", params={**asked, "after": first["next"]}).json()
    assert ([*first["items"], *rest["items"]], rest["next"]) == (rows[1:3], None)
    assert door.get("/events/doors", params=asked).status_code == 404
    assert door.get("/events/accesses", params={**asked, "after": "x"}).status_code == 400
    site("erase", "--stream", "accesses", "--where", "service = 'hatch'", "--yes")
    assert site.json("events", "accesses", "--key", "hatch")["items"] == []
    assert "no stream that is stored" in site("events", "doors", "--key", "hatch", code=2)
    assert "is no time" in site("events", "accesses", "--key", "hatch", "--since", "noon", code=2)


def live_events(door: httpx.Client, key: str) -> int:
    """How many events of a sensor are stored, with their count."""
    items = door.get("/events/accesses", params={"key": key}).json()["items"]
    return sum("realTimeStatus" in each for each in items)


def test_an_event_that_comes_late_counts_in_the_hour_in_which_it_happened(site: House, door: httpx.Client) -> None:
    send(door, [access("yard", 1, "2019-08-09T10:15:00"), access("yard", -1, "2019-08-09T12:15:00")])
    send(door, access("yard", 1, "2019-08-06T08:59:59.999999"))
    site.until(lambda: stored(site, "yard") == 3)
    told = site.ask("select hour, occupancy from occupancy_over_time where service = 'yard' order by hour")
    assert [(row["hour"], row["occupancy"]) for row in told] == [
        ("2019-08-06T08:00:00", 1),
        ("2019-08-09T10:00:00", 2),
        ("2019-08-09T12:00:00", 1),
    ]
    windows = site.until(
        lambda: (found := door.get("/views/hourly/yard").json()["items"]) and len(found) == 3 and found
    )
    assert [each["window"] for each in windows] == [row["hour"] for row in told]
    site.until(lambda: live(door, "yard") == 1)


def test_what_is_no_access_is_refused_with_the_reason_and_its_neighbours_are_taken(
    site: House, door: httpx.Client
) -> None:
    told = send(door, [access("wing"), access("wing", 7), access("all")])
    assert told["accepted"] == 1
    assert [each["index"] for each in told["refused"]] == [1, 2]
    assert "event" in told["refused"][0]["reason"]
    assert send(door, access("wing", 7), code=400)["title"] == "No record can be taken"
    assert len([item for item in site.aside() if item["stream"] == "accesses"]) == 3


def test_what_hourly_counts_stands_in_the_table_already(site: House, door: httpx.Client) -> None:
    for number in range(1, 6):
        send(door, access("hall"))
        (state,) = site.until(lambda n=number: counted_in(door, "hall", n))
        assert stored(site, "hall") >= state["value"]["entered"]


def counted_in(door: httpx.Client, service: str, least: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = door.get(f"/views/hourly/{service}").json()["items"]
    return [each for each in found if each["value"]["entered"] >= least]


def test_the_simulator_at_3600_keeps_up(site: House, door: httpx.Client) -> None:
    before = {service: live(door, service) or 0 for service in ("door-1", "door-2", "door-3")}
    rows = site.one("select count(*) as n from fact_access")
    began = time.monotonic()
    told = site.json("simulate", "--limit", "250", "--speed", "3600", "--seed", "1")
    lasted = time.monotonic() - began
    assert told["events"] == 250
    assert lasted > 3  # more than three simulated hours
    site.until(lambda: site.one("select count(*) as n from fact_access") == rows + 250)
    sql = "select service, sum(event) as inside from fact_access where service like 'door-%' group by service"
    inside = {row["service"]: int(row["inside"]) for row in site.ask(sql)}
    site.until(lambda: {service: live(door, service) for service in before} == inside)


def test_simulating_over_http_answers_with_the_number_of_events_and_has_a_limit(
    site: House, door: httpx.Client
) -> None:
    rows = site.one("select count(*) as n from fact_access")
    given = {"limit": 10, "speedFactor": 1e6, "project": "p"}
    answer = door.post("/simulate/visitors", json=given)
    assert (answer.status_code, answer.text) == (200, "10 events run")
    assert answer.headers["content-type"].startswith("text/plain")
    for limit in (10**9, 0, -1, "all", None):
        assert door.post("/simulate/visitors", json=given | {"limit": limit}).status_code == 400
    assert door.post("/simulate/nobody", json=given).status_code == 404
    assert "cannot be played" in site("simulate", "--limit", "0", code=2)
    with site.client("ingest:accesses", "read") as other:
        assert other.post("/simulate/visitors", json=given).status_code == 403
    site.until(lambda: site.one("select count(*) as n from fact_access") == rows + 10)


def test_verify_finds_no_difference(site: House) -> None:
    assert "0 differences" in site("verify")


def test_a_calculation_that_fails_harms_neither_the_events_nor_the_others(tmp_path_factory: Any) -> None:
    house = House.of("occupancy", tmp_path_factory.mktemp("fan"))
    (house.root / "platform.py").write_text((house.root / "platform.py").read_text() + BROKEN)
    with house.running(), house.client(*SCOPES) as door:
        send(door, [access("door-1"), access("door-1")])
        send(door, access("door-13"), "poison")
        send(door, [access("door-1"), access("door-13", -1)])
        house.until(lambda: (live(door, "door-1"), live(door, "door-13")) == (3, 0))
        house.until(lambda: stored(house, "door-1") == 3 and stored(house, "door-13") == 2)
        house.until(lambda: counted_in(door, "door-1", 3))
        # The one stands still, and says where and why; the other has set aside what it could not make anything of.
        stopped = house.until(lambda: house.json("view", "show", "broken")["stopped"])
        assert stopped["id"] == "poison"
        assert stopped["error"]["message"] == "door-13 was never installed"
        assert re.search(r"platform\.py:\d+$", stopped["error"]["line"])
        assert house.view("broken")["all"]["currentOccupancy"] == 2
        failed = house.until(lambda: [each for each in house.told("failed") if each["task"] == "view broken"])
        assert "door-13 was never installed" in failed[0]["fact"]
        house.until(lambda: len(house.aside()) == 5)
        told = house.json("status")
        states = {each["view"]: (each["state"], each["stopped_at"]) for each in told["views"]}
        assert states == dict.fromkeys(("occupancy", "site", "hourly"), ("running", "")) | {
            "broken": ("stopped", "poison")
        }
        stream = next(each for each in told["streams"] if each["stream"] == "accesses")
        assert (stream["records"], sum(stream["end"].values())) == (5, 5)
        behind = {each["consumer"]: each["behind"] for each in stream["readers"]}
        assert (behind["view:occupancy"], behind["view:broken"], behind["warehouse"]) == (0, 3, 0)
        late = next(each["seconds"] for each in stream["readers"] if each["consumer"] == "view:broken")
        assert late > 0
        assert sum(each["count"] for each in told["quarantine"] if each["stream"] == "accesses") == 5
        shown = house("status")
        assert "view:broken" in shown
        assert "stopped" in shown
        # Passing over the one record lets it go on to the next of that kind; mending the function does for all.
        house("view", "skip", "broken", "poison")
        house.until(lambda: house.view("broken")["all"]["currentOccupancy"] == 3)
        house.taken_up(
            lambda: house.edit('        raise ZeroDivisionError("door-13 was never installed")\n', "        pass\n")
        )
        house.until(lambda: house.view("broken")["all"]["currentOccupancy"] == 2)
        assert house.json("view", "show", "broken")["stopped"] is None
        house("view", "rebuild", "broken")
        assert house.view("broken")["all"]["currentOccupancy"] == 2  # still without the one that is passed over


def test_a_simulator_that_is_broken_breaks_itself_alone(tmp_path_factory: Any) -> None:
    house = House.of("occupancy", tmp_path_factory.mktemp("broken"))
    house.edit("    for number in count():\n", "    import no_such_package\n\n    for number in count():\n")
    with house.running(), house.client(*SCOPES) as door:
        assert door.post("/simulate/visitors", json={"limit": 1}).status_code >= 400
        send(door, access("door-1"))
        house.until(lambda: live(door, "door-1") == 1 and stored(house, "door-1") == 1)


def test_a_newer_version_deletes_nothing(tmp_path_factory: Any) -> None:
    house = House.of("occupancy", tmp_path_factory.mktemp("newer"))
    with house.running(), house.client(*SCOPES) as door:
        send(door, [access("door-1"), access("door-2")])
        house.until(lambda: stored(house, "door-1") == 1 and live(door, "door-2") == 1)
        counts = house.view("occupancy")
    house.edit('key="service")', 'key="service", retention="30d")')
    last = "    eventTime: datetime  # noqa: N815 - as the sensors call it\n"
    house.edit(last, last + "    battery: float | None = None\n")
    column = '    "eventTime" as event_time,\n'
    house.edit(column, column + "    battery,\n", "models/fact_access.sql")
    with house.running(), house.client(*SCOPES) as door:
        assert house.view("occupancy") == counts
        send(door, access("door-1") | {"battery": 0.5})
        house.until(lambda: stored(house, "door-1") == 2 and live(door, "door-1") == 2)
        told = house.ask("select service, battery from fact_access order by service, battery nulls first")
        assert [(row["service"], row["battery"]) for row in told] == [
            ("door-1", None),
            ("door-1", 0.5),
            ("door-2", None),
        ]
        assert "0 differences" in house("verify")
    assert "asks for the stage's name" in house("reset", code=2)  # what deletes says so first
    assert "Nothing was touched" in house("reset", "--yes", "prod", code=2)
    assert stored(house, "door-1") == 2


def test_production_takes_no_made_up_events_and_is_never_reset(tmp_path_factory: Any) -> None:
    places = {"WAREHOUSE_URL": "duckdb:///.asterism/prod.duckdb", "LAKE_URL": ".asterism/prod-lake"}
    places |= {f"{each}_URL": f"sqlite:///.asterism/{each}.db" for each in ("LOG", "VIEWS", "EVENTS")}
    house = House.of("occupancy", tmp_path_factory.mktemp("prod"), "prod", **places)
    with house.running(), house.client(*SCOPES) as door:
        answer = door.post("/simulate/visitors", json={"limit": 1, "speedFactor": 1, "project": "p"})
        assert answer.status_code == 403
        assert "production" in answer.json()["detail"]
        send(door, access("door-1"))
        house.until(lambda: live(door, "door-1") == 1)
    assert "production" in house("simulate", "--limit", "1", code=2)
    assert "production" in house("reset", "--yes", "prod", code=2)
