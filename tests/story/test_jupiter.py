"""examples/jupiter, as its user lives with it: signed events by SNS, Amplitude's exports, flags, reviews and mails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from gcs_server import Buckets
from story.clouds import copy_lake, move_to_aws
from story.house import EXAMPLES, House
from story.tunnel import Tunnel, tunnel
from unit.adapters.amplitude.service import ExportServer, event
from unit.adapters.smtp.postbox import Postbox, postbox
from unit.adapters.sns.service import CERTIFICATE_URL, SUBSCRIBE_URL, Host, certificate, confirmation, key, signed
from unit.adapters.sns.service import notification as unsigned

TOPIC = "arn:aws:sns:eu-west-1:000000000000:jupiter-dev"
NOW = datetime.now(UTC).replace(tzinfo=None)
LONG_AGO = NOW.date() - timedelta(days=3)
_numbers = count(1)


@dataclass
class Bank:
    """The platform at work, and what stands around it."""

    house: House
    sns: Host
    tunnel: Tunnel
    amplitude: ExportServer
    post: Postbox

    def push(self, fields: dict[str, str], **headers: str) -> httpx.Response:
        """A delivery of SNS, with the headers that it has."""
        said = {"x-amz-sns-message-type": fields["Type"], "x-amz-sns-topic-arn": fields["TopicArn"]}
        said |= {"content-type": "text/plain; charset=UTF-8", **headers}
        with httpx.Client(base_url=self.house.url, trust_env=False, timeout=60) as client:
            return client.post("/sns/sns-events", content=json.dumps(fields), headers=said)

    def tell(self, user: str, kind: str, at: datetime, identifier: str = "", **context: Any) -> str:
        """A service publishes an event, and SNS delivers it; answers its MessageId."""
        identifier = identifier or f"m-{user}-{next(_numbers)}"
        answer = self.push(notification(user, kind, at, identifier, **context))
        assert answer.status_code == 200, answer.text
        return identifier

    def flags(self, user: str) -> list[dict[str, Any]]:
        return self.house.ask(
            "select flag_id, account_id, rule_label, reason, accuracy from ops.user_flagged_as_fraudulent "
            f"where user_id = '{user}' order by flag_id"
        )

    def events(self, user: str) -> int:
        found: int = self.house.one(f"select count(*) from ops.all_user_events where user_id = '{user}'")
        return found


def notification(user: str, kind: str, at: datetime, identifier: str, **context: Any) -> dict[str, str]:
    body: dict[str, Any] = {"userId": user, "eventType": kind, "timestamp": milliseconds(at)}
    if context:
        body["context"] = context
    return signed(unsigned(json.dumps(body), MessageId=identifier, TopicArn=TOPIC))


def milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


def saving(amount: int, account: str = "a-1", unit: str = "WHOLE_CURRENCY") -> dict[str, str]:
    return {"accountId": account, "savedAmount": f"{amount}::{unit}::ZAR"}


@contextmanager
def opened(folder: Path, move: Callable[[House], None] | None = None) -> Iterator[Bank]:
    """The bank at work, on another stage where `move` says so."""
    sns, amplitude = Host(folder), ExportServer()
    sns.serves(CERTIFICATE_URL, certificate(key("sns")))
    sns.serves(SUBSCRIBE_URL, b"<ConfirmSubscriptionResponse/>")
    with postbox() as post, tunnel(sns.port) as way:
        house = House.of(
            "jupiter",
            folder,
            HTTPS_PROXY=way.url,
            SSL_CERT_FILE=str(folder / "root.pem"),
            AMPLITUDE_URL=amplitude.url,
            AMPLITUDE_KEY="the-key",
            AMPLITUDE_SECRET="the-secret",
            REPORT_TO="jo@example.com, team@example.com",
            SNS_TOPICS=TOPIC,
        )
        house.edit(
            'at="0 5 * * *"', 'at="0 0 29 2 *"'
        )  # a tick of the clock amid the tests would send mails of its own
        if move is not None:
            move(house)
        if house.stage == "gcp":
            house.environment["MAIL_URL"] = post.url
        else:
            stage = f"[{house.stage}]\n"
            house.edit(stage, f'{stage}mail = "{post.url}"\nsender = "jupiter@example.com"\n', "asterism.toml")
        with house.running():
            yield Bank(house, sns, way, amplitude, post)
    sns.close()
    amplitude.close()


@pytest.fixture(scope="module", params=["dev", pytest.param("aws_local", marks=pytest.mark.soak)])
def bank(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The bank on a stage. Nothing but `asterism.toml` says which one."""
    move = None if request.param == "dev" else partial(move_to_aws, environment=request.getfixturevalue("aws"))
    with opened(tmp_path_factory.mktemp("story"), move) as made:
        yield made


def test_the_cases_of_the_example_hold(bank: Bank) -> None:
    done = bank.house.json("test", "tables")
    assert (done["failed"], done["passed"] >= 5) == (0, True)


def test_every_model_is_kept_current_by_its_key(bank: Bank) -> None:
    assert "full" not in bank.house("check")


def test_a_saving_that_is_too_large_is_flagged_within_seconds_and_reviewed_by_a_person(bank: Bank) -> None:
    at = datetime(2026, 3, 1, 10)
    bank.tell("u-rich", "SAVING_PAYMENT_SUCCESSFUL", at, "m-rich", **saving(100_000))
    bank.tell(
        "u-rich",
        "SAVING_PAYMENT_SUCCESSFUL",
        at + timedelta(days=1),
        "m-richer",
        **saving(2_500_000_000, unit="HUNDREDTH_CENT"),
    )
    (flag,) = bank.house.until(lambda: bank.flags("u-rich"))
    assert flag == {
        "flag_id": "fraud/behave/m-richer/0/0",
        "account_id": "a-1",
        "rule_label": "single_very_large_saving_event",
        "reason": "saved 250,000 ZAR at 2026-03-02 10:00:00, above 100,000",
        "accuracy": "PENDING_CONFIRMATION",
    }
    with bank.house.client("ingest:flag-reviews", "read") as person:
        wrong = person.post("/streams/flag-reviews", json={"flagId": flag["flag_id"], "accuracy": "MAYBE"})
        assert wrong.status_code == 400, wrong.text
        review = {"flagId": flag["flag_id"], "accuracy": "FALSE_ALARM", "reviewer": "jo"}
        assert person.post("/streams/flag-reviews", json=review).status_code == 202
        bank.house.until(lambda: bank.flags("u-rich")[0]["accuracy"] == "FALSE_ALARM")
        state = person.get("/views/fraud/u-rich").json()
    assert "single_very_large_saving_event" in json.dumps(state)


def test_what_sns_delivers_twice_counts_once(bank: Bank) -> None:
    sent = notification("u-twice", "SAVING_PAYMENT_SUCCESSFUL", datetime(2026, 3, 1), "m-twice", **saving(900_000))
    assert [bank.push(sent).status_code for _ in range(3)] == [200, 200, 200]
    bank.house.until(lambda: bank.flags("u-twice"))
    bank.tell("u-after", "USER_OPENED_APP", datetime(2026, 3, 1))
    bank.house.until(lambda: bank.events("u-after"))
    assert bank.events("u-twice") == 1
    assert len(bank.flags("u-twice")) == 1
    assert bank.house.one("select count(*) from ops.user_behaviour where user_id = 'u-twice'") == 1


def test_a_forged_message_and_another_topic_are_refused_and_leave_nothing(bank: Bank) -> None:
    genuine = notification("u-forged", "X", datetime(2026, 3, 1), "m-forged")
    forged = genuine | {"Message": genuine["Message"].replace("u-forged", "u-forger")}
    stranger = signed(unsigned("{}", TopicArn=TOPIC.replace("jupiter-dev", "others")))
    assert [bank.push(each).status_code for each in (forged, stranger)] == [403, 403]
    assert bank.events("u-forger") + bank.events("u-forged") == 0


def test_a_subscription_of_the_topic_confirms_itself_and_no_other_address_is_ever_called(bank: Bank) -> None:
    assert bank.push(signed(confirmation(TopicArn=TOPIC))).status_code == 200
    assert SUBSCRIBE_URL.partition("amazonaws.com")[2] in bank.sns.asked
    elsewhere = signed(
        confirmation(TopicArn=TOPIC, SubscribeURL="https://evil.example.com/?Action=ConfirmSubscription")
    )
    assert 400 <= bank.push(elsewhere).status_code < 500
    assert {each.partition(":")[0] for each in bank.tunnel.asked} == {"sns.eu-west-1.amazonaws.com"}


def test_one_bad_event_is_set_aside_and_stops_no_other(bank: Bank) -> None:
    at = datetime(2026, 3, 1)
    body = json.dumps({"userId": "u-bad", "eventType": "X", "timestamp": "soon"})
    assert (
        bank.push(signed(unsigned(body, MessageId="m-bad", TopicArn=TOPIC))).status_code == 200
    )  # it would never be valid: SNS need not repeat it
    bank.tell(
        "u-odd", "SAVING_PAYMENT_SUCCESSFUL", at, "m-odd", accountId="a-1", savedAmount="__import__('os').getcwd()"
    )
    bank.tell("u-good", "SAVING_PAYMENT_SUCCESSFUL", at, **saving(150_000, "a-2"))
    bank.house.until(lambda: bank.flags("u-good"))
    aside = bank.house.until(lambda: len(found := bank.house.aside()) >= 2 and found)
    reasons = {item["record_id"]: item["reason"] for item in aside}
    assert "timestamp" in reasons["m-bad"]
    assert "is no amount" in reasons["m-odd"]
    assert bank.house.until(lambda: bank.events("u-odd")) == 1


def test_raw_delivery_needs_a_token(bank: Bank) -> None:
    readme = (EXAMPLES / "jupiter" / "README.md").read_text()
    (line,) = re.findall(r"^    curl \S+/sns/sns-events .*$", readme, re.MULTILINE)
    headers = dict(header.split(": ") for header in re.findall(r'-H "([^"$]*)"', line))
    (body,) = re.findall(r"-d '(.*)'$", line)
    assert headers["x-amz-sns-topic-arn"] == TOPIC
    with httpx.Client(base_url=bank.house.url, trust_env=False) as client:
        assert client.post("/sns/sns-events", content=body, headers=headers).status_code == 401
        token = bank.house.token("ingest:sns-events")
        answer = client.post("/sns/sns-events", content=body, headers=headers, auth=("sns", token))
        assert answer.status_code == 200, answer.text
    (flag,) = bank.house.until(lambda: bank.flags("u-71"))
    assert flag["flag_id"] in readme


def test_a_day_of_amplitude_joins_the_events_and_loading_it_again_changes_nothing(bank: Bank) -> None:
    day, following = LONG_AGO.isoformat(), LONG_AGO + timedelta(days=1)
    events = [
        event("x-1", user_id="u-app", client_event_time=f"{day} 10:00:00", event_properties={"screen": "home"}),
        event("x-2", user_id="null", amplitude_id=77, client_event_time=f"{day} 23:59:59.999999"),
        event("x-1", user_id="u-app", client_event_time=f"{day} 10:00:00", event_properties={"screen": "home"}),
    ]
    bank.amplitude.put(day, 10, events[:2])
    bank.amplitude.put(day, 23, events[2:])
    for _ in range(2):
        bank.house("backfill", "amplitude", "--start", day)
        rows = bank.house.ask(
            "select event_id, user_id from ops.all_user_events where source_of_event = 'AMPLITUDE' order by event_id"
        )
        assert rows == [{"event_id": "x-1", "user_id": "u-app"}, {"event_id": "x-2", "user_id": "77"}]
        screens = "select value from amplitude.events_properties where key = 'screen'"
        assert bank.house.ask(screens) == [{"value": "home"}]
    lake = bank.house.root / ".asterism" / bank.house.stage / "lake"
    if bank.house.stage == "aws_local":
        copy_lake(bank.house, lake)
    kept = lake / "raw/amplitude/export" / f"{day}.zip"
    assert kept.read_bytes()[:2] == b"PK"
    asked = {"startDate": day, "endDate": day, "eventTypes": '["USER_PROFILE_REGISTER_SUCCEEDED", "X"]'}
    assert bank.house.ask("event_counts", **asked) == [
        {"event_type": "USER_PROFILE_REGISTER_SUCCEEDED", "event_count": 2}
    ]
    bank.house("backfill", "amplitude", "--start", following.isoformat())  # a 404: a day without events
    assert not (kept.parent / f"{following}.zip").exists()


def parts(message: EmailMessage) -> tuple[str, str]:
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    return text, html


def test_a_message_on_daily_runs_sends_the_mails_of_yesterday(bank: Bank) -> None:
    before = len(bank.post.messages)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    at = datetime.combine(yesterday, datetime.min.time())
    bank.tell("u-new", "USER_CREATED_ACCOUNT", at)
    bank.tell("u-new", "USER_INITIATED_ADD_CASH", at + timedelta(hours=2))
    bank.tell("u-tomorrow", "SAVING_PAYMENT_SUCCESSFUL", at + timedelta(days=1), **saving(5_000, "a-2"))
    bank.tell("u-new", "SAVING_PAYMENT_SUCCESSFUL", at + timedelta(hours=1), **saving(1_234, "a-new"))
    with bank.house.client("ingest:daily-runs") as caller:
        for name in ("daily-metrics", "funnel-drop-offs"):
            assert caller.post("/streams/daily-runs", json={"schedule": name}).status_code == 202
    messages = {message["Subject"]: message for message in bank.post.wait(before + 2)[before:]}
    assert bank.post.recipients[before] == ["jo@example.com", "team@example.com"]
    text, html = parts(messages[f"jupiter: metrics of {yesterday}"])
    assert re.search(r"^accounts opened +1$", text, re.MULTILINE)
    assert re.search(r"^ZAR +1234\.0000 +1$", text, re.MULTILINE)
    assert re.search(r"^share of boosts expired unused +-$", text, re.MULTILINE)
    assert ">1234.0000<" in html
    text, html = parts(messages[f"jupiter: where users dropped off on {yesterday}"])
    assert re.search(r"^saving +1 +USER_INITIATED\S+ +1 +0$", text, re.MULTILINE)
    assert "USER_LEFT_APP_AT_PAYMENT_LINK" in html
    shown = bank.house("report", "daily-metrics", "--day", yesterday.isoformat())
    assert "1234.0000" in shown
    assert len(bank.post.messages) == before + 2


def test_a_mail_that_could_not_be_sent_is_tried_again(bank: Bank) -> None:
    before = len(bank.post.messages)
    bank.post.says = "451 not now"
    try:
        with bank.house.client("ingest:daily-runs") as caller:
            assert caller.post("/streams/daily-runs", json={"schedule": "daily-metrics"}).status_code == 202
        refused = bank.house.until(lambda: [each for each in bank.house.told("failed") if each["error"] == "MailError"])
        assert "451 not now" in refused[0]["fact"]
    finally:
        bank.post.says = "250 kept"
    assert bank.post.wait(before + 1)[-1]["Subject"].startswith("jupiter: metrics of ")
    bank.house.until(lambda: len(bank.house.told("reported")) == before + 1)


def test_rebuilding_the_rules_flags_nobody_again_and_all_tables_verify(bank: Bank) -> None:
    bank.tell("u-again", "SAVING_PAYMENT_SUCCESSFUL", datetime(2026, 3, 1), **saving(300_000))
    bank.house.until(lambda: bank.flags("u-again"))
    before = bank.house.ask("select flag_id from ops.user_flagged_as_fraudulent order by flag_id")
    bank.house("view", "rebuild", "fraud")
    bank.tell("u-later", "SAVING_PAYMENT_SUCCESSFUL", datetime(2026, 3, 1), **saving(300_000))
    bank.house.until(lambda: bank.flags("u-later"))
    after = bank.house.ask(
        "select flag_id from ops.user_flagged_as_fraudulent where user_id <> 'u-later' order by flag_id"
    )
    assert after == before
    assert bank.house.json("verify")["differences"] == 0


def test_a_person_who_leaves_leaves_nothing_behind(bank: Bank) -> None:
    bank.tell("u-leaver", "SAVING_PAYMENT_SUCCESSFUL", datetime(2026, 3, 1), **saving(300_000))
    bank.house.until(lambda: bank.flags("u-leaver"))
    bank.house("erase", "--stream", "sns-events", "--where", "\"userId\" = 'u-leaver'", "--yes")
    for table in ("ops.all_user_events", "ops.user_behaviour", "ops.user_flagged_as_fraudulent"):
        assert bank.house.one(f"select count(*) from {table} where user_id = 'u-leaver'") == 0
    assert "u-leaver" not in bank.house.view("fraud")


def test_a_made_up_bank_fills_the_tables(bank: Bank) -> None:
    bank.house("simulate", "--limit", "600", "--speed", "0", "--seed", "3")
    bank.house.until(lambda: bank.house.ask("daily_metrics", day="2026-01-10")[0]["savers"] > 0)
    bank.house.until(lambda: bank.house.one("select count(*) from sns_events") >= 600)
    (metrics,) = bank.house.ask("daily_metrics", day="2026-01-10")
    readme = (EXAMPLES / "jupiter" / "README.md").read_text()
    commands = re.findall(r"^    asterism ((?:query|report) .*) --project examples/jupiter$", readme, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        bank.house(*command.split())
    assert metrics["accounts_opened_in_7_days"] > 0
    assert 0 <= metrics["share_of_those_that_saved"] <= 1


@pytest.mark.slow(60)
def test_at_google_the_bank_is_the_same(
    tmp_path: Path, pubsub: str, bigtable: str, gcs: Buckets, make_dataset: Callable[..., str]
) -> None:
    """On the stage `gcp` as it stands."""
    day, at = LONG_AGO.isoformat(), datetime.combine(LONG_AGO, datetime.min.time())
    project = f"project-{uuid4().hex[:12]}"
    make_dataset(project, "jupiter_gcp")
    gcs.objects[f"{project}-lake"] = {}

    def move(house: House) -> None:
        house.stage = "gcp"
        house.environment |= {"GCP_PROJECT": project, "LAKE_BUCKET": f"{project}-lake"}

    with opened(tmp_path, move) as bank:
        house = bank.house
        house.patience = 200  # the emulator of BigQuery takes its time on a busy machine
        sent = notification("u-rich", "SAVING_PAYMENT_SUCCESSFUL", at, "m-rich", **saving(900_000))
        assert [bank.push(sent).status_code for _ in range(2)] == [200, 200]
        bank.tell("u-new", "USER_CREATED_ACCOUNT", at)
        with house.client("ingest:flag-reviews") as person:
            review = {"flagId": "fraud/behave/m-rich/0/0", "accuracy": "FALSE_ALARM", "reviewer": "jo"}
            assert person.post("/streams/flag-reviews", json=review).status_code == 202
        bank.amplitude.put(day, 10, [event("x-1", user_id="u-app", client_event_time=f"{day} 10:00:00")])
        house("backfill", "amplitude", "--start", day)
        # The event twice, the money and the flag that it led to, the other event, and the review.
        house.until(lambda: sum(each["records"] for each in house.told("written")) >= 6)
        (flag,) = bank.flags("u-rich")
        assert (flag["flag_id"], flag["accuracy"]) == ("fraud/behave/m-rich/0/0", "FALSE_ALARM")
        told = "select user_id, source_of_event from ops.all_user_events order by user_id"
        assert [tuple(row.values()) for row in house.ask(told)] == [
            ("u-app", "AMPLITUDE"),
            ("u-new", "INTERNAL_SERVICES"),
            ("u-rich", "INTERNAL_SERVICES"),
        ]
        (metrics,) = house.ask("daily_metrics", day=day)
        assert (metrics["accounts_opened"], metrics["savers"]) == (1, 1)
        assert house.json("verify")["differences"] == 0


def test_without_amplitude_the_rest_goes_on(tmp_path: Path) -> None:
    house = House.of("jupiter", tmp_path, AMPLITUDE_URL="http://127.0.0.1:1/api/2/export")
    with house.running():
        house.until(lambda: {model["state"] for model in house.json("status")["models"]} == {"current"})
        # By the clock, a platform that was begun between midnight and two has no whole day to ask for yet.
        day = (datetime.now(UTC).date() - timedelta(days=2)).isoformat()
        assert "Connection refused" in house("backfill", "amplitude", "--start", day, code=1)
        house("simulate", "--limit", "20", "--speed", "0")
        house.until(lambda: house.one("select count(*) from ops.all_user_events") == 20)


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_the_stages_of_the_cloud_are_declared_in_regions_of_their_own(tmp_path: Path, stage: str) -> None:
    house = House.of(
        "jupiter", tmp_path, stage,
        WAREHOUSE_URL=f"duckdb:////{tmp_path}/w", LAKE_URL=f"file://{tmp_path}/lake", AWS_ACCOUNT="123456789012",
        LOG_URL=f"sqlite:////{tmp_path}/log.db", VIEWS_URL=f"sqlite:////{tmp_path}/views.db",
        MAIL_URL="smtps://user:password@mail.example.com", MAIL_SENDER="a@example.com", REPORT_TO="b@example.com",
        amplitude_key="k", amplitude_secret="s",
    )  # fmt: skip
    assert "no problems" not in house("check")  # the remark stands on stderr
    said = house("simulate", "--limit", "1", code=2 if stage == "production" else 0)
    assert ("production" in said) == (stage == "production")
