"""What Amazon SNS posts, and what it is answered with: it repeats a 5xx, and never a 4xx."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from unit.adapters.sns.service import (
    CERTIFICATE_URL,
    HOST,
    REGION,
    SUBSCRIBE_URL,
    TOPIC,
    Host,
    certificate,
    confirmation,
    key,
    notification,
    signed,
)

from asterism.adapters.sns.certificates import Certificates
from asterism.declare.endpoint import Endpoint, Sns
from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.errors import LogError
from asterism.http.sns import LARGEST, SnsApp
from asterism.run.tokens import Tokens

OTHER = f"arn:aws:sns:{REGION}:123456789012:others"


class Event(Record):
    user: str
    kind: str


EVENTS = Stream("sns-events", Event, key="user")
EVENT = json.dumps({"user": "u-71", "kind": "SAVING"})


class Memory:
    """Appends to a list, as the log does to its file."""

    def __init__(self) -> None:
        self.streams: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.down = False

    async def append(self, stream, entries):
        await asyncio.sleep(0)
        if self.down:
            raise LogError("the log", "the disk is full")
        kept = self.streams.setdefault(stream.name, {})
        new = []
        for entry in entries:
            new.append(entry.id not in kept)
            kept.setdefault(entry.id, (entry.key, entry.body))
        return new

    @property
    def events(self) -> dict[str, tuple[str, bytes]]:
        return self.streams.get(EVENTS.name, {})

    @property
    def quarantine(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.streams.get("_quarantine", {}).values()]


class Door:
    """The application, its log, and the host of SNS beside it."""

    def __init__(self, folder, *endpoints: Sns, seconds: float = 2.0) -> None:
        self.host = Host(folder)
        self.host.serves(CERTIFICATE_URL, certificate(key("sns")))
        self.host.serves(SUBSCRIBE_URL, b"<ConfirmSubscriptionResponse/>")
        self.log = Memory()
        self.tokens = Tokens(folder)
        self.certificates = Certificates(self.host.transport(), seconds=seconds)
        declared = [Endpoint(each, EVENTS) for each in endpoints or (Sns(topics=[TOPIC]),)]
        self.app = SnsApp(declared, self.log, self.tokens, self.certificates)

    def post(self, body: dict[str, Any] | bytes, path: str = "/sns/sns-events", **headers: str) -> httpx.Response:
        return self.post_all([body], path, **headers)[0]

    def post_all(self, bodies, path: str = "/sns/sns-events", **headers: str) -> list[httpx.Response]:
        """Post at the same time."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                posts = [
                    client.post(path, content=body if isinstance(body, bytes) else json.dumps(body), headers=named)
                    for body in bodies
                ]
                return await asyncio.gather(*posts)

        return asyncio.run(send())

    def close(self) -> None:
        self.app.close()
        self.host.close()


@pytest.fixture
def door(tmp_path):
    made = Door(tmp_path)
    yield made
    made.close()


@pytest.fixture
def doors(tmp_path):
    """Make doors that are closed at the end."""
    made: list[Door] = []

    def make(*endpoints: Sns, **options: Any) -> Door:
        made.append(Door(tmp_path, *endpoints, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "news"}])
def test_a_notification_becomes_a_record_under_its_message_id(door, version, subject):
    answer = door.post(signed(notification(EVENT, SignatureVersion=version, **subject)))
    assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})
    assert door.log.events == {"m-1": ("u-71", EVENT.encode())}


def test_a_message_that_is_delivered_again_is_there_once(door):
    message = signed(notification(EVENT))
    answers = [door.post(message), *door.post_all([message] * 5)]
    assert [each.status_code for each in answers] == [200] * 6
    assert len(door.log.events) == 1
    assert len(door.host.asked) == 1


def test_many_at_once_ask_for_the_certificate_once(door):
    answers = door.post_all([signed(notification(EVENT, MessageId=f"m-{n}")) for n in range(20)])
    assert {each.status_code for each in answers} == {200}
    assert len(door.log.events) == 20
    assert len(door.host.asked) == 1


def test_a_forged_message_is_refused_for_good(door):
    genuine = signed(notification(EVENT))
    changed = json.dumps({"user": "somebody", "kind": "SAVING"})
    for forged in (
        genuine | {"Message": changed},
        genuine | {"MessageId": "m-2"},
        genuine | {"Signature": base64.b64encode(b"0" * 256).decode()},
        signed(notification(EVENT), by="somebody else"),
    ):
        assert door.post(forged).status_code == 403
    assert door.log.streams == {}


def test_a_message_that_is_old_is_refused_as_replayed(doors):
    door = doors(Sns(topics=[TOPIC], max_age=timedelta(minutes=10)))
    for age, status in ((timedelta(minutes=9), 200), (timedelta(minutes=11), 403)):
        sent = (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z")
        assert door.post(signed(notification(EVENT, Timestamp=sent))).status_code == status


def test_a_message_signed_with_a_certificate_that_has_ended_is_refused(door):
    door.host.serves(CERTIFICATE_URL, certificate(key("sns"), ends=timedelta(days=-1)))
    for _ in range(2):
        answer = door.post(signed(notification(EVENT)))
        assert answer.status_code == 403
        assert "does not hold today" in answer.json()["detail"]
    assert len(door.host.asked) == 1


def test_a_topic_that_is_not_declared_is_refused_before_anybody_is_asked(door):
    answer = door.post(signed(notification(EVENT, TopicArn=OTHER)))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert door.host.asked == []


def test_headers_that_differ_from_the_body_are_refused(door):
    message = signed(notification(EVENT))
    same = {"x_amz_sns_topic_arn": TOPIC, "x_amz_sns_message_id": "m-1", "x_amz_sns_message_type": "Notification"}
    assert door.post(message, **same).status_code == 200
    for name, value in (("topic_arn", OTHER), ("message_id", "m-2"), ("message_type", "SubscriptionConfirmation")):
        assert door.post(message, **(same | {f"x_amz_sns_{name}": value})).status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/a.pem",
        f"https://{HOST}.evil.example/a.pem",
        f"https://user@{HOST}/a.pem",
        f"https://{HOST}:444/a.pem",
        f"https://{HOST}%2f.evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
    ],
)
def test_a_certificate_from_elsewhere_is_not_asked_for(door, url):
    assert door.post(signed(notification(EVENT, SigningCertURL=url))).status_code == 403
    assert door.host.asked == []


def test_a_certificate_that_redirects_is_not_followed(door):
    door.host.serves(CERTIFICATE_URL, b"", 301, Location=f"https://{HOST}/else.pem")
    door.host.serves(f"https://{HOST}/else.pem", certificate(key("sns")))
    assert door.post(signed(notification(EVENT))).status_code == 403
    assert len(door.host.asked) == 1


def test_a_certificate_that_cannot_be_had_today_is_no_fault_of_the_message(door):
    message = signed(notification(EVENT))
    door.host.serves(CERTIFICATE_URL, b"", 500)
    answer = door.post(message)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    door.host.serves(CERTIFICATE_URL, certificate(key("sns")))
    assert door.post(message).status_code == 200


def test_a_host_that_is_slow_or_away_is_no_fault_of_the_message(doors):
    door, over = doors(seconds=0.2), threading.Event()
    door.host.paths[CERTIFICATE_URL.removeprefix(f"https://{HOST}")] = lambda _: over.wait(20)
    assert door.post(signed(notification(EVENT))).status_code == 503
    over.set()
    door.host.close()
    assert door.post(signed(notification(EVENT))).status_code == 503
    assert door.log.streams == {}


def test_a_log_that_is_down_is_no_fault_of_the_message(door):
    for text in (EVENT, "not JSON"):
        door.log.down = True
        assert door.post(signed(notification(text, MessageId=text))).status_code == 503
        door.log.down = False
        assert door.post(signed(notification(text, MessageId=text))).status_code == 200


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"user": 7, "kind": "SAVING"}', ""])
def test_a_genuine_message_that_does_not_fit_is_set_aside_once_and_acknowledged(door, text):
    answers = [door.post(signed(notification(text))) for _ in range(2)]
    assert [(each.status_code, each.json()) for each in answers] == [(200, {"status": "quarantined"})] * 2
    (found,) = door.log.quarantine
    assert (found["stream"], found["body"], found["record_id"]) == (EVENTS.name, text, "m-1")
    assert found["reason"]
    assert door.log.events == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"Type":"Notification"}', b"[" * 100_000])
def test_what_is_no_message_is_refused_for_good(door, body):
    assert door.post(body).status_code == 400
    assert door.log.streams == {}


def test_a_subscription_is_confirmed_once(door):
    message = signed(confirmation())
    answers = [door.post(message) for _ in range(3)]
    assert [(each.status_code, each.json()) for each in answers] == [(200, {"status": "confirmed"})] * 3
    assert [path for path in door.host.asked if "ConfirmSubscription" in path] == [
        SUBSCRIBE_URL.removeprefix(f"https://{HOST}")
    ]


def test_a_subscription_is_confirmed_for_a_declared_topic_and_by_sns_only(door):
    for message in (
        signed(confirmation(TopicArn=OTHER)),
        signed(confirmation(), by="somebody else"),
        signed(confirmation()) | {"Token": "another"},
    ):
        assert door.post(message).status_code == 403
    assert not any("ConfirmSubscription" in path for path in door.host.asked)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/?Action=ConfirmSubscription",
        f"https://{HOST}@evil.example/?Action=ConfirmSubscription",
        f"https://{HOST}.evil.example/?Action=ConfirmSubscription",
        "https://127.0.0.1/?Action=ConfirmSubscription",
    ],
)
def test_a_subscription_elsewhere_is_not_visited(door, url):
    assert door.post(signed(confirmation(SubscribeURL=url))).status_code == 403
    assert not any("ConfirmSubscription" in path for path in door.host.asked)


def test_a_subscription_that_redirects_or_fails_is_not_confirmed(door):
    message = signed(confirmation())
    for status, expected in ((302, 403), (400, 403), (503, 503)):
        door.host.serves(SUBSCRIBE_URL, b"", status, Location=f"https://{HOST}/else")
        assert door.post(message).status_code == expected
    assert not any("else" in path for path in door.host.asked)
    door.host.serves(SUBSCRIBE_URL, b"")
    assert door.post(message).status_code == 200


def test_a_subscription_that_is_slow_to_confirm_is_tried_again(doors):
    door, over = doors(seconds=0.2), threading.Event()
    door.host.paths[SUBSCRIBE_URL.removeprefix(f"https://{HOST}")] = lambda _: over.wait(20)
    assert door.post(signed(confirmation())).status_code == 503
    over.set()
    door.host.serves(SUBSCRIBE_URL, b"")
    assert door.post(signed(confirmation())).status_code == 200


def test_an_unsubscription_is_reported_and_never_undone(door, caplog):
    message = signed(confirmation("UnsubscribeConfirmation"))
    assert door.post(message).json() == {"status": "unsubscribed"}
    assert f"the subscription of 'sns-events' to {TOPIC} was ended" in caplog.text
    assert not any("ConfirmSubscription" in path for path in door.host.asked)
    assert door.post(message | {"Token": "another"}).status_code == 403


RAW = {"x_amz_sns_rawdelivery": "true", "x_amz_sns_topic_arn": TOPIC, "x_amz_sns_message_id": "m-9"}


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"sns:{token}".encode()).decode()


def test_a_raw_delivery_takes_a_token(doors):
    door = doors(Sns(topics=[TOPIC], raw=True))
    text, _ = door.tokens.create(("ingest:sns-events",))
    for wrong in ({}, {"authorization": "Bearer ast_x_y"}, {"authorization": "Basic !"}, {"authorization": basic("")}):
        answer = door.post(EVENT.encode(), **RAW, **wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert door.log.streams == {}
    for right in (basic(text), f"Bearer {text}"):
        assert door.post(EVENT.encode(), **RAW, authorization=right).status_code == 200
    assert door.log.events == {"m-9": ("u-71", EVENT.encode())}


def test_a_raw_delivery_takes_the_streams_own_scope_a_declared_topic_and_an_id(doors):
    door = doors(Sns(topics=[TOPIC], raw=True), Sns(topics=[OTHER]))
    other, _ = door.tokens.create(("ingest:others", "read"))
    text, _ = door.tokens.create(("ingest:sns-events",))
    assert door.post(EVENT.encode(), **RAW, authorization=basic(other)).status_code == 403
    for headers, status in (
        (RAW | {"x_amz_sns_topic_arn": OTHER}, 403),
        ({name: value for name, value in RAW.items() if "topic" not in name}, 403),
        ({name: value for name, value in RAW.items() if "id" not in name}, 400),
    ):
        assert door.post(EVENT.encode(), **headers, authorization=basic(text)).status_code == status
    assert door.log.streams == {}


def test_a_raw_delivery_that_does_not_fit_is_set_aside(doors):
    door = doors(Sns(topics=[TOPIC], raw=True))
    text, _ = door.tokens.create(("ingest:*",))
    answer = door.post(b"\xff\xfe", **RAW, authorization=basic(text))
    assert answer.json() == {"status": "quarantined"}
    (found,) = door.log.quarantine
    assert base64.b64decode(found["body"]) == b"\xff\xfe"


def test_a_raw_delivery_where_none_is_declared_is_refused_whoever_sends_it(door):
    text, _ = door.tokens.create(("admin",))
    assert door.post(EVENT.encode(), **RAW, authorization=basic(text)).status_code == 403


def test_a_message_with_an_envelope_needs_its_signature_on_a_raw_endpoint_too(doors):
    door = doors(Sns(topics=[TOPIC], raw=True))
    assert door.post(notification(EVENT) | {"Signature": ""}).status_code == 403
    assert door.post(signed(notification(EVENT))).status_code == 200


def test_two_endpoints_of_one_stream_have_their_own_topics(doors):
    door = doors(Sns(topics=[TOPIC]), Sns(topics=[OTHER]))
    for topic in (TOPIC, OTHER):
        assert door.post(signed(notification(EVENT, TopicArn=topic, MessageId=topic))).status_code == 200
    assert [*door.log.events] == [TOPIC, OTHER]


def test_there_are_no_other_doors(door):
    assert door.post(signed(notification(EVENT)), "/sns/others").status_code == 404
    assert door.post(b"x" * (LARGEST + 1), content_type="text/plain").status_code == 413


def test_only_posts_are_taken(door):
    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door.app), base_url="http://door") as client:
            return await client.get("/sns/sns-events")

    answer = asyncio.run(get())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
