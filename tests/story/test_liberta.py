"""liberta as its user lives with it: files in a folder or a bucket, everything else through the command line."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from obstore.store import S3Store

from asterism.adapters.files.lzop import packed

EXAMPLE = Path(__file__).parents[2] / "examples" / "liberta"
ASTERISM = Path(sys.executable).with_name("asterism")
GENERATOR = runpy.run_path(str(EXAMPLE / "generator" / "generate.py"), run_name="generator")
EVENTS = 25_000
A_BAD_LINE = '{"arrival_ts":"soon","data":{"category":"design","user_id":"u1","session_id":"s1"}}'


@dataclass(frozen=True)
class Liberta:
    """A copy of the example."""

    root: Path
    stage: str = "dev"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        return self.root / ".asterism" / "rawevents"

    def command(self, *arguments: str) -> list[str]:
        return [str(ASTERISM), *arguments, "--project", str(self.root), "--stage", self.stage]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command; answer what it printed, its errors too where it is to fail."""
        given = {**os.environ, **self.environment}
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=given, check=False, timeout=120
        )
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def pull(self) -> dict[str, Any]:
        return json.loads(self("pull", "--json"))["sources"][0]

    def ask(self, question: str, **parameters: str) -> list[dict[str, Any]]:
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        return json.loads(self("query", question, *given, "--json"))["rows"]

    def one(self, sql: str) -> Any:
        ((value,),) = (row.values() for row in self.ask(sql))
        return value

    def put(self, name: str, *events: dict[str, Any] | str) -> None:
        file = self.files / name
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(".partial")
        text = "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in events).encode()
        partial.write_bytes(packed(text) if name.endswith(".lzo") else text)
        partial.rename(file)


def event(at: int, user: str, session: str, revenue: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    told = {**meta, **({} if revenue is None else {"revenue": revenue})}
    data = {"category": "business", "user_id": user, "session_id": session, "client_ts": at}
    return {"arrival_ts": at, "country_code": "SE", "data": data, "user_meta": told}


def copied(folder: Path) -> Path:
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Liberta:
    liberta = Liberta(copied(tmp_path / "liberta"))
    liberta.files.mkdir(parents=True)
    return liberta


@pytest.fixture(scope="module")
def life() -> list[dict[str, Any]]:
    """The events of the generator, and what will be told of them below is reckoned from these alone."""
    return [*islice(GENERATOR["events"](0), EVENTS + 1000)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Liberta:
    """Three quarters of the small set at first, then the rest: two loads into one star."""
    liberta = Liberta(copied(tmp_path_factory.mktemp("story") / "liberta"))
    generate(liberta.files, EVENTS - 5000, 0)
    assert liberta.pull()["rows"] == EVENTS - 5000
    generate(liberta.files, 5000, EVENTS - 5000)
    done = liberta.pull()
    assert done["rows"] == 5000
    assert {each["how"] for each in done["refreshed"]} == {"incremental"}
    return liberta


def generate(folder: Path, events: int, after: int) -> None:
    """As a user would."""
    script = str(EXAMPLE / "generator" / "generate.py")
    command = [sys.executable, script, "--events", str(events), "--after", str(after), "--folder", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def test_daily_users_are_those_who_were_active(loaded, life):
    active = defaultdict(set)
    for each in life[:EVENTS]:
        active[day(each["arrival_ts"])].add(each["data"]["user_id"])
    assert {row["day"]: row["users"] for row in loaded.ask("dau")} == {at: len(who) for at, who in active.items()}


def test_shares_are_of_the_users_who_were_active(loaded, life):
    active: dict[str, dict[str, bool]] = defaultdict(dict)
    for each in life[:EVENTS]:
        users, user = active[day(each["arrival_ts"])], each["data"]["user_id"]
        users[user] = users.get(user, False) or each["user_meta"].get("is_paying", False)
    expected = {at: round(sum(users.values()) / len(users), 4) for at, users in active.items()}
    assert {row["day"]: float(row["paying"]) for row in loaded.ask("converting_and_paying")} == expected


def test_running_totals_are_never_summed(loaded, life):
    latest = {each["data"]["user_id"]: each["user_meta"].get("revenue", {}) for each in life[:EVENTS]}
    expected: dict[str, int] = defaultdict(int)
    for totals in latest.values():
        for currency, amount in totals.items():
            expected[currency] += amount
    assert {row["currency"]: int(row["revenue"]) for row in loaded.ask("revenue_per_currency")} == expected


def test_cohorts_count_each_user_once(loaded, life):
    users = {each["data"]["user_id"]: each["user_meta"]["cohort_month"] for each in life[:EVENTS]}
    found = {row["cohort_month"]: row["users"] for row in loaded.ask("cohorts")}
    assert found == {day(month): [*users.values()].count(month) for month in users.values()}


def test_a_user_and_a_session_have_one_row_each(loaded, life):
    for table, name in (("d_user", "user_id"), ("d_session", "session_id")):
        expected = len({each["data"][name] for each in life[:EVENTS]})
        asked = f"select count(*) as n, count(distinct {name}) as m, count(distinct surr_{name}) as k from {table}"
        assert loaded.ask(asked) == [{"n": expected, "m": expected, "k": expected}]


def test_keys_are_the_same_in_every_load_and_every_table(loaded, empty):
    generate(empty.files, 3000, 0)
    empty.pull()
    sql = "select user_id, surr_user_id from d_user order by user_id"
    known = {row["user_id"]: row["surr_user_id"] for row in loaded.ask(sql)}
    found = {row["user_id"]: row["surr_user_id"] for row in empty.ask(sql)}
    assert found.items() <= known.items()
    orphans = "select count(*) from f_revenue anti join d_user using (surr_user_id)"
    assert loaded.one(orphans) == 0
    assert loaded.one("select count(*) from f_revenue anti join d_session using (surr_session_id)") == 0


def test_no_two_users_and_no_two_sessions_share_a_key(loaded):
    for table, key in (("d_user", "surr_user_id"), ("d_session", "surr_session_id")):
        natural = "user_id" if table == "d_user" else "session_id"
        (told,) = loaded.ask(f"select count(distinct {natural}) as things, count(distinct {key}) as keys from {table}")
        assert told["things"] == told["keys"] > 100


def test_the_stars_agree_with_the_files_and_with_what_was_landed(loaded):
    loaded("verify")
    before = loaded.ask("select * from d_user order by user_id")
    loaded("rebuild")
    assert loaded.ask("select * from d_user order by user_id") == before
    assert loaded.pull()["rows"] == 0


def test_the_star_is_the_same_in_a_postgresql_as_on_the_stage_that_is_deployed(empty: Liberta) -> None:
    settings = empty.root / "asterism.toml"
    added = '[pg]\nwarehouse = "embedded:///.asterism/pg/warehouse"\nlake = ".asterism/pg/lake"\n'
    added += '[pg.variables]\nRAWEVENTS_URL = ".asterism/rawevents"\n'
    settings.write_text(f"{settings.read_text()}\n{added}")
    generate(empty.files, 2000, 0)
    for liberta in (there := replace(empty, stage="pg"), empty):
        assert not liberta.pull()["held"]
    there("check")  # nothing is wrong
    asked = {"d_user": "*", "d_session": "*", "user_revenue": "*", "daily_users": "*"}
    asked["f_revenue"] = "surr_session_id, surr_user_id, aud, zar, cast(cast(other as json) ->> 'PLN' as bigint) as pln"
    for table, columns in asked.items():
        found = [_rows(each.ask(f"select {columns} from {table}")) for each in (there, empty)]
        assert found[0] == found[1], table
    assert json.loads(there("verify", "--json"))["differences"] == 0


def _rows(found: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in found)


def test_a_load_that_was_killed_in_the_middle_goes_on_and_ends_equal(loaded, tmp_path):
    liberta = Liberta(copied(tmp_path / "liberta"))
    platform = liberta.root / "platform.py"
    platform.write_text(platform.read_text().replace("record=Event)", "record=Event, chunk_rows=2000)"))
    generate(liberta.files, EVENTS - 5000, 0)
    generate(liberta.files, 5000, EVENTS - 5000)
    manifests = liberta.root / ".asterism" / "dev" / "lake" / "raw" / "rawevents" / "_manifests"
    for chunks in (2, 5):
        pulling = subprocess.Popen(liberta.command("pull"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while len([*manifests.glob("*.json")]) < chunks:
            assert time.monotonic() < until
            time.sleep(0.01)
        pulling.kill()
        pulling.wait()
    assert liberta.pull()["rows"] <= EVENTS - 2000
    for question in ("dau", "converting_and_paying", "revenue_per_currency", "cohorts"):
        assert liberta.ask(question) == loaded.ask(question)
    assert liberta.one("select count(*) from rawevents.events") == EVENTS


def test_one_bad_line_is_set_aside_and_the_rest_goes_on(empty):
    empty.put("a.jsonl", event(1, "u1", "s1"), A_BAD_LINE, "no JSON", event(2, "u2", "s2"))
    empty.put("b.lzo", event(3, "u3", "s3"))
    assert empty.pull()["rows"] == 3
    items = json.loads(empty("quarantine", "list", "--json"))["items"]
    assert sorted(item["place"] for item in items) == ["a.jsonl, line 2", "a.jsonl, line 3"]
    assert "Expected `int`, got `str` - at `$.arrival_ts`" in {item["reason"] for item in items}
    assert A_BAD_LINE in {item["body"] for item in items}
    assert empty.pull()["rows"] == 0


def test_a_new_currency_neither_fails_nor_vanishes(empty):
    empty.put("a.lzo", event(10, "u1", "s1", {"SEK": 100}))
    empty.pull()
    empty.put("b.lzo", event(20, "u1", "s2", {"SEK": 100, "XTS": 7}))
    empty.pull()
    assert empty.ask("revenue_per_currency") == [
        {"currency": "SEK", "revenue": 100, "users": 1},
        {"currency": "XTS", "revenue": 7, "users": 1},
    ]
    assert empty.ask("select sek, other from f_revenue order by created_at") == [
        {"sek": 100, "other": None},
        {"sek": 100, "other": '{"XTS":7}'},
    ]


def test_an_absent_currency_is_no_failure(empty):
    empty.put("a.lzo", event(10, "u1", "s1", {"ZAR": 5}), event(10, "u2", "s2"))
    empty.pull()
    assert empty.ask("select zar, sek from f_revenue") == [{"zar": 5, "sek": None}]


def test_a_changed_type_of_revenue_is_set_aside(empty):
    empty.put("a.lzo", event(10, "u1", "s1", {"SEK": 5}), event(11, "u1", "s1", {"SEK": "many"}))
    empty.pull()
    assert empty.ask("revenue_per_currency") == [{"currency": "SEK", "revenue": 5, "users": 1}]


def test_what_comes_late_changes_no_later_state(empty):
    empty.put("a.lzo", event(200, "u1", "s1", {"SEK": 300}, is_paying=True))
    empty.pull()
    empty.put("b.lzo", event(100, "u1", "s1", {"SEK": 100}))
    empty.pull()
    assert empty.ask("revenue_per_currency")[0]["revenue"] == 300
    assert empty.one("select is_paying from d_user") is True


def test_names_of_objects_never_reach_a_shell(empty):
    empty.put("$(touch pwned) `touch pwned`.lzo", event(1, "u1", "s1"))
    empty.put("a;touch pwned.lzo", event(2, "u2", "s2"))
    assert empty.pull()["rows"] == 2
    assert not [*empty.root.rglob("pwned"), *Path.cwd().glob("pwned")]


def test_an_object_that_was_replaced_replaces_its_rows(empty):
    empty.put("a.lzo", event(1, "u1", "s1"), event(2, "u2", "s2"))
    empty.pull()
    empty.put("a.lzo", event(1, "u1", "s1"))
    assert empty.pull()["deletions"] == 1
    assert empty.ask("select user_id from d_user") == [{"user_id": "u1"}]


def test_no_secret_stands_in_the_files():
    for file in EXAMPLE.rglob("*"):
        if file.suffix in {".py", ".toml", ".sql", ".md"}:
            found = re.findall(r"(?i)(?:secret|password|token|access_key)\w*\s*=\s*[\"'][^\"'$]", file.read_text())
            assert not found, file


def test_the_small_cases_hold(empty):
    empty("test")


def test_files_that_are_dropped_while_it_runs_are_seen_and_readers_never_see_less(empty):
    empty.put("0.lzo", *(event(n, f"u{n}", f"s{n}") for n in range(50)))
    empty.pull()
    log = (empty.root / "log").open("wb")
    running = subprocess.Popen(empty.command("run", "--no-http"), stdout=log, stderr=log)
    try:
        seen = [50]
        for number in range(1, 4):
            empty.put(f"{number}.lzo", *(event(n, f"u{n}", f"s{n}") for n in range(number * 50, number * 50 + 50)))
            until = time.monotonic() + 120
            while seen[-1] < number * 50 + 50:
                assert time.monotonic() < until, (empty.root / "log").read_text()
                seen.append(empty.one("select count(*) from d_user"))
        assert seen == sorted(seen)
        assert {*seen} <= {50, 100, 150, 200}
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        log.close()


# ------------------------------------------------------------------------------------------------------------------ S3


@pytest.fixture
def bucket(aws: dict[str, str]) -> tuple[str, S3Store]:
    """A fresh bucket of an S3 server."""
    name = f"rawevents-{uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws["AWS_REGION"]})
    return name, S3Store(
        name,
        endpoint=aws["AWS_ENDPOINT_URL"],
        region=aws["AWS_REGION"],
        access_key_id="test",
        secret_access_key="test",
        client_options={"allow_http": True},
    )


def of_bucket(folder: Path, name: str) -> Liberta:
    return Liberta(copied(folder), "minio", {"RAWEVENTS_URL": f"s3://{name}", "AWS_ALLOW_HTTP": "true"})


def test_files_of_a_bucket_make_the_same_star(bucket, loaded, tmp_path):
    name, store = bucket
    generate(tmp_path / "files", 8000, 0)
    for file in (tmp_path / "files").rglob("*.*"):
        store.put(str(file.relative_to(tmp_path / "files")), file)
    liberta = of_bucket(tmp_path / "liberta", name)
    assert liberta.pull()["rows"] == 8000
    key = "select surr_user_id from d_user where user_id = 'u1'"
    assert liberta.one(key) == loaded.one(key)
    store.put("new/odd name $(x).lzo", packed(json.dumps(event(1, "another", "one")).encode()))
    assert liberta.pull()["rows"] == 1
    store.put("new/odd name $(x).lzo", packed(json.dumps(event(1, "others", "one")).encode()))
    liberta.pull()
    assert liberta.ask("select user_id from d_user where user_id like '%other%'") == [{"user_id": "others"}]
    assert liberta.pull()["rows"] == 0


def test_objects_that_the_bucket_tells_of_are_read_at_once_and_no_others(bucket, tmp_path):
    name, store = bucket
    sqs, queue = boto3.client("sqs"), f"notices-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    liberta = of_bucket(tmp_path / "liberta", name)
    platform = liberta.root / "platform.py"
    told = 'every="1h",\n    notified=platform.stream("notices", keep="1d")'
    platform.write_text(platform.read_text().replace('every="500ms"', told))
    token = liberta("token", "create", "--scope", "ingest:notices").strip()
    store.put("0.lzo", packed(json.dumps(event(0, "u0", "s0")).encode()))

    def pulls(heard: list[dict[str, Any]], count: int) -> None:
        until = time.monotonic() + 120
        while sum(each["event"] == "pulled" and each["rows"] == 1 for each in heard) < count:
            assert time.monotonic() < until, heard
            time.sleep(0.05)

    with listening(liberta) as (url_of_run, heard):
        pulls(heard, 1)
        boto3.client("s3").put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=wanted)
        store.put("a b/1 (x).lzo", packed(json.dumps(event(1, "u1", "s1")).encode()))
        messages: list[dict[str, Any]] = []
        until = time.monotonic() + 120
        while not any("ObjectCreated" in each["Body"] for each in messages):
            assert time.monotonic() < until, messages
            messages += sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        boto3.client("s3").put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={})
        store.put("unheard.lzo", packed(json.dumps(event(2, "u2", "s2")).encode()))
        for each in messages:
            headers = {"Authorization": f"Bearer {token}"}
            httpx.post(f"{url_of_run}/streams/notices", content=each["Body"], headers=headers).raise_for_status()
        pulls(heard, 2)
        assert liberta.ask("select user_id from d_user order by 1") == [{"user_id": "u0"}, {"user_id": "u1"}]
    assert liberta.pull()["rows"] == 1  # the one of which nobody told is found by listing


@contextmanager
def listening(liberta: Liberta) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """`asterism run` with its HTTP server: where that is, and what it says."""
    heard: list[dict[str, Any]] = []
    with subprocess.Popen(
        liberta.command("run", "--port", "0", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **liberta.environment},
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            heard.append(json.loads(line))
            if heard[-1]["event"] == "serving":
                break
        reader = threading.Thread(target=lambda: heard.extend(map(json.loads, running.stdout or ())))
        reader.start()
        try:
            yield heard[-1]["url"], heard
        finally:
            running.terminate()
            reader.join()
